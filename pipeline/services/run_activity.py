"""Owns what happened in a run and when, the newest first: stages that began and ended, calls that are open or resolved.

Reads only, and never more than the newest: what a live run did last is found by indexes, however long it has gone on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any, Final

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from pipeline.core.states import CallStatus, StageRunStatus
from pipeline.models import AiCall, Run, StageRun
from pipeline.models.credits import OPEN_CALL


class Happened(StrEnum):
    """What an event tells; of one stage and instant, they happen in this order."""

    #: A stage took its inputs.
    BEGAN = "began"
    #: A model was asked; there is no answer yet.
    ASKED = "asked"
    #: A call resolved: answered, or not.
    RESOLVED = "resolved"
    #: A stage came to its end.
    ENDED = "ended"


_ORDER: Final = tuple(Happened)


@dataclass(frozen=True)
class Event:
    """One thing that happened. Amounts are micro-credits: held while it is open, else charged."""

    at: datetime
    stage: StageRun
    happened: Happened
    status: StageRunStatus | CallStatus
    model: str = ""
    lane: int | None = None
    amount_ucr: int = 0
    error: str | None = None


def events_of(session: Session, run: Run, rows: Sequence[StageRun], *, most: int) -> list[Event]:
    """The newest `most` of the run, whose stage runs these are; the caller has looked it up."""
    found = [*_of_stages(rows), *_of_calls(session, run, rows, most=most)]
    return list(islice(sorted(found, key=_instant, reverse=True), most))


def _instant(event: Event) -> tuple[datetime, int, int]:
    return event.at, event.stage.number, _ORDER.index(event.happened)


def _of_stages(rows: Sequence[StageRun]) -> Iterator[Event]:
    for row in rows:
        if row.admitted_at is not None and row.status is not StageRunStatus.SKIPPED:
            yield Event(row.admitted_at, row, Happened.BEGAN, StageRunStatus.RUNNING)
        if row.finished_at is not None:
            yield Event(row.finished_at, row, Happened.ENDED, row.status)


def _of_calls(session: Session, run: Run, rows: Sequence[StageRun], *, most: int) -> Iterator[Event]:
    stages = {row.id: row for row in rows if row.admitted_at is not None}
    # An account's calls stand in the order in which they resolved: those of one run lie together.
    resolved = _calls(stages).where(AiCall.account_id == run.account_id, AiCall.resolved_at >= run.created_at)
    if run.finished_at is not None:
        resolved = resolved.where(AiCall.resolved_at <= run.finished_at)
    for call in session.execute(resolved.order_by(AiCall.resolved_at.desc()).limit(most)):
        told = _call(call, stages[call.stage_run_id], call.resolved_at, Happened.RESOLVED)
        yield replace(told, amount_ucr=call.charged_amount, error=call.error)
    for call in session.execute(_calls(stages).where(OPEN_CALL).limit(most)):
        yield _call(call, stages[call.stage_run_id], call.created_at, Happened.ASKED)


def _call(call: Row[*tuple[Any, ...]], stage: StageRun, at: datetime, happened: Happened) -> Event:
    return Event(at, stage, happened, call.status, call.model, call.lane, amount_ucr=call.held_amount)


def _calls(stages: dict[int, StageRun]) -> Select[*tuple[Any, ...]]:
    wanted = (AiCall.stage_run_id, AiCall.status, AiCall.model, AiCall.lane, AiCall.held_amount, AiCall.charged_amount)
    return select(*wanted, AiCall.error, AiCall.created_at, AiCall.resolved_at).where(AiCall.stage_run_id.in_(stages))
