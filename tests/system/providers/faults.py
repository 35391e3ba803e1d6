"""Owns which request meets which fault: a fifth of them, in an order that a seed decides, all kinds equally often."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """What becomes of a request instead of an answer."""

    #: Too many requests: come back in a second.
    RATE_LIMIT = "429"
    #: The server breaks.
    BROKEN = "500"
    #: The answer comes, and is billed, when nobody waits any more.
    TIMEOUT = "timeout"
    #: The answer is cut off: by the model (billed, readable) or, every other time, on the wire (billed, unreadable).
    TRUNCATION = "truncation"
    #: The connection goes: before an answer or, every other time, after it was made and billed.
    DISCONNECT = "disconnect"
    #: The model's answer is no JSON or no image (billed, readable); every other time the whole body is none.
    BAD_JSON = "bad_json"


#: Requests of which one is lost to each kind: 6 of 30 are a fifth.
BLOCK: Final = 5 * len(Fault)


@dataclass(frozen=True)
class Met:
    """A fault and which of its two shapes it has."""

    fault: Fault
    #: The second shape: what was made, and billed, cannot be read.
    on_the_wire: bool


@dataclass
class Deck:
    """The faults of a run, dealt in blocks: after 10 blocks each kind was met 10 times."""

    seed: int
    _dealt: list[Met | None] = field(default_factory=list)

    def met_by(self, number: int) -> Met | None:
        """What the request of that number meets; None: nothing but its answer."""
        while number >= len(self._dealt):
            self._deal()
        return self._dealt[number]

    def _deal(self) -> None:
        block = len(self._dealt) // BLOCK
        dice = random.Random(f"{self.seed}/{block}")
        faults = [Met(fault, on_the_wire=bool((block + place) % 2)) for place, fault in enumerate(Fault)]
        cards: list[Met | None] = [*faults, *[None] * (BLOCK - len(faults))]
        dice.shuffle(cards)
        self._dealt += cards
