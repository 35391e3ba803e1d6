"""Owns the adapters as tests open them: sent to a stand-in, and closed when the test is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from pipeline.ai import provider
from pipeline.ai.port import Provider
from tests.system.providers.installation import KEY

#: The adapter of a provider, by its name.
Opened = Callable[[str], Provider]


@contextmanager
def opening(addresses: Mapping[str, str]) -> Iterator[Opened]:
    """Adapters that ask at these addresses; no connection of theirs outlives the block."""
    with ExitStack() as stack:

        def adapter_of(name: str) -> Provider:
            adapter: Any = provider(name, base_url=addresses[name], api_key=KEY)
            stack.callback(adapter._client.close)
            opened: Provider = adapter
            return opened

        yield adapter_of
