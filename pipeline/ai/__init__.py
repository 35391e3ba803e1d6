"""Owns the list of AI providers and opens one by its name; an adapter is imported when it is first asked for.

Never: the database, credits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.ai.port import Provider
from pipeline.core.errors import NotReadyError


@dataclass(frozen=True)
class Connection:
    """How to reach a provider: None means the adapter's own address, or that no key is set."""

    base_url: str | None
    api_key: str | None


def _offline(_connection: Connection) -> Provider:
    from pipeline.ai.offline import OfflineProvider

    return OfflineProvider()


ADAPTERS: dict[str, Callable[[Connection], Provider]] = {
    "offline": _offline,
}


def provider(name: str, *, base_url: str | None = None, api_key: str | None = None) -> Provider:
    """The provider called `name`, ready to be asked. Raises NotReadyError for a name that has no adapter."""
    adapter = ADAPTERS.get(name)
    if adapter is None:
        known = ", ".join(sorted(ADAPTERS))
        raise NotReadyError(
            f"There is no AI provider called {name!r}. Known providers: {known}. Choose a model of one of them."
        )
    return adapter(Connection(base_url=base_url, api_key=api_key))


__all__ = ["ADAPTERS", "Connection", "provider"]
