"""Owns what stands between two batches: the ticket moves on and what comes next is claimed, in one statement.

PostgreSQL alone can do that; elsewhere a boundary is the two statements of `lanes` and `items`.
Never: a claim for a lane that is another's, or whose stage ends or run rests.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Select, select, true
from sqlalchemy.orm import Session

from pipeline.contract import Stage
from pipeline.core.states import ItemStatus, RunStatus
from pipeline.engine import items, lanes
from pipeline.engine.items import Item
from pipeline.engine.lanes import Grip, LaneTaken, Renewal


def advance_and_claim(
    session: Session,
    renewal: Renewal,
    stage: Stage[Any, Any],
    *,
    after: int,
    most: int,
    becomes: ItemStatus,
) -> tuple[Grip, list[Item]]:
    """`lanes.advance`, then `items.claim_new` where the lane may go on. LaneTaken where it is no longer ours."""
    grip = renewal.grip
    values = {
        **renewal.values(),
        **items.holder(grip.stage_run_id, grip.lane, grip.ticket + 1),
        "after": after,
        "most": most,
    }
    statement = _statement(stage, becomes, moves=renewal.moves, keeps=bool(renewal.keeping))
    rows = session.connection().execute(statement, values).all()
    if not rows:
        raise LaneTaken
    claimed = [row[: items.CLAIMED] for row in rows if row[0] is not None]
    return renewal.advanced(rows[0][items.CLAIMED :]), items.items_of(claimed)


@cache
def _statement(stage: Stage[Any, Any], becomes: ItemStatus, *, moves: bool, keeps: bool) -> Select[Any]:
    held = lanes.advancing(stage, moves=moves, keeps=keeps).cte("held")
    may_claim = held.c.ending.is_(None) & (held.c.run_status == RunStatus.RUNNING)
    upcoming = items.NEXT.where(select(held.c.batch_done).where(may_claim).exists()).cte("upcoming")
    claimed = items.claim(stage, becomes, of=select(upcoming.c.position)).cte("claimed")
    return select(claimed, held).select_from(held.outerjoin(claimed, true()))
