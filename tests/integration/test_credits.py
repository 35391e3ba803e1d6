from datetime import UTC, datetime

import pytest

from pipeline.core.errors import ConflictError
from pipeline.core.states import CallStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.models import Account, AiCall, Run, Site, StageRun
from pipeline.services import credits as ledger

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


def _world(database: Database, *, balance: int, cap: int) -> tuple[int, int]:
    with database.transaction() as session:
        account = Account(name="one")
        session.add(account)
        session.flush()
        ledger.grant(session, account_id=account.id, amount_ucr=balance, key="grant:start")
        site = Site(account_id=account.id, name="s", timezone="UTC")
        session.add(site)
        session.flush()
        run = Run(account_id=account.id, site_id=site.id, settings={}, prices={}, available=balance)
        session.add(run)
        session.flush()
        stage = StageRun(run_id=run.id, number=1, key="keywords_to_clusters", cap=cap, status=StageRunStatus.RUNNING)
        session.add(stage)
        session.flush()
        return account.id, stage.id


def _call(database: Database, account: int, stage: int, amount: int) -> ledger.CallHandle:
    with database.transaction() as session:
        row = AiCall(
            account_id=account,
            stage_run_id=stage,
            key="k",
            step="ask",
            lane=1,
            status=CallStatus.DISPATCHED,
            held_amount=amount,
            price={},
        )
        session.add(row)
        session.flush()
        return ledger.CallHandle.of(row)


def test_a_settled_call_is_charged_once(database: Database) -> None:
    account, stage = _world(database, balance=100, cap=100)
    with database.transaction() as session:
        assert ledger.hold(session, account_id=account, stage_run_id=stage, full_ucr=60, least_ucr=60) == ledger.Held(
            60
        )
    call = _call(database, account, stage, 60)

    settlement = ledger.Settlement(answer="x", charge_ucr=25, cost_picodollars=7)
    with database.transaction() as session:
        first = ledger.settle(session, call, settlement, now=NOW)
        second = ledger.settle(session, call, settlement, now=NOW)

    assert (first, second) == (25, None)
    with database.reading() as session:
        assert ledger.balance(session, account) == ledger.Balance(75, 0)


def test_an_overrun_is_charged_no_more_than_was_held(database: Database) -> None:
    account, stage = _world(database, balance=100, cap=100)
    with database.transaction() as session:
        ledger.hold(session, account_id=account, stage_run_id=stage, full_ucr=10, least_ucr=10)
    call = _call(database, account, stage, 10)

    with database.transaction() as session:
        charged = ledger.settle(session, call, ledger.Settlement("x", 25, 7), now=NOW)

    assert charged == 10
    with database.reading() as session:
        assert session.get_one(AiCall, call.id).flags == ["overrun"]


@pytest.mark.parametrize(
    ("balance", "cap", "held", "expected"),
    [
        (100, 50, 0, ledger.Held(50)),
        (100, 50, 20, ledger.Refused(ledger.Refusal.WAIT, 80, 30)),
        (100, 30, 0, ledger.Refused(ledger.Refusal.BUDGET_EXHAUSTED, 40, 30)),
        (30, 100, 0, ledger.Refused(ledger.Refusal.ACCOUNT_EXHAUSTED, 40, 30)),
        (100, 30, 20, ledger.Refused(ledger.Refusal.BUDGET_EXHAUSTED, 40, 30)),
    ],
)
def test_a_hold_shrinks_waits_or_is_refused(
    database: Database, balance: int, cap: int, held: int, expected: object
) -> None:
    account, stage = _world(database, balance=balance, cap=cap)
    with database.transaction() as session:
        if held:
            ledger.hold(session, account_id=account, stage_run_id=stage, full_ucr=held, least_ucr=held)

    with database.transaction() as session:
        got = ledger.hold(session, account_id=account, stage_run_id=stage, full_ucr=80, least_ucr=40)

    assert got == expected


def test_a_lost_call_costs_the_customer_nothing_and_stays_in_the_cap(database: Database) -> None:
    account, stage = _world(database, balance=100, cap=100)
    with database.transaction() as session:
        ledger.hold(session, account_id=account, stage_run_id=stage, full_ucr=60, least_ucr=60)
    call = _call(database, account, stage, 60)

    with database.transaction() as session:
        ledger.resolve_open_calls(session, stage_run_id=stage, lane=1, now=NOW)

    with database.reading() as session:
        row = session.get_one(StageRun, stage)
        assert (row.spent, row.held, row.lost) == (0, 0, 60)
        assert ledger.balance(session, account) == ledger.Balance(100, 0)
        assert session.get_one(AiCall, call.id).status is CallStatus.LOST


def test_the_same_grant_is_booked_once(database: Database) -> None:
    account, _ = _world(database, balance=100, cap=1)

    with database.transaction() as session:
        again = ledger.grant(session, account_id=account, amount_ucr=100, key="grant:start")

    assert again is False
    with database.reading() as session:
        assert ledger.balance(session, account).balance_ucr == 100


def test_what_is_held_cannot_be_taken_back(database: Database) -> None:
    account, stage = _world(database, balance=100, cap=100)
    with database.transaction() as session:
        ledger.hold(session, account_id=account, stage_run_id=stage, full_ucr=60, least_ucr=60)

    with pytest.raises(ConflictError), database.transaction() as session:
        ledger.grant(session, account_id=account, amount_ucr=-41, key="adjustment:1", kind="adjustment")
    with database.transaction() as session:
        ledger.grant(session, account_id=account, amount_ucr=-40, key="adjustment:2", kind="adjustment")

    with database.reading() as session:
        assert ledger.balance(session, account) == ledger.Balance(60, 60)


def test_a_late_answer_adds_to_our_cost_once_and_to_nothing_else(database: Database) -> None:
    account, stage = _world(database, balance=100, cap=100)
    with database.transaction() as session:
        ledger.hold(session, account_id=account, stage_run_id=stage, full_ucr=60, least_ucr=60)
    call = _call(database, account, stage, 60)
    with database.transaction() as session:
        ledger.lose(session, call, error="timed out", now=NOW)

    for cost in (7, 9):
        with database.transaction() as session:
            ledger.answered_late(session, call, ledger.Settlement("x", 25, cost))

    with database.reading() as session:
        row = session.get_one(AiCall, call.id)
        assert (row.status, row.answer, row.cost_picodollars, row.flags) == (CallStatus.LOST, None, 7, ["late"])
        assert ledger.balance(session, account) == ledger.Balance(100, 0)
