"""Owns how long a stage lasts if all goes badly: every call as slow as it may be, tried as often, lost as often.

What nobody can bound is not in it: waits for a provider that is down or left alone (each ends the stage after
`provider_wait_max_seconds`), what other runs take of its pace, workers that die. Never: the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.config import config
from pipeline.services.forecasts.paces import Pace
from pipeline.services.forecasts.questions import Questions

#: Asked, and repaired once.
_CALLS_AN_ASKING: Final = 2
#: By how much longer than asked for a provider is left alone between two tries, at most.
_JITTER: Final = 1.1


@dataclass(frozen=True)
class WorstCall:
    """One call as a worker makes it: some tries, each as long as it may be, with pauses between them."""

    tries: int
    seconds: float

    @classmethod
    def configured(cls) -> WorstCall:
        """By this installation's settings."""
        tries, pause = config().call_attempts, config().call_wait_seconds * _JITTER
        return cls(tries, tries * config().call_timeout_seconds + (tries - 1) * pause)


def calls_an_asking() -> int:
    """An asking and its repair, and what is lost of them before the item, or the batch, has no further attempt."""
    return _CALLS_AN_ASKING + max(config().item_attempts - 1, 1)


def worst_seconds(questions: Questions, *, lanes: int, pace: Pace) -> float:
    """How long all of a stage's questions take, without its delays: in these lanes, then by the provider's pace."""
    call, askings = WorstCall.configured(), questions.worst_askings
    in_lanes = _rounds(questions, lanes) * calls_an_asking() * call.seconds
    by_pace = askings * calls_an_asking() * call.tries * pace.seconds_a_call(questions.worst_tokens)
    return in_lanes + by_pace


def _rounds(questions: Questions, lanes: int) -> int:
    """Askings one after the other: a lane that finds nothing closes, and what is halved is left to the last one."""
    alone = questions.most_askings_of_one - 1 if lanes > 1 else 0
    return -(-questions.worst_askings // lanes) + alone
