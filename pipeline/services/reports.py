"""Owns what is told of runs: the one document that `run --wait --json`, `run-show --json` and the pages show."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.core.catalog import BY_KEY
from pipeline.core.money import credit_string
from pipeline.core.states import ItemStatus
from pipeline.models import AiCall, CreditEntry, Run, StageRun
from pipeline.services.stage_runs import item_counts, of_run


def run_report(session: Session, run_id: int) -> dict[str, Any]:
    """`{"run_id","status","reason","stages":[…],"credits":{"before","after","held"}}`; credits are decimal strings.

    `inputs` is what the stage was admitted with; done + failed + skipped + released add up to it at the end.
    """
    run = session.get_one(Run, run_id)
    rows = of_run(session, run_id)
    counts = item_counts(session, [row.id for row in rows])
    return {
        "run_id": run.id,
        "status": run.status.value,
        "reason": run.reason,
        "stages": [_stage(row, counts[row.id]) for row in rows],
        "credits": _credits(session, run),
    }


def _stage(row: StageRun, counts: dict[ItemStatus, int]) -> dict[str, Any]:
    return {
        "number": row.number,
        "key": row.key,
        "name": BY_KEY[row.key].name,
        "status": row.status.value,
        "reason": row.reason,
        "inputs": sum(counts.values()),
        "done": counts.get(ItemStatus.DONE, 0),
        "failed": counts.get(ItemStatus.FAILED, 0),
        "skipped": counts.get(ItemStatus.SKIPPED, 0),
        "released": counts.get(ItemStatus.RELEASED, 0),
        "credits_spent": credit_string(row.spent),
        "credits_cap": credit_string(row.cap),
    }


def _credits(session: Session, run: Run) -> dict[str, str]:
    """Before: available at the start; after: less what the run's own calls were charged; held: the run's now."""
    charged = session.scalar(
        select(func.coalesce(func.sum(CreditEntry.amount), 0))
        .join(AiCall, AiCall.id == CreditEntry.call_id)
        .join(StageRun, StageRun.id == AiCall.stage_run_id)
        .where(StageRun.run_id == run.id, CreditEntry.kind == "charge")
    )
    held = session.scalar(select(func.coalesce(func.sum(StageRun.held), 0)).where(StageRun.run_id == run.id)) or 0
    before = run.available
    return {
        "before": credit_string(before),
        "after": credit_string(before + int(charged or 0)),
        "held": credit_string(int(held)),
    }
