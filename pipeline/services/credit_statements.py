"""Owns the ledger's statements on money: hold, settle, move, book. Where the database can, each is one statement.

PostgreSQL gets the steps as one, each only where the one before moved its row; SQLite gets them one by one.
Lock order: call, stage run, account. Never: decides what is held or charged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CTE, BigInteger, String, bindparam, insert, literal, select, update
from sqlalchemy.orm import Session

from pipeline.core.states import CallStatus
from pipeline.models import Account, AiCall, CreditEntry, StageRun
from pipeline.models.base import table_of
from pipeline.models.types import UtcDateTime


@dataclass(frozen=True)
class Bill:
    """What settling a call moves, in micro-credits: its hold goes, its charge is booked."""

    account_id: int
    stage_run_id: int
    call_id: int
    held_ucr: int
    charged_ucr: int

    @property
    def entry_key(self) -> str:
        """The charge's key: booked once."""
        return f"charge:{self.call_id}"


_STAGE_RUNS, _ACCOUNTS, _CALLS = table_of(StageRun), table_of(Account), table_of(AiCall)
_ENTRIES = table_of(CreditEntry)
_stage_runs, _accounts, _calls = _STAGE_RUNS.c, _ACCOUNTS.c, _CALLS.c

_HOLD_STAGE = (
    update(_STAGE_RUNS)
    .where(
        _stage_runs.id == bindparam("stage_run"),
        _stage_runs.spent + _stage_runs.held + _stage_runs.lost + bindparam("amount") <= _stage_runs.cap,
    )
    .values(held=_stage_runs.held + bindparam("amount"))
)
_HOLD_ACCOUNT = (
    update(_ACCOUNTS)
    .where(_accounts.id == bindparam("account"), _accounts.balance - _accounts.held >= bindparam("amount"))
    .values(held=_accounts.held + bindparam("amount"))
)
_MOVE_STAGE = (
    update(_STAGE_RUNS)
    .where(_stage_runs.id == bindparam("stage_run"))
    .values(
        held=_stage_runs.held - bindparam("released"),
        spent=_stage_runs.spent + bindparam("spent_more"),
        lost=_stage_runs.lost + bindparam("lost_more"),
    )
)
_MOVE_ACCOUNT = (
    update(_ACCOUNTS)
    .where(_accounts.id == bindparam("account"))
    .values(held=_accounts.held - bindparam("released"), balance=_accounts.balance - bindparam("charged"))
)
_SETTLE_CALL = (
    update(_CALLS)
    .where(_calls.id == bindparam("call"), _calls.status == CallStatus.DISPATCHED)
    .values(
        status=CallStatus.SETTLED,
        answer=bindparam("answer"),
        charged_amount=bindparam("charged"),
        cost_picodollars=bindparam("cost"),
        input_tokens=bindparam("input"),
        output_tokens=bindparam("output"),
        flags=bindparam("marks"),
        resolved_at=bindparam("now"),
    )
)
_ENTRY = insert(_ENTRIES)


def _there(rows: CTE) -> Any:
    return select(rows.c.id).exists()


_held_stage = _HOLD_STAGE.returning(_stage_runs.id).cte("held_stage")
_held_account = _HOLD_ACCOUNT.where(_there(_held_stage)).returning(_accounts.id).cte("held_account")
_HOLD = select(_there(_held_stage), _there(_held_account))

_settled = _SETTLE_CALL.returning(_calls.id).cte("settled")
_charged = bindparam("charged", type_=BigInteger)
_booked = _ENTRY.from_select(
    ["account_id", "kind", "amount", "key", "call_id", "note", "created_at"],
    select(
        bindparam("account", type_=BigInteger),
        literal("charge"),
        -_charged,
        bindparam("entry_key", type_=String),
        _settled.c.id,
        literal(""),
        bindparam("now", type_=UtcDateTime),
    ).where(_charged > 0),
).cte("booked")
_moved_stage = _MOVE_STAGE.where(_there(_settled)).returning(_stage_runs.id).cte("moved_stage")
_moved_account = _MOVE_ACCOUNT.where(_there(_moved_stage)).cte("moved_account")
_SETTLE = select(_settled.c.id).add_cte(_booked, _moved_account)


