"""Owns the statements on stage items: claim, close, give back, split, give up.

Positions are walked upwards and remembered; what was given back is claimed again, together, before anything new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Select, bindparam, literal_column, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from pipeline.config import config
from pipeline.contract import Produced, Stage
from pipeline.core.states import ItemStatus
from pipeline.engine.lanes import Grip
from pipeline.models import StageItem
from pipeline.models.base import table_of

_table = table_of(StageItem)
_item = _table.c
#: A batch that died this often becomes two.
_STRIKES = 2
_ERROR_LENGTH = 2_000


@dataclass(frozen=True)
class Item:
    """A claimed item."""

    position: int
    subject_id: int
    attempts: int
    strikes: int
    #: Whether it was claimed before and came back: its question may have an answer already.
    given_back: bool = False
    #: Whether its subject still waited for the stage when it was claimed.
    waits: bool = True


_OF_STAGE_RUN = _item.stage_run_id == bindparam("stage_run")
_PENDING = _item.status == ItemStatus.PENDING
NEXT = (
    select(_item.position)
    .where(_OF_STAGE_RUN, _PENDING, _item.batch.is_(None), _item.position > bindparam("after"))
    .order_by(_item.position)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
# By its first item alone: of two lanes only one can lock that, so that they never hold parts of one batch.
_FIRST_GIVEN_BACK = (
    select(_item.batch)
    .where(_OF_STAGE_RUN, _PENDING, _item.batch == _item.position)
    .order_by(_item.position)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_ROW = (_item.position, _item.subject_id, _item.attempts, _item.strikes, _item.batch)
#: Columns of a claim.
CLAIMED = len(_ROW) + 1


def claim(stage: Stage[Any, Any], becomes: ItemStatus, *, of: Select[Any]) -> ReturningUpdate[Any]:
    """The claim of the positions `of`, as rows for `items_of`. Subjects that are kept at once are locked."""
    subject = table_of(stage.subject).c
    # Plain text: SQLite's RETURNING takes no qualified names.
    waits = select(subject.status == stage.waits_as).where(subject.id == literal_column("subject_id"))
    if becomes is ItemStatus.DONE:
        waits = waits.with_for_update(key_share=True)
    return (
        update(_table)
        .where(_OF_STAGE_RUN, _item.position.in_(of))
        .values(status=becomes, lane=bindparam("lane_number"), ticket=bindparam("new_ticket"))
        .returning(*_ROW, waits.scalar_subquery().label("waits"))
    )


@cache
def _claim_new(stage: Stage[Any, Any], becomes: ItemStatus) -> ReturningUpdate[Any]:
    # A CTE: PostgreSQL may run a sub-select with LIMIT more than once inside an UPDATE.
    return claim(stage, becomes, of=select(NEXT.cte("upcoming").c.position))


@cache
def _claim_again(stage: Stage[Any, Any], becomes: ItemStatus) -> ReturningUpdate[Any]:
    of_batch = select(_item.position).where(_OF_STAGE_RUN, _PENDING, _item.batch == bindparam("of_batch"))
    return claim(stage, becomes, of=of_batch)


_MINE = (
    _OF_STAGE_RUN,
    _item.position == bindparam("at"),
    _item.status == ItemStatus.LEASED,
    _item.lane == bindparam("lane_number"),
)


def claim_new(
    session: Session, grip: Grip, stage: Stage[Any, Any], *, after: int, most: int, becomes: ItemStatus
) -> list[Item]:
    """Claim the next pending items above position `after`, at most `most`, in one statement."""
    values = {"after": after, "most": most, **holder(grip.stage_run_id, grip.lane, grip.ticket)}
    return items_of(session.connection().execute(_claim_new(stage, becomes), values).all())


def claim_again(session: Session, grip: Grip, stage: Stage[Any, Any], *, becomes: ItemStatus) -> list[Item]:
    """Claim the first batch that was given back, whole."""
    batch = session.connection().execute(_FIRST_GIVEN_BACK, {"stage_run": grip.stage_run_id}).scalar_one_or_none()
    if batch is None:
        return []
    values = {"of_batch": batch, **holder(grip.stage_run_id, grip.lane, grip.ticket)}
    return items_of(session.connection().execute(_claim_again(stage, becomes), values).all())


def any_pending(session: Session, stage_run_id: int) -> bool:
    """Whether anything is left to claim, looked for once from the first position."""
    query = select(_item.position).where(_item.stage_run_id == stage_run_id, _PENDING).limit(1)
    return session.connection().execute(query).first() is not None


_DONE = update(_table).where(*_MINE).values(status=ItemStatus.DONE, credits=_item.credits + bindparam("charged"))
_DONE_WITH = _DONE.values(produced=bindparam("made"))


def close_done(
    session: Session, grip: Grip, items: Sequence[Item], produced: Produced | None, *, charged_ucr: int
) -> None:
    """Mark claimed items done, with what they became; the charge is shared evenly, the first one bears the rest."""
    share, rest = divmod(charged_ucr, len(items))
    rows = []
    for index, item in enumerate(items):
        row = {
            "stage_run": grip.stage_run_id,
            "at": item.position,
            "lane_number": grip.lane,
            "charged": share + (rest if index == 0 else 0),
        }
        rows.append(row if produced is None else {**row, "made": list(produced.get(item.subject_id, ()))})
    session.connection().execute(_DONE if produced is None else _DONE_WITH, rows if len(rows) > 1 else rows[0])


def add_charge(session: Session, stage_run_id: int, item: Item, charged_ucr: int) -> None:
    """Book a charge on an item whose outcome is still open (an answer that was of no use)."""
    _set(session, stage_run_id, [item], credits=_item.credits + charged_ucr)


def record_produced(session: Session, stage_run_id: int, items: Sequence[Item], produced: Produced) -> None:
    """Note what items that are closed already became."""
    rows = [
        {"stage_run": stage_run_id, "at": item.position, "made": list(produced.get(item.subject_id, ()))}
        for item in items
    ]
    statement = (
        update(_table).where(_OF_STAGE_RUN, _item.position == bindparam("at")).values(produced=bindparam("made"))
    )
    session.connection().execute(statement, rows)


def skip(session: Session, stage_run_id: int, items: Sequence[Item], *, reason: str) -> None:
    """Their subjects are not to be worked on, or were left waiting by the answer."""
    if items:
        _set(session, stage_run_id, items, status=ItemStatus.SKIPPED, error=reason)


def fail(session: Session, stage_run_id: int, item: Item, *, error: str, attempts: int) -> None:
    """Give the item up."""
    _set(session, stage_run_id, [item], status=ItemStatus.FAILED, error=error[:_ERROR_LENGTH], attempts=attempts)


def release(session: Session, stage_run_id: int, items: Sequence[Item]) -> None:
    """Back to pending without an attempt: no fault of theirs."""
    _set(session, stage_run_id, items, status=ItemStatus.PENDING, lane=None, ticket=None, batch=items[0].position)


def give_back(session: Session, stage_run_id: int, items: Sequence[Item], *, error: str) -> Item | None:
    """Back to pending after a death or an error: an attempt for an item alone, a strike for a batch; two split it.

    Returns the item where it was alone and has no attempt left: the caller gives it up.
    """
    if len(items) > 1:
        if items[0].strikes + 1 >= _STRIKES:
            split(session, stage_run_id, items, error=error)
        else:
            again = {"strikes": _item.strikes + 1, "error": error[:_ERROR_LENGTH], "batch": items[0].position}
            _set(session, stage_run_id, items, status=ItemStatus.PENDING, lane=None, ticket=None, **again)
        return None
    item = items[0]
    if item.attempts + 1 >= config().item_attempts:
        return item
    again = {"attempts": item.attempts + 1, "error": error[:_ERROR_LENGTH], "batch": item.position}
    _set(session, stage_run_id, items, status=ItemStatus.PENDING, lane=None, ticket=None, **again)
    return None


def split(session: Session, stage_run_id: int, items: Sequence[Item], *, error: str) -> None:
    """Make two batches of one that answered garbage or died twice; each is claimed again by itself."""
    middle = (len(items) + 1) // 2
    for half in (items[:middle], items[middle:]):
        again = {"strikes": 0, "error": error[:_ERROR_LENGTH], "batch": half[0].position}
        _set(session, stage_run_id, half, status=ItemStatus.PENDING, lane=None, ticket=None, **again)


def still_pending(session: Session, stage_run_id: int, items: Sequence[Item]) -> list[Item]:
    """Those whose claim was rolled back and that no other lane has claimed since; locked."""
    query = select(_item.position).where(
        _item.stage_run_id == stage_run_id, _item.position.in_([item.position for item in items]), _PENDING
    )
    free = set(session.connection().execute(query.with_for_update(skip_locked=True)).scalars())
    return [item for item in items if item.position in free]


def leased_by(session: Session, stage_run_id: int, lane: int) -> list[Item]:
    """What a lane holds, in order."""
    query = select(*_ROW).where(
        _item.stage_run_id == stage_run_id, _item.lane == lane, _item.status == ItemStatus.LEASED
    )
    rows = session.connection().execute(query.with_for_update()).all()
    return items_of([(*row, True) for row in rows])


def holder(stage_run_id: int, lane: int, ticket: int) -> dict[str, Any]:
    """Who claims of what."""
    return {"stage_run": stage_run_id, "lane_number": lane, "new_ticket": ticket}


def items_of(rows: Sequence[Sequence[Any]]) -> list[Item]:
    """Claimed rows in order of position."""
    ordered = sorted(rows, key=itemgetter(0))
    return [Item(row[0], row[1], row[2], row[3], row[4] is not None, bool(row[5])) for row in ordered]


def _set(session: Session, stage_run_id: int, items: Sequence[Item], **values: Any) -> None:
    positions = [item.position for item in items]
    session.connection().execute(
        update(_table).where(_item.stage_run_id == stage_run_id, _item.position.in_(positions)).values(**values)
    )
