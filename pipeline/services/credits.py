"""Owns the ledger: holds before a call, settling after it, grants. Every amount is in micro-credits.

A call resolves exactly once. Lock order: call, stage run, account (last: it stays locked through the commit). Locks do
not shut out rows that only name the account or the stage run: a transaction that has kept an article names its account
before the ledger's turn comes, and two of them would wait for each other.
Never: commits; asks a provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError, NotFoundError
from pipeline.core.money import shown
from pipeline.core.states import CallStatus
from pipeline.models import Account, AiCall, CreditEntry, StageRun
from pipeline.models.base import utc_now
from pipeline.services import alerts
from pipeline.services import credit_statements as statements

OPEN_CALLS = (CallStatus.RESERVED, CallStatus.DISPATCHED)


class Refusal(StrEnum):
    """Why a hold was not granted."""

    #: It would fit if other holds were released: come back.
    WAIT = "wait"
    #: It does not fit under the stage's cap, whatever is released.
    BUDGET_EXHAUSTED = "budget_exhausted"
    #: The account has not enough, whatever is released.
    ACCOUNT_EXHAUSTED = "account_exhausted"


@dataclass(frozen=True)
class Held:
    """A hold that was granted; less than asked for only where nothing else was held."""

    amount_ucr: int


@dataclass(frozen=True)
class Refused:
    """A hold that was not granted: what was needed at least, and what there was."""

    why: Refusal
    needed_ucr: int
    room_ucr: int


@dataclass(frozen=True)
class Balance:
    """What an account has, in micro-credits; `available` can still be held."""

    balance_ucr: int
    held_ucr: int

    @property
    def available_ucr(self) -> int:
        """Balance less holds."""
        return self.balance_ucr - self.held_ucr


@dataclass(frozen=True)
class Settlement:
    """What a stored answer costs: the charge asked for, our cost, its usage, its flags."""

    answer: str
    charge_ucr: int
    cost_picodollars: int
    input_tokens: int | None = None
    output_tokens: int | None = None
    flags: tuple[str, ...] = ()

    @property
    def tokens(self) -> int | None:
        """What was used; None: nobody said, or it is not counted so."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens

    @property
    def wasted(self) -> Settlement:
        """The same for an answer that was of no use: charged, and flagged."""
        return replace(self, flags=(*self.flags, "wasted"))


def hold(session: Session, *, account_id: int, stage_run_id: int, full_ucr: int, least_ucr: int) -> Held | Refused:
    """Hold `full_ucr` on stage and account, or what there is (at least `least_ucr`) where nothing else is held.

    Each is one conditional UPDATE; a row that does not move means no.
    """
    of = {"account_id": account_id, "stage_run_id": stage_run_id}
    if statements.try_hold(session, **of, amount_ucr=full_ucr):
        return Held(full_ucr)
    stage, account = _lock(session, **of)
    if least_ucr > stage[0]:
        return Refused(Refusal.BUDGET_EXHAUSTED, least_ucr, stage[0])
    if least_ucr > account[0]:
        return Refused(Refusal.ACCOUNT_EXHAUSTED, least_ucr, account[0])
    room = min(stage[0], account[0])
    if stage[1] or account[1]:
        return Refused(Refusal.WAIT, full_ucr, min(stage[0] - stage[1], account[0] - account[1]))
    if not statements.try_hold(
        session, **of, amount_ucr=min(room, full_ucr)
    ):  # pragma: no cover - both rows are locked
        raise AssertionError("a hold that fits under locked rows was refused")
    return Held(min(room, full_ucr))


def room_ucr(session: Session, *, account_id: int, stage_run_id: int) -> int:
    """What could be held for the stage run if nothing else were: the rest of its cap, or of the balance. Locks both."""
    return min(*(row[0] for row in _lock(session, account_id=account_id, stage_run_id=stage_run_id)))


def settle(session: Session, call: CallHandle, settlement: Settlement, *, now: datetime) -> int | None:
    """Store the answer and charge for it, never more than was held (an overrun is ours).

    Micro-credits charged; None: the call was resolved before.
    """
    bill, told = _billed(call, settlement)
    return bill.charged_ucr if statements.settle(session, bill, now=now, **told) else None


def settle_and_open(
    session: Session, call: CallHandle, settlement: Settlement, new: Mapping[str, Any], *, now: datetime
) -> CallHandle | None:
    """`settle`, and with it hold `held_amount` for the next call of the same stage run and write its row `new`.

    None: that hold does not fit. What was answered is settled all the same.
    """
    bill, told = _billed(call, settlement)
    call_id = statements.settle_and_open(session, bill, new, now=now, **told)
    if call_id is None:
        return None
    return CallHandle(call_id, new["account_id"], new["stage_run_id"], new["held_amount"])


def open_call(session: Session, new: Mapping[str, Any]) -> CallHandle:
    """Write a call whose hold was granted."""
    call_id = statements.open_call(session, new)
    return CallHandle(call_id, new["account_id"], new["stage_run_id"] or 0, new["held_amount"])


