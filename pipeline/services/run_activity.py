"""Owns what happened in a run and when, the newest first: stages that began and ended, calls that are open or resolved.

Reads only, and never more than the newest: what a live run did last is found by indexes, however long it has gone on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from pipeline.core.states import CallStatus, StageRunStatus
from pipeline.models import AiCall, Run, StageRun
from pipeline.models.credits import OPEN_CALL


class Happened(StrEnum):
    """What an event tells."""

    #: A stage took its inputs.
    BEGAN = "began"
    #: A stage came to its end.
    ENDED = "ended"
    #: A model was asked; there is no answer yet.
    ASKED = "asked"
    #: A call resolved: answered, or not.
    RESOLVED = "resolved"


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
    """When it happened; of one instant, in the order in which it must have."""
    return (
        event.at,
        event.stage.number,
        (Happened.BEGAN, Happened.ASKED, Happened.RESOLVED, Happened.ENDED).index(event.happened),
    )


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
        amount, error = call.charged_amount, call.error
        stage, at = stages[call.stage_run_id], call.resolved_at
        yield Event(at, stage, Happened.RESOLVED, call.status, call.model, call.lane, amount, error)
    for call in session.execute(_calls(stages).where(OPEN_CALL).limit(most)):
        stage, at = stages[call.stage_run_id], call.created_at
        yield Event(at, stage, Happened.ASKED, call.status, call.model, call.lane, call.held_amount)


def _calls(stages: dict[int, StageRun]) -> Select[*tuple[Any, ...]]:
    wanted = (AiCall.stage_run_id, AiCall.status, AiCall.model, AiCall.lane, AiCall.held_amount, AiCall.charged_amount)
    return select(*wanted, AiCall.error, AiCall.created_at, AiCall.resolved_at).where(AiCall.stage_run_id.in_(stages))
