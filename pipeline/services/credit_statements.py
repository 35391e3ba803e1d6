"""Owns the ledger's statements on money: hold, settle, move, book, open a call.

What stands between two calls (settle one, hold for the next, write it) is one statement where the database can:
PostgreSQL gets the steps as one, each only where the one before moved its row; SQLite gets them one by one.
Lock order: call, stage run, account. Never: decides what is held or charged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CTE, BigInteger, Connection, String, bindparam, insert, literal, select, update
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
_released, _charged, _amount = (bindparam(name, type_=BigInteger) for name in ("released", "charged", "amount"))

# Both hold `amount`, once `charged` is paid out of the `released` hold of the call before (0, where there was none).
_HOLD_STAGE = (
    update(_STAGE_RUNS)
    .where(
        _stage_runs.id == bindparam("stage_run"),
        _stage_runs.spent + _charged + _stage_runs.held - _released + _stage_runs.lost + _amount <= _stage_runs.cap,
    )
    .values(held=_stage_runs.held - _released + _amount, spent=_stage_runs.spent + _charged)
)
_HOLD_ACCOUNT = (
    update(_ACCOUNTS)
    .where(
        _accounts.id == bindparam("account"),
        _accounts.balance - _charged - (_accounts.held - _released) >= _amount,
    )
    .values(held=_accounts.held - _released + _amount, balance=_accounts.balance - _charged)
)
_MOVE_STAGE = (
    update(_STAGE_RUNS)
    .where(_stage_runs.id == bindparam("stage_run"))
    .values(
        held=_stage_runs.held - _released,
        spent=_stage_runs.spent + _charged,
        lost=_stage_runs.lost + bindparam("lost_more"),
    )
)
_MOVE_ACCOUNT = (
    update(_ACCOUNTS)
    .where(_accounts.id == bindparam("account"))
    .values(held=_accounts.held - _released, balance=_accounts.balance - _charged)
)
_SETTLE_CALL = (
    update(_CALLS)
    .where(_calls.id == bindparam("call"), _calls.status == CallStatus.DISPATCHED)
    .values(
        status=CallStatus.SETTLED,
        answer=bindparam("answer"),
        charged_amount=_charged,
        cost_picodollars=bindparam("cost"),
        input_tokens=bindparam("input"),
        output_tokens=bindparam("output"),
        flags=bindparam("marks"),
        resolved_at=bindparam("now"),
    )
)
_ENTRY = insert(_ENTRIES)
_OPEN_CALL = insert(_CALLS).returning(_calls.id)


def _there(rows: CTE) -> Any:
    return select(rows.c.id).exists()


_settled = _SETTLE_CALL.returning(_calls.id).cte("settled")
_held_stage = _HOLD_STAGE.where(_there(_settled)).returning(_stage_runs.id).cte("held_stage")
_held_account = _HOLD_ACCOUNT.where(_there(_held_stage)).returning(_accounts.id).cte("held_account")
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
    ).where(_charged > 0, _there(_held_account)),
).cte("booked")
#: Columns of a new call's row.
_OPENS = (
    "account_id",
    "stage_run_id",
    "key",
    "step",
    "lane",
    "status",
    "held_amount",
    "price",
    "model",
    "is_testing",
    "credit_value_microdollars",
    "parameters",
    "flags",
    "charged_amount",
    "cost_picodollars",
    "created_at",
)
_opened = _OPEN_CALL.from_select(
    _OPENS, select(*(bindparam(f"new_{name}", type_=_calls[name].type) for name in _OPENS)).where(_there(_held_account))
).cte("opened")
_SETTLE_AND_OPEN = select(_there(_settled), _there(_held_stage), select(_opened.c.id).scalar_subquery()).add_cte(
    _booked
)


def try_hold(session: Session, *, account_id: int, stage_run_id: int, amount_ucr: int) -> bool:
    """Hold the amount on both rows, or on neither."""
    nothing = Bill(account_id, stage_run_id, call_id=0, held_ucr=0, charged_ucr=0)
    connection = session.connection()
    on_stage, on_account = _try_both(connection, nothing, amount_ucr)
    if on_stage and not on_account:
        _take_back(connection, nothing, amount_ucr)
    return on_account


def open_call(session: Session, row: Mapping[str, Any]) -> int:
    """Write a call whose hold is granted; its id."""
    return _open(session.connection(), row)


def settle(session: Session, bill: Bill, *, now: datetime, **answered: Any) -> bool:
    """Store the answer of a dispatched call, release its hold, book its charge. False: it was resolved before.

    `answered`: what the call's row keeps: answer, cost, input, output, marks.
    """
    connection = session.connection()
    if not _store(connection, bill, now=now, **answered):
        return False
    _pay(connection, bill, now=now)
    return True


def settle_and_open(
    session: Session, bill: Bill, row: Mapping[str, Any], *, now: datetime, **answered: Any
) -> int | None:
    """`settle`, then hold for the next call of the same stage run and write its row; the new call's id.

    None: the hold does not fit. What was answered is settled all the same.
    """
    connection, amount_ucr = session.connection(), row["held_amount"]
    settled, on_stage, opened = _settle_and_open(connection, bill, row, now=now, **answered)
    if settled and opened is None:
        if on_stage:
            _take_back(connection, bill, amount_ucr)
        _pay(connection, bill, now=now)
    return opened


def _settle_and_open(
    connection: Connection, bill: Bill, row: Mapping[str, Any], *, now: datetime, **answered: Any
) -> tuple[bool, bool, int | None]:
    """Whether it was settled, whether the stage holds for the next call, and that call's id where both hold."""
    if connection.dialect.name == "postgresql":
        values = {
            **_moves(bill, row["held_amount"]),
            **{f"new_{name}": row[name] for name in _OPENS},
            **answered,
            "call": bill.call_id,
            "entry_key": bill.entry_key,
            "now": now,
        }
        seen = connection.execute(_SETTLE_AND_OPEN, values).one()
        return seen[0], seen[1], seen[2]
    if not _store(connection, bill, now=now, **answered):
        return False, False, None
    on_stage, on_account = _try_both(connection, bill, row["held_amount"])
    if not on_account:
        return True, on_stage, None
    _book_charge(connection, bill, now=now)
    return True, True, _open(connection, row)


