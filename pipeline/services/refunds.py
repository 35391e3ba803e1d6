"""Owns refunds: what a call was charged is given back, whole and once, as an entry of its own.

The call and its charge stay as they are: an entry is never changed. Never: commits; judges whether one is due.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError, Fault, InvalidValueError, NotFoundError
from pipeline.core.money import credit_string
from pipeline.models import AiCall, CreditEntry
from pipeline.services import alerts, audit
from pipeline.services import credit_statements as statements
from pipeline.services import credits as ledger

MOST_REASON_CHARACTERS: Final = 500


@dataclass(frozen=True)
class Refund:
    """What a call was given back, in micro-credits; not new where that had been done before."""

    call_id: int
    amount_ucr: int
    is_new: bool


def refund(session: Session, *, account_id: int, call_id: int, reason: str, actor: str, now: datetime) -> Refund:
    """Give back what the account's call was charged; once more changes nothing.

    NotFoundError; ConflictError where nothing was charged; InvalidValueError without a reason.
    """
    reason = _checked(reason)
    # Locked before the entry is looked for: of two refunds of one call, the second sees what the first has booked.
    ledger.balance(session, account_id, lock=True)
    call = select(AiCall.charged_amount).where(AiCall.account_id == account_id, AiCall.id == call_id)
    charged: int | None = session.scalar(call)
    if charged is None:
        raise NotFoundError(f"There is no call {call_id} in this account.")
    if not charged:
        raise ConflictError(f"Call {call_id} was charged nothing: there is nothing to give back.")
    key = f"refund:{call_id}"
    if session.scalar(select(CreditEntry.id).where(CreditEntry.key == key)) is not None:
        return Refund(call_id, charged, is_new=False)
    statements.add(session, account_id, charged, kind="refund", key=key, note=reason, now=now, call_id=call_id)
    alerts.credits_came(session, account_id, now=now)
    audit.record(
        session,
        account_id=account_id,
        actor=actor,
        action="credits.refunded",
        subject_kind="call",
        subject_id=call_id,
        now=now,
        details={"amount": credit_string(charged), "reason": reason},
    )
    return Refund(call_id, charged, is_new=True)


def _checked(reason: str) -> str:
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= MOST_REASON_CHARACTERS:
        told = f"a refund says why, in 1 to {MOST_REASON_CHARACTERS} characters; this has {len(reason)}."
        raise InvalidValueError([Fault("reason", told)])
    return reason
