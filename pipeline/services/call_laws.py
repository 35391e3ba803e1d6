"""Owns the laws of calls and the entries of the ledger: what was answered was charged, once, and flagged as it was.

Never: the sentences; `invariants` has those, and all other laws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, String, case, cast, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from pipeline.core.call_flags import CallFlag
from pipeline.core.states import CallStatus
from pipeline.models import AiCall, CreditEntry
from pipeline.models.credits import FLAGGED

CALL_IS_SETTLED = AiCall.status == CallStatus.SETTLED
Rows: TypeAlias = Select[*tuple[Any, ...]]


@dataclass(frozen=True)
class Window:
    """Rows by their ids: after `above`, up to `upto` (None: to the last)."""

    above: int
    upto: int | None = None

    def holds(self, row_id: ColumnElement[int] | InstrumentedAttribute[Any]) -> ColumnElement[bool]:
        """Whether a row, by that column, is in the window."""
        return row_id > self.above if self.upto is None else (row_id > self.above) & (row_id <= self.upto)


def wrong_charges(window: Window) -> Rows:
    """Settled calls without exactly one entry of their charge, and other calls with any."""
    entries = (
        select(
            CreditEntry.call_id,
            CreditEntry.account_id,
            func.count().label("number"),
            func.sum(CreditEntry.amount).label("total"),
        )
        .where(CreditEntry.kind == "charge", window.holds(CreditEntry.call_id))
        .group_by(CreditEntry.call_id, CreditEntry.account_id)
        .subquery()
    )
    due = case((CALL_IS_SETTLED, AiCall.charged_amount), else_=0)
    number, booked = func.coalesce(entries.c.number, 0), -func.coalesce(entries.c.total, 0)
    return (
        select(AiCall.id, AiCall.status, due.label("due"), number.label("number"), booked.label("booked"))
        .outerjoin(entries, (entries.c.call_id == AiCall.id) & (entries.c.account_id == AiCall.account_id))
        .where(or_(booked != due, number != case((due > 0, 1), else_=0)), window.holds(AiCall.id))
        .order_by(AiCall.id)
    )


def stray_charges(window: Window) -> Rows:
    """Charges that belong to no call of their account."""
    same = (AiCall.id == CreditEntry.call_id) & (AiCall.account_id == CreditEntry.account_id)
    return (
        select(CreditEntry.id, CreditEntry.account_id, (-CreditEntry.amount).label("booked"))
        .outerjoin(AiCall, same)
        .where(CreditEntry.kind == "charge", AiCall.id.is_(None), window.holds(CreditEntry.id))
        .order_by(CreditEntry.id)
    )


def stray_refunds(window: Window) -> Rows:
    """Refunds of calls that were not charged so much, or are another account's."""
    same = (AiCall.id == CreditEntry.call_id) & (AiCall.account_id == CreditEntry.account_id)
    fits = CALL_IS_SETTLED & (AiCall.charged_amount == CreditEntry.amount)
    return (
        select(CreditEntry.id, CreditEntry.account_id, CreditEntry.amount.label("booked"))
        .outerjoin(AiCall, same & fits)
        .where(CreditEntry.kind == "refund", CreditEntry.call_id.is_not(None), AiCall.id.is_(None))
        .where(window.holds(CreditEntry.id))
        .order_by(CreditEntry.id)
    )


def wrong_answers(window: Window) -> Rows:
    """Settled calls without an answer; others that have one or were charged."""
    unbilled = AiCall.answer.is_not(None) | (AiCall.charged_amount != 0)
    return (
        select(AiCall.id, AiCall.status)
        .where((CALL_IS_SETTLED & AiCall.answer.is_(None)) | (~CALL_IS_SETTLED & unbilled), window.holds(AiCall.id))
        .order_by(AiCall.id)
    )


def wrong_flags(window: Window) -> Rows:
    """Calls flagged as what they cannot have been: only what was answered is wasted, only what was given up is late."""
    of_answered = or_(*(has(flag) for flag in (CallFlag.WASTED, CallFlag.OVERRUN, CallFlag.USAGE_MISSING)))
    is_wrong = or_(
        ~CALL_IS_SETTLED & of_answered,
        (AiCall.status != CallStatus.LOST) & has(CallFlag.LATE),
        (AiCall.charged_amount != AiCall.held_amount) & has(CallFlag.OVERRUN),
    )
    flags = cast(AiCall.flags, String)
    return (
        select(AiCall.id, AiCall.status, flags.label("flags"))
        .where(FLAGGED, is_wrong, window.holds(AiCall.id))
        .order_by(AiCall.id)
    )


def has(flag: CallFlag) -> ColumnElement[bool]:
    """Whether a call is flagged so; `lost` is how it ended."""
    if flag is CallFlag.LOST:
        return AiCall.status == CallStatus.LOST
    return cast(AiCall.flags, String).contains(f'"{flag.value}"', autoescape=True)
