"""Owns what of a run's page may differ from one look to the next."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from pipeline.core.states import LIVE_RUNS, RunStatus, StageRunStatus
from pipeline.models import Run, Site
from pipeline.services import calendar, reports
from pipeline.services.run_items import lines_of
from pipeline.services.stage_runs import of_run

ITEMS_SHOWN: Final = 30
#: What was not reached went back to where it waited.
_FINISHED: Final = ("done", "failed", "skipped")


def parts_of(session: Session, run: Run, site: Site, *, now: datetime) -> dict[str, Any]:
    """What `run_parts.html` shows."""
    rows = of_run(session, run.id)
    report = reports.run_report(session, run.id)
    spent, held = sum(row.spent for row in rows), sum(row.held for row in rows)
    current = next((row for row in rows if row.status is StageRunStatus.RUNNING), None)
    lines = lines_of(session, rows, most=ITEMS_SHOWN)
    return {
        "rows": [
            {
                "row": row,
                "told": told,
                "finished": sum(told[name] for name in _FINISHED),
                "lines": lines[row.id],
                "took": None if row.admitted_at is None else (row.finished_at or now) - row.admitted_at,
            }
            for row, told in zip(rows, report["stages"], strict=True)
        ],
        "current": current,
        "working_on": [line for line in lines[current.id] if line.status.value == "leased"] if current else [],
        "is_live": run.status in LIVE_RUNS,
        "is_paused": run.status is RunStatus.PAUSED,
        "spent_ucr": spent,
        "held_ucr": held,
        "left_ucr": max(0, run.available - spent - held),
        "elapsed": None if run.started_at is None else (run.finished_at or now) - run.started_at,
        "articles": next(told for told in report["stages"] if told["key"] == "tasks_to_content"),
        "failed": sum(told["failed"] for told in report["stages"]),
        "ended": sum(1 for row in rows if row.finished_at is not None),
        "next_slot": calendar.predicted_slot(session, site, now=now),
    }
