"""Calls that went otherwise than they should are lines of the report, testing apart from live, and of one account."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from pipeline.core.call_flags import CallFlag
from pipeline.db.session import Database
from pipeline.models import AiCall
from pipeline.services import credits as ledger
from pipeline.services.cost_reports import Period, ReportBy
from pipeline.services.credits import CallHandle, Settlement
from pipeline.services.flagged_calls import FlaggedCalls, _statement, flagged_calls, full_report
from tests.support import ledgers
from tests.support.api import statements_of
from tests.support.ledgers import NOW, LedgerWorld

CREDIT = 1_000_000
DAY = Period(NOW.date(), NOW.date())


@pytest.fixture
def world(database: Database) -> LedgerWorld:
    with database.transaction() as session:
        return ledgers.make_ledger(session, balance=1_000 * CREDIT, caps=(400 * CREDIT,))


def _open(session: Session, world: LedgerWorld, *, testing: bool) -> CallHandle:
    call = ledgers.open_call(session, world, amount=2 * CREDIT)
    assert isinstance(call, CallHandle)
    session.get_one(AiCall, call.id).is_testing = testing
    session.flush()
    return call


def _settle(
    session: Session, world: LedgerWorld, *flags: str, charge: int = CREDIT, testing: bool = False, days: int = 0
) -> None:
    settlement = Settlement("answer", charge, 7, 100, 20, flags=flags)
    ledger.settle(session, _open(session, world, testing=testing), settlement, now=NOW + timedelta(days=days))


def _lose(session: Session, world: LedgerWorld, *, late: bool) -> None:
    call = _open(session, world, testing=False)
    ledger.lose(session, call, error="timed out", now=NOW)
    session.expire_all()
    if late:
        ledger.answered_late(session, call, Settlement("late", CREDIT, 11))


def _line(flag: CallFlag, calls: int, held: int, charged: int, cost: int, *, testing: bool = False) -> FlaggedCalls:
    return FlaggedCalls(flag, testing, calls, held, charged, cost)


def test_costs_that_64_bits_do_not_sum_are_told(database: Database, world: LedgerWorld) -> None:
    most = 2**63 - 1
    with database.transaction() as session:
        _settle(session, world, "wasted")
        _settle(session, world, "wasted")
        session.execute(update(AiCall).values(cost_picodollars=most))

    with database.reading() as session:
        [line] = flagged_calls(session, account_id=world.account_id, period=DAY)

    assert line.cost_picodollars == 2 * most


def test_every_flag_has_its_line_and_a_call_may_be_of_several(database: Database, world: LedgerWorld) -> None:
    with database.transaction() as session:
        _settle(session, world)
        _settle(session, world, "wasted")
        _settle(session, world, "usage_missing", "wasted", testing=True)
        _settle(session, world, "usage_missing", charge=3 * CREDIT)
        _lose(session, world, late=True)
        _lose(session, world, late=False)

    with database.reading() as session:
        lines = flagged_calls(session, account_id=world.account_id, period=DAY)

    assert lines == [
        _line(CallFlag.USAGE_MISSING, 1, 2 * CREDIT, 2 * CREDIT, 7),
        _line(CallFlag.USAGE_MISSING, 1, 2 * CREDIT, CREDIT, 7, testing=True),
        _line(CallFlag.OVERRUN, 1, 2 * CREDIT, 2 * CREDIT, 7),
        _line(CallFlag.WASTED, 1, 2 * CREDIT, CREDIT, 7),
        _line(CallFlag.WASTED, 1, 2 * CREDIT, CREDIT, 7, testing=True),
        _line(CallFlag.LOST, 2, 4 * CREDIT, 0, 11),
        _line(CallFlag.LATE, 1, 2 * CREDIT, 0, 11),
    ]


def test_lines_are_of_one_account_and_of_the_time(database: Database, world: LedgerWorld) -> None:
    with database.transaction() as session:
        other = ledgers.make_ledger(session, balance=10 * CREDIT, caps=(10 * CREDIT,))
        _settle(session, other, "wasted")
        _settle(session, world, "wasted", days=1)

    with database.reading() as session:
        assert flagged_calls(session, account_id=world.account_id, period=DAY) == []
        [everybody] = flagged_calls(session, account_id=None, period=Period(NOW.date(), date(2026, 12, 1)))
    assert everybody.calls == 2


def test_a_report_with_its_lines_is_two_statements_and_hides_our_cost(database: Database, world: LedgerWorld) -> None:
    with database.transaction() as session:
        _settle(session, world, "wasted")

    with statements_of(database) as seen, database.reading() as session:
        report = full_report(session, ReportBy.MODEL, account_id=world.account_id, period=DAY)

    assert len(seen) == 2
    [line] = report.as_json(with_dollars=False)["flagged"]
    assert line == {
        "flag": "wasted", "testing": False, "calls": 1, "credits_held": "2", "credits_charged": "1", "cost_usd": None,
    }  # fmt: skip
    assert report.as_json(with_dollars=True)["flagged"][0]["cost_usd"] == "0.000000000007"


def test_the_lines_of_an_account_are_found_by_an_index(sqlite_database: Database) -> None:
    with sqlite_database.reading() as session:
        shown = str(_statement(1, DAY).compile(session.connection(), compile_kwargs={"literal_binds": True}))
        plan = "\n".join(row[3] for row in session.execute(text(f"EXPLAIN QUERY PLAN {shown}")))

    assert "INDEX ix_ai_calls_flagged (account_id=? AND resolved_at>? AND resolved_at<?)" in plan