def try_hold(session: Session, *, account_id: int, stage_run_id: int, amount_ucr: int) -> bool:
    """Hold the amount on both rows, or on neither."""
    on_stage, on_account = _hold(session, account_id=account_id, stage_run_id=stage_run_id, amount_ucr=amount_ucr)
    if on_stage and not on_account:
        _moved(session, _MOVE_STAGE, stage_run=stage_run_id, released=amount_ucr, spent_more=0, lost_more=0)
    return on_account


def _hold(session: Session, *, account_id: int, stage_run_id: int, amount_ucr: int) -> tuple[bool, bool]:
    if _knows_chains(session):
        values = {"stage_run": stage_run_id, "account": account_id, "amount": amount_ucr}
        held = session.connection().execute(_HOLD, values).one()
        return held[0], held[1]
    if not _moved(session, _HOLD_STAGE, stage_run=stage_run_id, amount=amount_ucr):
        return False, False
    return True, bool(_moved(session, _HOLD_ACCOUNT, account=account_id, amount=amount_ucr))


def settle(session: Session, bill: Bill, *, now: datetime, **answered: Any) -> bool:
    """Store the answer of a dispatched call, release its hold, book its charge. False: it was resolved before.

    `answered`: what the call's row keeps: answer, cost, input, output, marks.
    """
    call = {"call": bill.call_id, "charged": bill.charged_ucr, "now": now, **answered}
    stage = {"stage_run": bill.stage_run_id, "spent_more": bill.charged_ucr, "lost_more": 0}
    if _knows_chains(session):
        account = {"account": bill.account_id, "released": bill.held_ucr, "entry_key": bill.entry_key}
        return session.connection().execute(_SETTLE, {**call, **stage, **account}).first() is not None
    if not _moved(session, _SETTLE_CALL, **call):
        return False
    _moved(session, _MOVE_STAGE, **stage, released=bill.held_ucr)
    if bill.charged_ucr:
        _book(
            session,
            bill.account_id,
            -bill.charged_ucr,
            kind="charge",
            key=bill.entry_key,
            now=now,
            call_id=bill.call_id,
        )
    _moved(session, _MOVE_ACCOUNT, account=bill.account_id, released=bill.held_ucr, charged=bill.charged_ucr)
    return True


def release(session: Session, *, account_id: int, stage_run_id: int, held_ucr: int, lost_ucr: int) -> None:
    """Give a hold back to the account; `lost_ucr` of it stay spent for the stage's cap."""
    _moved(session, _MOVE_STAGE, stage_run=stage_run_id, released=held_ucr, spent_more=0, lost_more=lost_ucr)
    _moved(session, _MOVE_ACCOUNT, account=account_id, released=held_ucr, charged=0)


def add(session: Session, account_id: int, amount_ucr: int, *, kind: str, key: str, note: str, now: datetime) -> None:
    """Add to the account's balance (or take from it) and book it."""
    _moved(session, _MOVE_ACCOUNT, account=account_id, released=0, charged=-amount_ucr)
    _book(session, account_id, amount_ucr, kind=kind, key=key, note=note, now=now)


def _book(
    session: Session,
    account_id: int,
    amount_ucr: int,
    *,
    kind: str,
    key: str,
    now: datetime,
    note: str = "",
    call_id: int | None = None,
) -> None:
    booked = {"account_id": account_id, "kind": kind, "amount": amount_ucr, "key": key}
    _moved(session, _ENTRY, **booked, note=note, call_id=call_id, created_at=now)


def _knows_chains(session: Session) -> bool:
    return session.connection().dialect.name == "postgresql"


def _moved(session: Session, statement: Any, **values: Any) -> int:
    """Rows that moved. Straight on the connection: no identity map to keep in step, a third of the cost."""
    return session.connection().execute(statement, values).rowcount
