"""Owns what of a run's page may differ from one look to the next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from pipeline.core.states import LIVE_RUNS, ItemStatus, RunStatus, StageRunStatus
from pipeline.models import Run, Site, StageRun
from pipeline.services import calendar, reports, settings
from pipeline.services.forecasts import Rest, rest_of
from pipeline.services.run_activity import events_of
from pipeline.services.run_items import ItemLine, lines_of
from pipeline.services.stage_runs import of_run
from pipeline.web.pages.run_log import log_of

ITEMS_SHOWN: Final = 30
_EVENTS_SHOWN: Final = 12
#: Nothing is expected of others: they wait for a person, or only for what is being asked.
_GOES_ON: Final = frozenset({RunStatus.QUEUED, RunStatus.RUNNING})
#: What was not reached went back to where it waited.
_FINISHED: Final = ("done", "failed", "skipped")


def parts_of(session: Session, run: Run, site: Site, *, now: datetime, rest: Rest | None = None) -> dict[str, Any]:
    """What `run_parts.html` shows; `rest`: what is expected of the run, where that is known."""
    rows = of_run(session, run.id)
    report = reports.run_report(session, run.id)
    spent, held = sum(row.spent for row in rows), sum(row.held for row in rows)
    current = next((row for row in rows if row.status is StageRunStatus.RUNNING), None)
    lines = lines_of(session, rows, most=ITEMS_SHOWN)
    working_on = [line for line in lines[current.id] if line.status is ItemStatus.LEASED] if current else []
    events = events_of(session, run, rows, most=_EVENTS_SHOWN)
    is_live = run.status in LIVE_RUNS
    return {
        "rows": [_stage(row, told, lines[row.id], now=now) for row, told in zip(rows, report["stages"], strict=True)],
        "current": current,
        "following": next((row for row in rows if row.status is StageRunStatus.PENDING), None),
        "working_on": working_on,
        "activity": list(log_of(events, {told["number"]: told for told in report["stages"]}, working_on)),
        "rest": (rest or rest_of(session, run, site, rows, now=now)) if run.status in _GOES_ON else None,
        "is_live": is_live,
        "is_paused": run.status is RunStatus.PAUSED,
        "is_cancelling": run.status is RunStatus.CANCELLING,
        "spent_ucr": spent,
        "held_ucr": held,
        "left_ucr": max(0, run.available - spent - held),
        "elapsed": None if run.started_at is None else (run.finished_at or now) - run.started_at,
        "articles": next(told for told in report["stages"] if told["key"] == "tasks_to_content"),
        "failed": sum(told["failed"] for told in report["stages"]),
        "ended": sum(1 for row in rows if row.finished_at is not None),
        "next_slot": calendar.predicted_slot(session, site, now=now),
        "next_run_at": None if is_live else settings.row_of(session, site).next_run_at,
    }


def _stage(row: StageRun, told: dict[str, Any], lines: Sequence[ItemLine], *, now: datetime) -> dict[str, Any]:
    return {
        "row": row,
        "told": told,
        "finished": sum(told[name] for name in _FINISHED),
        "lines": lines,
        "took": None if row.admitted_at is None else (row.finished_at or now) - row.admitted_at,
    }
