"""Owns choices that look random and depend on their seed alone, on every machine and Python version."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")

_MASK = (1 << 64) - 1
_MULTIPLIER = 6364136223846793005
_INCREMENT = 1442695040888963407


class Dice:
    """A stream of choices. `random` is not used: its streams may change between Python versions."""

    def __init__(self, *seed: str) -> None:
        """Start the stream that belongs to these words."""
        digest = hashlib.blake2b("\x1f".join(seed).encode(), digest_size=8).digest()
        self._state = int.from_bytes(digest, "big")

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        self._state = (self._state * _MULTIPLIER + _INCREMENT) & _MASK
        return (self._state >> 33) * limit >> 31

    def between(self, low: float, high: float) -> float:
        """A number from `low` up to `high`."""
        return low + (high - low) * self.below(1 << 20) / (1 << 20)

    def pick(self, options: Sequence[Item]) -> Item:
        """One of `options`."""
        return options[self.below(len(options))]

    def shuffled(self, options: Sequence[Item]) -> list[Item]:
        """All of `options` in another order."""
        rest = list(options)
        return [rest.pop(self.below(len(rest))) for _ in range(len(rest))]
