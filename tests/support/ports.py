"""Owns the ports of tests: free ones that no other process is given by chance before they are used."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from pipeline.local.ports import is_free

# Below the ports that systems hand out by themselves (Linux from 32768, others from 49152): whoever connects somewhere,
# or listens at "any port", is never given one of these between the look and the use.
_OURS: Final = range(20_000, 32_000)


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    return next(port for port in _candidates() if is_free(port))


def _candidates() -> Iterator[int]:
    """In an order of its own in each process, and not that of a seed that a test has set."""
    return iter(random.SystemRandom().sample(_OURS, len(_OURS)))
