"""Owns the ledger under many writers at once: holds never exceed what there is, and the books balance afterwards."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from pipeline.core.states import CallStatus
from pipeline.db.session import Database
from pipeline.engine import gateway
from pipeline.models import AiCall, CreditEntry, StageRun
from pipeline.services import credits as ledger
from pipeline.services.credits import CallHandle, Refusal, Refused, Settlement
from pipeline.services.invariants import violations
from tests.support import ledgers
from tests.support.ledgers import NOW, LedgerWorld

WRITERS, ROUNDS = 8, 25
BALANCE, CAPS = 4_000, (1_500, 900, 3_000)


def _make(database: Database, *, balance: int, caps: tuple[int, ...]) -> LedgerWorld:
    with database.transaction() as session:
        return ledgers.make_ledger(session, balance=balance, caps=caps)


def _at_once(number: int, act: Callable[[int], object]) -> list[object]:
    """What `act` returned to each of `number` threads that all began at one moment."""
    barrier = threading.Barrier(number, timeout=30)

    def wait_and_act(index: int) -> object:
        barrier.wait()
        return act(index)

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(wait_and_act, range(number)))


@pytest.mark.parametrize(
    ("balance", "caps"),
    [
        pytest.param(500, (10_000,), id="balance"),
        pytest.param(10_000, (500,), id="stage cap"),
        pytest.param(500, (10_000, 10_000, 10_000), id="balance of three stages"),
    ],
)
def test_twenty_holds_of_75_at_once_on_500_grant_exactly_six(
    database: Database, balance: int, caps: tuple[int, ...]
) -> None:
    world = _make(database, balance=balance, caps=caps)

    def hold(index: int) -> CallHandle | Refused:
        with database.transaction() as session:
            return ledgers.open_call(session, world, stage=index % len(caps), amount=75)

    got = _at_once(20, hold)

    refused = [outcome for outcome in got if not isinstance(outcome, CallHandle)]
    assert refused == [Refused(Refusal.WAIT, 75, 50)] * 14
    with database.reading() as session:
        assert violations(session) == []
        assert ledger.balance(session, world.account_id) == ledger.Balance(balance, 6 * 75)


def test_one_key_granted_by_many_at_once_is_booked_once(database: Database) -> None:
    world = _make(database, balance=100, caps=(100,))

    def grant(_index: int) -> bool:
        with database.transaction() as session:
            return ledger.grant(session, account_id=world.account_id, amount_ucr=50, key="grant:promised", now=NOW)

    got = _at_once(8, grant)

    assert sorted(got) == [False] * 7 + [True]
    with database.reading() as session:
        assert ledger.balance(session, world.account_id).balance_ucr == 150


def test_one_call_resolved_by_many_at_once_is_resolved_once(database: Database) -> None:
    world = _make(database, balance=1_000, caps=(1_000,))
    with database.transaction() as session:
        call = ledgers.open_call(session, world, amount=300)
    assert isinstance(call, CallHandle)

    def resolve(index: int) -> bool:
        with database.transaction() as session:
            if index % 4 == 0:
                return ledger.settle(session, call, Settlement("answer", 200, 1), now=NOW) is not None
            if index % 4 == 1:
                return ledger.void(session, call, error="refused", now=NOW)
            if index % 4 == 2:
                return ledger.lose(session, call, error="timed out", now=NOW)
            stage_run_id = world.stage_run_ids[0]
            return ledger.resolve_open_calls(session, stage_run_id=stage_run_id, lane=1, now=NOW) == 1

    got = _at_once(12, resolve)

    assert sum(map(bool, got)) == 1
    with database.reading() as session:
        assert violations(session) == []
        assert ledger.balance(session, world.account_id).held_ucr == 0


def test_many_writers_leave_sound_books_and_pass_no_cap_on_the_way(database: Database) -> None:
    world = _make(database, balance=BALANCE, caps=CAPS)

    with _sampled(database) as (samples, wrong):
        _at_once(WRITERS, lambda index: _write(database, world, index))

    assert (len(samples) > 1, wrong) == (True, [])
    with database.reading() as session:
        assert violations(session) == []
        kinds = dict(session.execute(select(AiCall.status, func.count()).group_by(AiCall.status)).all())
        assert set(kinds) == {CallStatus.SETTLED, CallStatus.VOIDED, CallStatus.LOST}
        assert ledger.balance(session, world.account_id).held_ucr == 0


def _write(database: Database, world: LedgerWorld, writer: int) -> None:
    """One worker's life: hold, then settle, pass on, void, lose or die; its own lane is recovered where it died."""
    chance = random.Random(writer)
    call: CallHandle | Refused | None = None
    for _ in range(ROUNDS):
        stage, amount = chance.randrange(len(CAPS)), chance.randint(1, 150)
        if not isinstance(call, CallHandle):
            with database.transaction() as session:
                call = ledgers.open_call(session, world, stage=stage, lane=writer, amount=amount)
        if not isinstance(call, CallHandle):
            continue
        how = chance.choice(("settle", "pass on", "pass on", "void", "lose", "die"))
        with database.transaction() as session:
            if how == "pass on":
                call = _pass_on(session, world, call, amount=amount, lane=writer)
            else:
                _resolve(session, call, how=how, lane=writer)
                call = None
    if isinstance(call, CallHandle):
        with database.transaction() as session:
            _resolve(session, call, how="settle", lane=writer)