def _billed(call: CallHandle, settlement: Settlement) -> tuple[statements.Bill, dict[str, Any]]:
    """What settling moves, and what the call's row keeps of the answer."""
    charged = min(settlement.charge_ucr, call.held_ucr)
    flags = [*settlement.flags, *(["overrun"] if settlement.charge_ucr > call.held_ucr else [])]
    told = {"answer": settlement.answer, "cost": settlement.cost_picodollars, "marks": flags}
    used = {"input": settlement.input_tokens, "output": settlement.output_tokens}
    return statements.Bill(call.account_id, call.stage_run_id, call.id, call.held_ucr, charged), {**told, **used}


def void(session: Session, call: CallHandle, *, error: str, now: datetime) -> bool:
    """Release the hold of a call that is not billable. False: it was resolved before."""
    if not _resolve(session, call, CallStatus.VOIDED, error, now):
        return False
    _release(session, call, lost_ucr=0)
    return True


def lose(session: Session, call: CallHandle, *, error: str, now: datetime) -> bool:
    """Nobody knows what became of the call: the customer pays nothing, the stage's cap keeps it.

    False: it was resolved before.
    """
    if not _resolve(session, call, CallStatus.LOST, error, now):
        return False
    _release(session, call, lost_ucr=call.held_ucr)
    return True


def answered_late(session: Session, call: CallHandle, settlement: Settlement) -> None:
    """An answer came to a lost call: it only adds to our cost."""
    row = session.get(AiCall, call.id, with_for_update=True)
    if row is not None and row.status is CallStatus.LOST and "late" not in row.flags:
        row.cost_picodollars = settlement.cost_picodollars
        row.flags = [*row.flags, "late"]


def resolve_open_calls(session: Session, *, stage_run_id: int, lane: int, now: datetime) -> int:
    """A lane's holder is gone: what was only reserved is voided, what may have been sent is lost. How many."""
    rows = session.scalars(
        select(AiCall)
        .where(AiCall.stage_run_id == stage_run_id, AiCall.lane == lane, AiCall.status.in_(OPEN_CALLS))
        .order_by(AiCall.id)
        .with_for_update()
    ).all()
    for row in rows:
        resolve = void if row.status is CallStatus.RESERVED else lose
        resolve(session, CallHandle.of(row), error="its worker was gone", now=now)
    return len(rows)


def grant(
    session: Session,
    *,
    account_id: int,
    amount_ucr: int,
    key: str,
    kind: str = "grant",
    note: str = "",
    now: datetime | None = None,
) -> bool:
    """Add credits once a `key` (an adjustment may be negative). False: that key is booked already.

    ConflictError where it takes more than is available: what is held is promised to calls under way.
    """
    # Locked before the key is looked for: of two with one key, the second sees what the first has booked.
    found = balance(session, account_id, lock=True)
    if session.scalar(select(CreditEntry.id).where(CreditEntry.key == key)) is not None:
        return False
    if amount_ucr < 0 and found.available_ucr < -amount_ucr:
        raise ConflictError(
            f"{shown(-amount_ucr)} credits cannot be taken back: {shown(found.available_ucr)} are available, "
            f"{shown(found.held_ucr)} are held for calls under way. Take less, or wait until those have ended."
        )
    now = now or utc_now()
    statements.add(session, account_id, amount_ucr, kind=kind, key=key, note=note, now=now)
    alerts.credits_came(session, account_id, now=now)
    return True


def balance(session: Session, account_id: int, *, lock: bool = False) -> Balance:
    """The account's balance and holds, locked until the commit if asked for; NotFoundError."""
    query = select(Account.balance, Account.held).where(Account.id == account_id)
    row = session.execute(query.with_for_update(key_share=True) if lock else query).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no account {account_id}.")
    return Balance(row[0], row[1])


@dataclass(frozen=True)
class CallHandle:
    """What is needed to resolve a call without reading it again."""

    id: int
    account_id: int
    #: 0: none, which no statement finds.
    stage_run_id: int
    held_ucr: int

    @classmethod
    def of(cls, row: AiCall) -> CallHandle:
        """The handle of a row."""
        return cls(row.id, row.account_id, row.stage_run_id or 0, row.held_amount)


def _lock(session: Session, *, account_id: int, stage_run_id: int) -> list[tuple[int, int]]:
    """Of the stage run, then of the account: what is not spent, and what is held of it."""
    stage = session.execute(
        select(StageRun.cap - StageRun.spent - StageRun.lost, StageRun.held)
        .where(StageRun.id == stage_run_id)
        .with_for_update(key_share=True)
    ).one()
    account = session.execute(
        select(Account.balance, Account.held).where(Account.id == account_id).with_for_update(key_share=True)
    ).one()
    return [(stage[0], stage[1]), (account[0], account[1])]


def _resolve(session: Session, call: CallHandle, status: CallStatus, error: str, now: datetime) -> bool:
    allowed = OPEN_CALLS if status is CallStatus.VOIDED else (CallStatus.DISPATCHED,)
    statement = (
        update(AiCall)
        .where(AiCall.id == call.id, AiCall.status.in_(allowed))
        .values(status=status, error=error, resolved_at=now)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1


def _release(session: Session, call: CallHandle, *, lost_ucr: int) -> None:
    of = {"account_id": call.account_id, "stage_run_id": call.stage_run_id}
    statements.release(session, **of, held_ucr=call.held_ucr, lost_ucr=lost_ucr)
