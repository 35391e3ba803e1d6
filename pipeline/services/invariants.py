"""Owns the laws that rows keep together, whatever was killed when; doctor, housekeeping and the tests ask for them.

A law is one statement, so that it compares rows of one moment even while others write. It may be asked of a window of
ids, so that a large installation is looked at a portion at a time. Never: repairs anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, RowMapping, func, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from pipeline.core.money import credit_string
from pipeline.core.states import LIVE_RUNS, CallStatus, ItemStatus, LaneStatus, PublicationStatus, StageRunStatus
from pipeline.models import (
    Account,
    AiCall,
    Base,
    CalendarSlot,
    CreditEntry,
    Lane,
    Publication,
    Run,
    StageItem,
    StageRun,
)
from pipeline.models.base import table_of
from pipeline.models.publishing import UNSEEN
from pipeline.services import call_laws
from pipeline.services.call_laws import CALL_IS_SETTLED, Rows, Window
from pipeline.services.credits import OPEN_CALLS

_SHOWN_PER_LAW = 50
_RUN_IS_OVER = Run.status.not_in(LIVE_RUNS)
_STAGE_IS_OVER = StageRun.status.not_in((StageRunStatus.PENDING, StageRunStatus.RUNNING))
_CALL_IS_OPEN = AiCall.status.in_(OPEN_CALLS)
_CALL_IS_LOST = AiCall.status == CallStatus.LOST
_UNREACHED = (ItemStatus.PENDING, ItemStatus.LEASED)
#: Columns that hold micro-credits.
_AMOUNTS = frozenset({"recorded", "summed", "held", "balance", "used", "cap", "due", "booked"})


_ALL: Final = Window(above=0)


@dataclass(frozen=True)
class _Law:
    """The table whose rows it is about, those that break it, and the sentence about each: a template of its columns."""

    of: type[Base]
    breaches: Callable[[Window], Rows]
    sentence: str


def violations(session: Session) -> list[str]:
    """A sentence for every row that breaks a law (at most 50 a law); empty where the database is sound."""
    return [sentence for law in _LAWS for sentence in _told(session, law, _ALL)]


def walked() -> list[type[Base]]:
    """The tables that laws are about: each is looked at window by window."""
    return list(dict.fromkeys(law.of for law in _LAWS))


def violations_in(session: Session, of: type[Base], window: Window) -> list[str]:
    """The same for the rows of one table in a window of its ids."""
    return [sentence for law in _LAWS if law.of is of for sentence in _told(session, law, window)]


def window_after(session: Session, of: type[Base], position: int, *, size: int) -> Window | None:
    """The next `size` rows of the table after that id; None where none follows."""
    row_id = table_of(of).c.id
    following = select(row_id).where(row_id > position).order_by(row_id).limit(size).subquery()
    upto: int | None = session.scalar(select(func.max(following.c.id)))
    return None if upto is None else Window(position, upto)


def _told(session: Session, law: _Law, window: Window) -> list[str]:
    rows = session.execute(law.breaches(window).limit(_SHOWN_PER_LAW)).mappings()
    return [law.sentence.format_map(_shown(row)) for row in rows]


def _shown(row: RowMapping) -> dict[str, Any]:
    """The columns of a row for a sentence: amounts in credits."""
    return {name: credit_string(int(value)) if name in _AMOUNTS else value for name, value in row.items()}


def _differs(
    recorded: InstrumentedAttribute[int],
    *,
    amount: InstrumentedAttribute[int],
    owner: InstrumentedAttribute[Any],
    where: ColumnElement[bool] | None = None,
) -> Callable[[Window], Rows]:
    """Rows whose `recorded` is not the sum of `amount` over the rows they own: id, recorded, summed."""

    def breaches(window: Window) -> Rows:
        sums = (
            select(owner.label("owner_id"), func.sum(amount).label("total"))
            .where(true() if where is None else where, window.holds(owner))
            .group_by(owner)
            .subquery()
        )
        summed = func.coalesce(sums.c.total, 0)
        row_id = recorded.class_.id
        return (
            select(row_id, recorded.label("recorded"), summed.label("summed"))
            .outerjoin(sums, sums.c.owner_id == row_id)
            .where(recorded != summed, window.holds(row_id))
            .order_by(row_id)
        )

    return breaches


def _open_calls_of_ended_runs(window: Window) -> Rows:
    return (
        select(Run.id, Run.status, func.count().label("calls"), func.sum(AiCall.held_amount).label("held"))
        .join(StageRun, StageRun.run_id == Run.id)
        .join(AiCall, AiCall.stage_run_id == StageRun.id)
        .where(_RUN_IS_OVER, _CALL_IS_OPEN, window.holds(Run.id))
        .group_by(Run.id, Run.status)
        .order_by(Run.id)
    )


def _open_lanes_of_ended_runs(window: Window) -> Rows:
    return (
        select(Run.id, Run.status, StageRun.number.label("stage"), Lane.number.label("lane"))
        .join(StageRun, StageRun.run_id == Run.id)
        .join(Lane, Lane.stage_run_id == StageRun.id)
        .where(_RUN_IS_OVER, Lane.status == LaneStatus.OPEN, window.holds(Run.id))
        .order_by(Run.id, StageRun.number, Lane.number)
    )


def _unreached_items_of_ended_stages(window: Window) -> Rows:
    return (
        select(StageRun.id, StageRun.status, StageItem.status.label("item_status"), func.count().label("items"))
        .join(StageItem, StageItem.stage_run_id == StageRun.id)
        .where(_STAGE_IS_OVER, StageItem.status.in_(_UNREACHED), window.holds(StageRun.id))
        .group_by(StageRun.id, StageRun.status, StageItem.status)
        .order_by(StageRun.id, StageItem.status)
    )


def _overdrawn(window: Window) -> Rows:
    held, balance = Account.held, Account.balance
    return select(Account.id, held, balance).where(held > balance, window.holds(Account.id)).order_by(Account.id)


def _over_cap(window: Window) -> Rows:
    used = StageRun.spent + StageRun.held + StageRun.lost
    over = (StageRun.cap < used) & window.holds(StageRun.id)
    return select(StageRun.id, used.label("used"), StageRun.cap).where(over).order_by(StageRun.id)


def _planned_without_slot(window: Window) -> Rows:
    """Publications that people were told an instant of, without the slot that keeps it free of others."""
    known = CalendarSlot
    held = (known.content_id == Publication.content_id) & (known.site_id == Publication.site_id)
    return (
        select(Publication.id, Publication.content_id, Publication.slot_at)
        .outerjoin(known, held & (known.slot_at == Publication.slot_at))
        .where(
            Publication.status.in_((PublicationStatus.PLANNED, *UNSEEN)),
            Publication.slot_at.is_not(None),
            known.content_id.is_(None),
            window.holds(Publication.id),
        )
        .order_by(Publication.id)
    )


_LAWS = (
    _Law(
        Account,
        _differs(Account.balance, amount=CreditEntry.amount, owner=CreditEntry.account_id),
        "Account {id}: its balance is {recorded} credits, but its entries sum to {summed}.",
    ),
    _Law(
        Account,
        _differs(Account.held, amount=AiCall.held_amount, owner=AiCall.account_id, where=_CALL_IS_OPEN),
        "Account {id} holds {recorded} credits, but its open calls hold {summed}.",
    ),
    _Law(
        Account,
        _overdrawn,
        "Account {id} holds {held} credits, more than its balance of {balance}.",
    ),
    _Law(
        StageRun,
        _differs(StageRun.held, amount=AiCall.held_amount, owner=AiCall.stage_run_id, where=_CALL_IS_OPEN),
        "Stage run {id} holds {recorded} credits, but its open calls hold {summed}.",
    ),
    _Law(
        StageRun,
        _differs(StageRun.spent, amount=AiCall.charged_amount, owner=AiCall.stage_run_id, where=CALL_IS_SETTLED),
        "Stage run {id} has spent {recorded} credits, but its settled calls were charged {summed}.",
    ),
    _Law(
        StageRun,
        _differs(StageRun.lost, amount=AiCall.held_amount, owner=AiCall.stage_run_id, where=_CALL_IS_LOST),
        "Stage run {id} has lost {recorded} credits, but its lost calls held {summed}.",
    ),
    _Law(
        StageRun,
        _over_cap,
        "Stage run {id} has {used} credits spent, held and lost, more than its cap of {cap}.",
    ),
    _Law(
        AiCall,
        call_laws.wrong_answers,
        "Call {id} is {status}: a settled call has an answer, any other has neither an answer nor a charge.",
    ),
    _Law(
        AiCall,
        call_laws.wrong_flags,
        "Call {id} is {status} and flagged {flags}: only answered calls are wasted, estimated or more than was held.",
    ),
    _Law(
        AiCall,
        call_laws.wrong_charges,
        "Call {id} is {status} and owes {due} credits, but {number} entries charge {booked} for it.",
    ),
    _Law(
        CreditEntry,
        call_laws.stray_charges,
        "Entry {id} charges account {account_id} {booked} credits for no call of that account.",
    ),
    _Law(
        CreditEntry,
        call_laws.stray_refunds,
        "Entry {id} gives account {account_id} {booked} credits back for a call that was not charged them.",
    ),
    _Law(
        Run,
        _open_calls_of_ended_runs,
        "Run {id} is {status}, but {calls} of its calls are open and hold {held} credits.",
    ),
    _Law(
        Run,
        _open_lanes_of_ended_runs,
        "Run {id} is {status}, but lane {lane} of its stage {stage} is open.",
    ),
    _Law(
        StageRun,
        _unreached_items_of_ended_stages,
        "Stage run {id} is {status}, but {items} of its items are {item_status}.",
    ),
    _Law(
        Publication,
        _planned_without_slot,
        "Publication {id} is planned for {slot_at}, but its content {content_id} holds no slot of its site then.",
    ),
)
