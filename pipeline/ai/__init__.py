"""Owns the list of AI providers and opens one by its name; an adapter is imported when it is first asked for.

Never: the database, credits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.ai.port import NoAdapterError, Provider
from pipeline.ai.refusals import Speaker, shown
from pipeline.core.errors import NotReadyError


@dataclass(frozen=True)
class Connection:
    """How to reach a provider: None means the adapter's own address, or that no key is set."""

    base_url: str | None
    api_key: str | None = field(repr=False)


def _offline(_connection: Connection) -> Provider:
    from pipeline.ai.offline import OfflineProvider

    return OfflineProvider()


def _openai(connection: Connection) -> Provider:
    from pipeline.ai.openai_adapter import OpenAIProvider

    return OpenAIProvider(base_url=connection.base_url, api_key=connection.api_key)


def _anthropic(connection: Connection) -> Provider:
    from pipeline.ai.anthropic_adapter import AnthropicProvider

    return AnthropicProvider(base_url=connection.base_url, api_key=connection.api_key)


def _runware(connection: Connection) -> Provider:
    from pipeline.ai.runware_adapter import RunwareProvider

    return RunwareProvider(base_url=connection.base_url, api_key=connection.api_key)


ADAPTERS: dict[str, Callable[[Connection], Provider]] = {
    "offline": _offline,
    "openai": _openai,
    "anthropic": _anthropic,
    "runware": _runware,
}


def provider(name: str, *, base_url: str | None = None, api_key: str | None = None) -> Provider:
    """The provider called `name`, ready to be asked.

    NotReadyError for a name that has no adapter, NoAdapterError where the adapter cannot be made as it is set.
    """
    adapter = ADAPTERS.get(name)
    if adapter is None:
        known = ", ".join(sorted(ADAPTERS))
        raise NotReadyError(
            f"There is no AI provider called {name!r}. Known providers: {known}. Choose a model of one of them."
        )
    try:
        return adapter(Connection(base_url=base_url, api_key=api_key))
    except Exception as error:  # noqa: BLE001 - whatever an SDK does not take, nothing was sent
        said = shown(f"{type(error).__name__}: {error}", Speaker(name, api_key)).rstrip(".")
        raise NoAdapterError(
            f"{name} cannot be asked at {base_url or 'its own address'} ({said}). Nothing was sent. Set another "
            f"address: igny8 providers set {name} --base-url URL"
        ) from None


__all__ = ["ADAPTERS", "Connection", "provider"]