def _open(connection: Connection, row: Mapping[str, Any]) -> int:
    call_id: int = connection.execute(_OPEN_CALL, row).scalar_one()
    return call_id


def _store(connection: Connection, bill: Bill, *, now: datetime, **answered: Any) -> bool:
    return bool(_moved(connection, _SETTLE_CALL, call=bill.call_id, charged=bill.charged_ucr, now=now, **answered))


def _pay(connection: Connection, bill: Bill, *, now: datetime) -> None:
    moves = {"released": bill.held_ucr, "charged": bill.charged_ucr}
    _moved(connection, _MOVE_STAGE, stage_run=bill.stage_run_id, **moves, lost_more=0)
    _moved(connection, _MOVE_ACCOUNT, account=bill.account_id, **moves)
    _book_charge(connection, bill, now=now)


def _book_charge(connection: Connection, bill: Bill, *, now: datetime) -> None:
    """Once both rows have moved: the entry's foreign key locks the account, which comes last."""
    if bill.charged_ucr:
        charge = -bill.charged_ucr
        _book(connection, bill.account_id, charge, kind="charge", key=bill.entry_key, now=now, call_id=bill.call_id)


def _try_both(connection: Connection, bill: Bill, amount_ucr: int) -> tuple[bool, bool]:
    """Pay the bill and hold the amount on the stage, then on the account; each only where it fits."""
    moves = _moves(bill, amount_ucr)
    account_id, stage_run_id = moves.pop("account"), moves.pop("stage_run")
    if not _moved(connection, _HOLD_STAGE, stage_run=stage_run_id, **moves):
        return False, False
    return True, bool(_moved(connection, _HOLD_ACCOUNT, account=account_id, **moves))


def _take_back(connection: Connection, bill: Bill, amount_ucr: int) -> None:
    """The account had no room: the stage's row is as it was before."""
    back = {"released": amount_ucr - bill.held_ucr, "charged": -bill.charged_ucr}
    _moved(connection, _MOVE_STAGE, stage_run=bill.stage_run_id, **back, lost_more=0)


def _moves(bill: Bill, amount_ucr: int) -> dict[str, int]:
    """The parameters of a hold after a bill."""
    of = {"stage_run": bill.stage_run_id, "account": bill.account_id}
    return {**of, "released": bill.held_ucr, "charged": bill.charged_ucr, "amount": amount_ucr}


def release(session: Session, *, account_id: int, stage_run_id: int, held_ucr: int, lost_ucr: int) -> None:
    """Give a hold back to the account; `lost_ucr` of it stay spent for the stage's cap."""
    connection = session.connection()
    _moved(connection, _MOVE_STAGE, stage_run=stage_run_id, released=held_ucr, charged=0, lost_more=lost_ucr)
    _moved(connection, _MOVE_ACCOUNT, account=account_id, released=held_ucr, charged=0)


def add(
    session: Session,
    account_id: int,
    amount_ucr: int,
    *,
    kind: str,
    key: str,
    note: str,
    now: datetime,
    call_id: int | None = None,
) -> None:
    """Add to the account's balance (or take from it) and book it."""
    connection = session.connection()
    _moved(connection, _MOVE_ACCOUNT, account=account_id, released=0, charged=-amount_ucr)
    _book(connection, account_id, amount_ucr, kind=kind, key=key, note=note, now=now, call_id=call_id)


def _book(
    connection: Connection,
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
    _moved(connection, _ENTRY, **booked, note=note, call_id=call_id, created_at=now)


def _moved(connection: Connection, statement: Any, **values: Any) -> int:
    """Rows that moved. Straight on the connection: no identity map to keep in step, a third of the cost."""
    return connection.execute(statement, values).rowcount
