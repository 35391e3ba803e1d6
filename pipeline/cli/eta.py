"""Owns the guess of how long a run still takes, from what its stages have needed so far. Pure; no promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_MINUTES_AN_HOUR: Final = 60
_FINISHED: Final = ("done", "failed", "skipped")


@dataclass(frozen=True)
class StageView:
    """What the guess needs to know of one stage."""

    status: str
    inputs: int
    finished: int
    #: Rows that would be its inputs if it began now.
    waiting: int
    #: 0: no limit.
    limit: int
    #: Since it was first seen running; None: not yet.
    elapsed_seconds: float | None


def finished_items(stage: Mapping[str, int]) -> int:
    """Items of a stage of a report that are taken care of."""
    return sum(stage[name] for name in _FINISHED)


def seconds_left(stages: list[StageView]) -> float | None:
    """Seconds until the last stage ends; None while nothing is known. What comes is taken to cost what came."""
    seen = [stage for stage in stages if stage.elapsed_seconds is not None and stage.finished]
    if not seen:
        return None
    mean = sum(stage.elapsed_seconds or 0 for stage in seen) / sum(stage.finished for stage in seen)
    left, coming = 0.0, 0
    for stage in stages:
        if stage.status == "running":
            pace = (stage.elapsed_seconds or 0) / stage.finished if stage.finished else mean
            left += (stage.inputs - stage.finished) * pace
            coming = stage.inputs
        elif stage.status == "pending":
            coming = max(stage.waiting, coming)
            coming = min(coming, stage.limit) if stage.limit else coming
            left += coming * mean
    return left


def clock(seconds: float) -> str:
    """`0:07`, `12:30`, `26:05:00`."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < _MINUTES_AN_HOUR:
        return f"{minutes}:{rest:02d}"
    return f"{minutes // _MINUTES_AN_HOUR}:{minutes % _MINUTES_AN_HOUR:02d}:{rest:02d}"
