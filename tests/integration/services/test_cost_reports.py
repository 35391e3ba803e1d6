"""Cost, revenue and margin of stored calls: by model, stage, site, day and account they sum to what the ledger says."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError, InvalidValueError, NotFoundError
from pipeline.core.states import CallStatus
from pipeline.db.session import Database
from pipeline.models import AiCall, AuditEvent, CreditEntry
from pipeline.services import credits as ledger
from pipeline.services import refunds
from pipeline.services.cost_reports import Figures, Period, Report, ReportBy, _moves, cost_report
from pipeline.services.cost_reports import _report as _report_query
from pipeline.services.credits import CallHandle, Settlement
from pipeline.services.invariants import violations
from tests.support import ledgers
from tests.support.api import statements_of
from tests.support.ledgers import NOW, LedgerWorld

CREDIT = 1_000_000
#: A cent a credit, in picodollars.
CENT = 10**10
ALWAYS = Period(date(2026, 1, 1), date(2026, 12, 31))


def _call(
    session: Session,
    world: LedgerWorld,
    *,
    at: datetime = NOW,
    charge: int = CREDIT,
    cost: int = 0,
    status: CallStatus = CallStatus.SETTLED,
    stage: int = 0,
    **columns: Any,
) -> int:
    """A call that ended so, asked of a model `columns` tells of."""
    call = ledgers.open_call(session, world, stage=stage, amount=2 * CREDIT)
    assert isinstance(call, CallHandle)
    row = session.get_one(AiCall, call.id)
    for name, value in ({"model": "writer"} | columns).items():
        setattr(row, name, value)
    session.flush()
    if status is CallStatus.SETTLED:
        ledger.settle(session, call, Settlement("answer", charge, cost, 100, 20), now=at)
    elif status is CallStatus.LOST:
        ledger.lose(session, call, error="timed out", now=at)
    else:
        ledger.void(session, call, error="refused", now=at)
    session.expire_all()
    return call.id


@pytest.fixture
def world(database: Database) -> LedgerWorld:
    """An account with 1,000 credits and two stages."""
    with database.transaction() as session:
        return ledgers.make_ledger(session, balance=1_000 * CREDIT, caps=(400 * CREDIT, 400 * CREDIT))


def _report(database: Database, by: ReportBy, account_id: int | None, period: Period = ALWAYS, **more: Any) -> Report:
    with database.reading() as session:
        return cost_report(session, by, account_id=account_id, period=period, **more)


def test_the_plans_example_has_cost_revenue_and_margin(database: Database, world: LedgerWorld) -> None:
    with database.transaction() as session:
        _call(session, world, charge=2 * CREDIT, cost=CENT // 2)

    [row] = _report(database, ReportBy.MODEL, world.account_id).rows

    assert (row.key, row.testing) == ("writer", False)
    assert row.figures == Figures(
        answered=1, charged_ucr=2 * CREDIT, input_tokens=100, output_tokens=20, cost_picodollars=CENT // 2,
        revenue_picodollars=2 * CENT,
    )  # fmt: skip
    assert row.figures.margin_picodollars == 2 * CENT - CENT // 2


def test_testing_stands_apart_from_live(database: Database, world: LedgerWorld) -> None:
    with database.transaction() as session:
        _call(session, world, cost=5)
        _call(session, world, cost=3, is_testing=True)

    report = _report(database, ReportBy.STAGE, world.account_id)

    assert [(row.key, row.name, row.testing, row.figures.cost_picodollars) for row in report.rows] == [
        ("1", "Keywords → Clusters", False, 5),
        ("1", "Keywords → Clusters", True, 3),
    ]
    assert (report.live.cost_picodollars, report.testing.cost_picodollars) == (5, 3)


def test_sums_that_64_bits_do_not_hold_are_exact(database: Database, world: LedgerWorld) -> None:
    most = 2**63 - 1
    with database.transaction() as session:
        for _ in range(3):
            call = session.get_one(AiCall, _call(session, world, cost=most))
            call.held_amount, call.charged_amount = 10**18, 10**18 - 1
            call.credit_value_microdollars = 10**9

    for by in ReportBy:
        [row] = _report(database, by, world.account_id).rows
        assert row.figures.cost_picodollars == 3 * most
        assert row.figures.revenue_picodollars == 3 * (10**18 - 1) * 10**9


def test_what_a_credit_was_worth_at_the_call_counts(database: Database, world: LedgerWorld) -> None:
    with database.transaction() as session:
        _call(session, world)
        _call(session, world, credit_value_microdollars=20_000)

    assert _report(database, ReportBy.MODEL, world.account_id).live.revenue_picodollars == 3 * CENT


def test_a_lost_call_shows_what_it_held_and_a_late_cost(database: Database, world: LedgerWorld) -> None:
    with database.transaction() as session:
        call_id = _call(session, world, status=CallStatus.LOST)
        _call(session, world, status=CallStatus.VOIDED)
        handle = CallHandle.of(session.get_one(AiCall, call_id))
        ledger.answered_late(session, handle, Settlement("late", CREDIT, 11))

    figures = _report(database, ReportBy.MODEL, world.account_id).live

    assert figures == Figures(voided=1, lost=1, lost_ucr=2 * CREDIT, cost_picodollars=11)


def test_an_open_call_is_in_no_report(database: Database, world: LedgerWorld) -> None:
    with database.transaction() as session:
        ledgers.open_call(session, world, amount=CREDIT)

    assert _report(database, ReportBy.DAY, world.account_id).rows == []


def test_a_day_is_utcs_and_both_ends_of_a_time_are_in_it(database: Database, world: LedgerWorld) -> None:
    instants = [
        datetime(2026, 6, 2, 23, 59, 59, 999999, UTC),
        datetime(2026, 6, 3, tzinfo=UTC),
        datetime(2026, 6, 4, 23, 59, 59, 999999, UTC),
        datetime(2026, 6, 5, tzinfo=UTC),
    ]
    with database.transaction() as session:
        for at in instants:
            _call(session, world, at=at)

    report = _report(database, ReportBy.DAY, world.account_id, Period(date(2026, 6, 3), date(2026, 6, 4)))

    assert [(row.key, row.figures.answered) for row in report.rows] == [("2026-06-03", 1), ("2026-06-04", 1)]


def test_totals_are_of_all_rows_however_few_are_asked_for(database: Database, world: LedgerWorld) -> None:
    with database.transaction() as session:
        for number, charge in enumerate((CREDIT, 2 * CREDIT, 3)):
            _call(session, world, charge=charge, model=f"writer {number}")

    report = _report(database, ReportBy.MODEL, world.account_id, limit=2)

    assert [row.key for row in report.rows] == ["writer 1", "writer 0"]
    assert (report.live.answered, report.live.charged_ucr) == (3, 3 * CREDIT + 3)


def _lived(database: Database) -> list[LedgerWorld]:
    """Three accounts and ninety calls, ended in all ways over ten days; some charges were given back later."""
    dice = Random(7)
    with database.transaction() as session:
        worlds = [
            ledgers.make_ledger(session, balance=500 * CREDIT, caps=(150 * CREDIT, 150 * CREDIT)) for _ in range(3)
        ]
        for _ in range(90):
            world = dice.choice(worlds)
            at = NOW + timedelta(hours=dice.randrange(240))
            call_id = _call(
                session,
                world,
                at=at,
                stage=dice.randrange(2),
                status=dice.choice([CallStatus.SETTLED] * 4 + [CallStatus.LOST, CallStatus.VOIDED]),
                charge=dice.randrange(2 * CREDIT),
                cost=dice.randrange(CENT),
                model=dice.choice(["writer", "painter"]),
                is_testing=dice.random() < 0.3,
                credit_value_microdollars=dice.choice([10_000, 12_345]),
            )
            if session.get_one(AiCall, call_id).charged_amount and dice.random() < 0.2:
                refunds.refund(
                    session,
                    account_id=world.account_id,
                    call_id=call_id,
                    reason="useless",
                    actor="test",
                    now=at + timedelta(hours=dice.randrange(48)),
                )
    return worlds


def _periods() -> Iterator[Period]:
    first = NOW.date()
    yield ALWAYS
    yield Period(first, first)
    yield Period(first + timedelta(days=3), first + timedelta(days=6))


def _booked(database: Database, kind: str, account_id: int | None, period: Period) -> int:
    start, end = period.bounds
    query = select(func.coalesce(func.sum(CreditEntry.amount), 0)).where(
        CreditEntry.kind == kind, CreditEntry.created_at >= start, CreditEntry.created_at < end
    )
    if account_id is not None:
        query = query.where(CreditEntry.account_id == account_id)
    with database.reading() as session:
        return int(session.scalar(query) or 0)


def test_every_report_of_every_time_sums_to_what_the_ledger_booked(database: Database) -> None:
    worlds = _lived(database)

    for account_id in (None, *(world.account_id for world in worlds)):
        for period in _periods():
            for by in ReportBy:
                report = _report(database, by, account_id, period)
                of_rows = [
                    (sum(row.figures.charged_ucr for row in report.rows)),
                    (sum(row.figures.refunded_ucr for row in report.rows)),
                ]
                of_totals = [
                    report.live.charged_ucr + report.testing.charged_ucr,
                    report.live.refunded_ucr + report.testing.refunded_ucr,
                ]
                booked = [
                    -_booked(database, "charge", account_id, period),
                    _booked(database, "refund", account_id, period),
                ]
                assert of_rows == of_totals == booked, (by, account_id, period)
    with database.reading() as session:
        assert violations(session) == []


def test_costs_and_revenues_are_those_of_the_calls_one_by_one(database: Database) -> None:
    _lived(database)
    with database.reading() as session:
        calls = session.scalars(select(AiCall)).all()
        back = set(session.scalars(select(CreditEntry.call_id).where(CreditEntry.kind == "refund")))

    report = _report(database, ReportBy.MODEL, None)

    revenue = sum(call.charged_amount * call.credit_value_microdollars for call in calls if call.id not in back)
    assert back
    assert sum(row.figures.revenue_picodollars for row in report.rows) == revenue
    assert sum(row.figures.cost_picodollars for row in report.rows) == sum(call.cost_picodollars for call in calls)


@pytest.mark.parametrize("by", ReportBy)
def test_a_report_is_one_statement(database: Database, world: LedgerWorld, by: ReportBy) -> None:
    with statements_of(database) as seen:
        _report(database, by, world.account_id)

    assert len(seen) == 1


def test_an_account_is_found_by_an_index(sqlite_database: Database) -> None:
    with sqlite_database.reading() as session:
        query = _report_query(session, ReportBy.MODEL, _moves(1, ALWAYS))
        shown = str(query.compile(session.connection(), compile_kwargs={"literal_binds": True}))
        plan = "\n".join(row[3] for row in session.execute(text(f"EXPLAIN QUERY PLAN {shown}")))

    assert "COVERING INDEX ix_ai_calls_resolved (account_id=? AND resolved_at>? AND resolved_at<?)" in plan
    assert "ix_credit_entries_refunds (account_id=? AND created_at>? AND created_at<?)" in plan


@pytest.mark.parametrize(
    ("first", "last", "fields"),
    [
        (date(2026, 6, 2), date(2026, 6, 1), ["first"]),
        (date(1, 1, 1), None, ["first"]),
        (None, date(9999, 12, 31), ["last"]),
        (None, date(1, 1, 1), ["last"]),
        (date(2001, 1, 1), date(2026, 1, 1), ["first"]),
    ],
)
def test_days_that_are_no_time_are_refused(first: date | None, last: date | None, fields: list[str]) -> None:
    with pytest.raises(InvalidValueError) as refused:
        Period.of(first, last, now=NOW)

    assert [fault.field for fault in refused.value.faults] == fields


def test_without_days_the_last_thirty_are_meant() -> None:
    assert Period.of(None, None, now=NOW) == Period(date(2026, 10, 4), date(2026, 11, 2))


# Refunds


def _refund(database: Database, account_id: int, call_id: int, reason: str = "useless") -> refunds.Refund:
    with database.transaction() as session:
        return refunds.refund(
            session, account_id=account_id, call_id=call_id, reason=reason, actor="cli", now=NOW + timedelta(days=1)
        )


def test_a_charge_is_given_back_once_as_an_entry_of_its_own(database: Database, world: LedgerWorld) -> None:
    with database.transaction() as session:
        call_id = _call(session, world, charge=CREDIT)

    done = [_refund(database, world.account_id, call_id) for _ in range(2)]

    assert [(each.amount_ucr, each.is_new) for each in done] == [(CREDIT, True), (CREDIT, False)]
    with database.reading() as session:
        assert ledger.balance(session, world.account_id).balance_ucr == 1_000 * CREDIT
        entry = session.scalars(select(CreditEntry).where(CreditEntry.kind == "refund")).one()
        event = session.scalars(select(AuditEvent)).one()
        assert violations(session) == []
    assert (entry.call_id, entry.amount, entry.note) == (call_id, CREDIT, "useless")
    assert (event.action, event.subject_id, event.details) == (
        "credits.refunded", call_id, {"amount": "1", "reason": "useless"},
    )  # fmt: skip


def test_of_many_refunds_of_a_call_at_once_one_is_booked(database: Database, world: LedgerWorld) -> None:
    with database.transaction() as session:
        call_id = _call(session, world, charge=CREDIT)

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: _refund(database, world.account_id, call_id).is_new, range(8)))

    assert sorted(done) == [False] * 7 + [True]
    with database.reading() as session:
        assert ledger.balance(session, world.account_id).balance_ucr == 1_000 * CREDIT


def test_what_was_not_charged_is_not_given_back(database: Database, world: LedgerWorld) -> None:
    with database.transaction() as session:
        lost = _call(session, world, status=CallStatus.LOST)
        free = _call(session, world, charge=0)

    for call_id in (lost, free):
        with pytest.raises(ConflictError, match="was charged nothing"):
            _refund(database, world.account_id, call_id)


def test_anothers_call_is_not_there(database: Database, world: LedgerWorld) -> None:
    with database.transaction() as session:
        call_id = _call(session, world)
        other = ledgers.make_ledger(session, balance=CREDIT, caps=(CREDIT,))

    with pytest.raises(NotFoundError, match=f"There is no call {call_id} in this account"):
        _refund(database, other.account_id, call_id)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_a_refund_says_why(database: Database, world: LedgerWorld, reason: str) -> None:
    with pytest.raises(InvalidValueError, match="a refund says why"):
        _refund(database, world.account_id, 1, reason)