def _pass_on(session: Session, world: LedgerWorld, call: CallHandle, *, amount: int, lane: int) -> CallHandle | Refused:
    """Settle a call and hold for the next of its stage, as a lane does between two questions."""
    stage = world.stage_run_ids.index(call.stage_run_id)
    question = ledgers.prepared(prompt=amount, useful=0, most=0)
    last = gateway.Settling(call, Settlement("answer", call.held_ucr // 3, 1))
    got = gateway.reserve(
        session, ledgers.context(world, stage), ledgers.grip(world, stage, lane), question, last=last, now=NOW
    )
    return got.call if isinstance(got, gateway.Dispatched) else got


def _resolve(session: Session, call: CallHandle, *, how: str, lane: int) -> None:
    if how == "settle":
        ledger.settle(session, call, Settlement("answer", call.held_ucr // 3, 1), now=NOW)
    elif how == "void":
        ledger.void(session, call, error="refused", now=NOW)
    elif how == "lose":
        ledger.lose(session, call, error="timed out", now=NOW)
    else:
        ledger.resolve_open_calls(session, stage_run_id=call.stage_run_id, lane=lane, now=NOW)


@contextmanager
def _sampled(database: Database) -> Iterator[tuple[list[int], list[str]]]:
    """Look at the books again and again while the block runs: what was used at each look, and what was wrong."""
    samples: list[int] = []
    wrong: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            with database.reading() as session:
                wrong.extend(violations(session))
                samples.append(session.scalar(select(func.sum(StageRun.spent + StageRun.held + StageRun.lost))))

    sampler = threading.Thread(target=look)
    sampler.start()
    try:
        yield samples, wrong
    finally:
        over.set()
        sampler.join(30)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_rows_that_name_an_account_do_not_keep_the_ledger_waiting(database: Database) -> None:
    """Two lanes that have each kept an article: neither waits for what the other has written but not committed."""
    world = _make(database, balance=500, caps=(10_000, 10_000))

    def keep(session: Session, number: int) -> None:
        session.execute(text("SET LOCAL lock_timeout = '3s'"))
        mine = {"account_id": world.account_id, "key": f"kept:{number}", "created_at": NOW}
        session.add(CreditEntry(kind="grant", amount=1, **mine))
        session.flush()

    def room(session: Session, stage: int) -> int:
        return ledger.room_ucr(session, account_id=world.account_id, stage_run_id=world.stage_run_ids[stage])

    with database.transaction() as one:
        keep(one, 1)
        with database.transaction() as other:
            keep(other, 2)
            found = room(other, 1)
        assert (found, room(one, 0)) == (500, 500)
