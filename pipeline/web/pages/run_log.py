"""Owns the activity of a run in words: what happened, when, and what it came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pipeline.core.money import shown as credits_shown
from pipeline.core.states import CallStatus, StageRunStatus
from pipeline.models import StageRun
from pipeline.services.run_activity import Event, Happened
from pipeline.services.run_items import ItemLine
from pipeline.web.pages.look import begun, plural, tone, words

_COUNTED: Final = ("done", "failed", "skipped", "released")
_AS_WORDS: Final = {"released": "not reached"}
#: Their reason is what became of the items.
_TELL_COUNTS: Final = frozenset({StageRunStatus.COMPLETED, StageRunStatus.COMPLETED_WITH_ERRORS})
_TONES: Final = {CallStatus.SETTLED: "done", CallStatus.VOIDED: "budget", CallStatus.LOST: "failed"}


@dataclass(frozen=True)
class LogLine:
    """One line: its instant, the tone of its dot, its sentence."""

    at: datetime
    tone: str
    text: str


def log_of(
    events: Sequence[Event], told: Mapping[int, Mapping[str, Any]], working_on: Sequence[ItemLine]
) -> Iterator[LogLine]:
    """The events in words. `told`: what the report says of each stage, by number; `working_on`: leased items."""
    for event in events:
        yield LogLine(event.at, _tone(event), f"Stage {event.stage.number} {_text(event, told, working_on)}")


def _tone(event: Event) -> str:
    if isinstance(event.status, CallStatus):
        return _TONES.get(event.status, "running")
    return tone(event.status.value)


def _text(event: Event, told: Mapping[int, Mapping[str, Any]], working_on: Sequence[ItemLine]) -> str:
    match event.happened:
        case Happened.BEGAN:
            return f"began with {plural(told[event.stage.number]['inputs'], 'input')}."
        case Happened.ENDED:
            return _ended(event.stage, told[event.stage.number])
        case Happened.ASKED:
            about = next((f" about “{line.name}”" for line in working_on if line.lane == event.lane), "")
            return f"asked {event.model}{about}. {credits_shown(event.amount_ucr)} credits held."
        case Happened.RESOLVED:
            return _resolved(event)


def _ended(stage: StageRun, told: Mapping[str, Any]) -> str:
    if stage.status is StageRunStatus.SKIPPED:
        return f"was skipped: {stage.reason}." if stage.reason else "was skipped."
    spent = f" for {credits_shown(stage.spent)} credits" if stage.spent else ""
    said = f"ended{spent}: {words(stage.status.value)}{f'; {stage.reason}' if stage.reason else ''}."
    if stage.status in _TELL_COUNTS:
        return said
    counts = ", ".join(f"{told[name]:,} {_AS_WORDS.get(name, name)}" for name in _COUNTED if told[name])
    return f"{said} {begun(counts)}." if counts else said


def _resolved(event: Event) -> str:
    if event.status is CallStatus.SETTLED:
        return f"had an answer of {event.model} for {credits_shown(event.amount_ucr)} credits."
    said = f": {event.error.rstrip('.')}" if event.error else ""
    if event.status is CallStatus.LOST:
        return f"has no word of an answer of {event.model}{said}. Nothing charged."
    return f"had no answer of {event.model}{said}. Nothing charged."
