"""Each law is broken by hand, the way a fault would break it, and is told in one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Executable, delete, insert, select, text, update
from sqlalchemy.orm import Session

from pipeline.core.states import CallStatus, ContentStatus, ItemStatus, LaneStatus, RunStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.models import Account, AiCall, CalendarSlot, CreditEntry, Lane, Publication, Run, StageItem, StageRun
from pipeline.services import calendar
from pipeline.services import credits as ledger
from pipeline.services.credits import CallHandle, Settlement
from pipeline.services.invariants import violations
from tests.support import ledgers
from tests.support.builders import make_content, make_site
from tests.support.ledgers import NOW, LedgerWorld

CREDIT = 1_000_000


@pytest.fixture
def world(database: Database) -> LedgerWorld:
    """100 credits, a stage with a cap of 50: a settled call of 4, a lost one of 3, an open one of 2."""
    with database.transaction() as session:
        world = ledgers.make_ledger(session, balance=100 * CREDIT, caps=(50 * CREDIT,))
        settled, lost, _open = (_open_call(session, world, amount) for amount in (4, 3, 2))
        ledger.settle(session, settled, Settlement("answer", 4 * CREDIT, 1), now=NOW)
        ledger.lose(session, lost, error="timed out", now=NOW)
    return world


def _open_call(session: Session, world: LedgerWorld, amount: int) -> CallHandle:
    call = ledgers.open_call(session, world, amount=amount * CREDIT)
    assert isinstance(call, CallHandle)
    return call


def test_a_sound_database_breaks_no_law(database: Database, world: LedgerWorld) -> None:
    with database.reading() as session:
        assert violations(session) == []


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        pytest.param(
            update(Account).values(balance=97 * CREDIT),
            "Account 1: its balance is 97 credits, but its entries sum to 96.",
            id="balance",
        ),
        pytest.param(
            update(Account).values(held=0), "Account 1 holds 0 credits, but its open calls hold 2.", id="account held"
        ),
        pytest.param(
            update(StageRun).values(held=CREDIT),
            "Stage run 1 holds 1 credits, but its open calls hold 2.",
            id="stage held",
        ),
        pytest.param(
            update(StageRun).values(spent=0),
            "Stage run 1 has spent 0 credits, but its settled calls were charged 4.",
            id="spent",
        ),
        pytest.param(
            update(StageRun).values(lost=0), "Stage run 1 has lost 0 credits, but its lost calls held 3.", id="lost"
        ),
    ],
)
def test_an_amount_that_is_not_its_sum_is_told(
    database: Database, world: LedgerWorld, fault: object, sentence: str
) -> None:
    with _faulty(database, fault) as session:
        assert violations(session) == [sentence]


def test_more_held_than_the_balance_is_told(database: Database, world: LedgerWorld) -> None:
    taken = {"account_id": 1, "kind": "adjustment", "amount": -95 * CREDIT, "key": "adjustment:1", "note": ""}
    with _faulty(
        database, insert(CreditEntry).values(**taken), update(Account).values(balance=Account.balance - 95 * CREDIT)
    ) as session:
        assert violations(session) == ["Account 1 holds 2 credits, more than its balance of 1."]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        pytest.param(
            update(CreditEntry).where(CreditEntry.kind == "charge").values(call_id=2),
            [
                "Call 1 is settled and owes 4 credits, but 0 entries charge 0 for it.",
                "Call 2 is lost and owes 0 credits, but 1 entries charge 4 for it.",
            ],
            id="charge of another call",
        ),
        pytest.param(
            update(CreditEntry).where(CreditEntry.kind == "charge").values(call_id=None),
            [
                "Call 1 is settled and owes 4 credits, but 0 entries charge 0 for it.",
                "Entry 2 charges account 1 4 credits for no call of that account.",
            ],
            id="charge of no call",
        ),
        pytest.param(
            insert(CreditEntry).values(account_id=1, kind="charge", amount=0, key="charge:again", call_id=1, note=""),
            ["Call 1 is settled and owes 4 credits, but 2 entries charge 4 for it."],
            id="two charges of one call",
        ),
        pytest.param(
            update(AiCall).where(AiCall.id == 3).values(charged_amount=CREDIT),
            [
                "Call 3 is dispatched: a settled call has an answer, any other has neither an answer nor a charge.",
            ],
            id="charge before the answer",
        ),
    ],
)
def test_charges_and_settled_calls_that_do_not_meet_are_told(
    database: Database, world: LedgerWorld, fault: object, sentence: list[str]
) -> None:
    with _faulty(database, fault) as session:
        assert violations(session) == sentence


@pytest.mark.parametrize(
    ("call_id", "flag"), [(2, "wasted"), (2, "usage_missing"), (3, "overrun"), (1, "late"), (4, "overrun")]
)
def test_a_flag_that_a_call_cannot_have_is_told(
    database: Database, world: LedgerWorld, call_id: int, flag: str
) -> None:
    with database.transaction() as session:
        ledger.settle(session, _open_call(session, world, 5), Settlement("answer", CREDIT, 1), now=NOW)
    flagged = update(AiCall).where(AiCall.id == call_id).values(flags=[flag])

    with _faulty(database, flagged) as session:
        [told] = violations(session)

    assert re.match(rf"Call {call_id} is \w+ and flagged \S+{flag}", told)


@pytest.mark.parametrize("call_id", [1, 2], ids=["more than it was charged", "of a call that was lost"])
def test_a_refund_of_what_was_not_charged_is_told(database: Database, world: LedgerWorld, call_id: int) -> None:
    back = {"account_id": 1, "kind": "refund", "amount": 3 * CREDIT, "key": "refund:x", "call_id": call_id, "note": ""}

    with _faulty(
        database, insert(CreditEntry).values(**back), update(Account).values(balance=Account.balance + 3 * CREDIT)
    ) as session:
        assert violations(session) == ["Entry 3 gives account 1 3 credits back for a call that was not charged them."]


def test_an_open_call_of_an_ended_run_is_told(database: Database, world: LedgerWorld) -> None:
    with _faulty(database, update(Run).values(status=RunStatus.COMPLETED)) as session:
        assert violations(session) == ["Run 1 is completed, but 1 of its calls are open and hold 2 credits."]


def test_an_open_lane_of_an_ended_run_is_told(database: Database, world: LedgerWorld) -> None:
    lane = {"stage_run_id": world.stage_run_ids[0], "number": 2, "status": LaneStatus.OPEN, "due_at": NOW}
    with database.transaction() as session:
        ledger.resolve_open_calls(session, stage_run_id=world.stage_run_ids[0], lane=1, now=NOW)

    with _faulty(
        database,
        insert(Lane).values(**lane, ticket=0, sends=0, batch_done=0),
        update(Run).values(status=RunStatus.FAILED),
    ) as session:
        assert violations(session) == ["Run 1 is failed, but lane 2 of its stage 1 is open."]


@pytest.mark.parametrize("status", [ItemStatus.PENDING, ItemStatus.LEASED])
def test_an_unreached_item_of_an_ended_stage_is_told(
    database: Database, world: LedgerWorld, status: ItemStatus
) -> None:
    items = [
        StageItem(stage_run_id=world.stage_run_ids[0], position=position, subject_id=position, status=status)
        for position in (1, 2)
    ]
    with database.transaction() as session:
        session.add_all(items)

    with _faulty(database, update(StageRun).values(status=StageRunStatus.COMPLETED)) as session:
        assert violations(session) == [f"Stage run 1 is completed, but 2 of its items are {status}."]


@pytest.mark.parametrize(
    "fault",
    [
        delete(CalendarSlot).where(CalendarSlot.content_id == 1),
        update(CalendarSlot).where(CalendarSlot.content_id == 1).values(content_id=None),
        update(Publication).where(Publication.content_id == 1).values(slot_at=NOW),
        update(CalendarSlot).where(CalendarSlot.content_id == 1).values(site_id=2),
    ],
    ids=["no slot", "a free slot", "another instant", "another site"],
)
def test_a_planned_publication_without_its_slot_is_told(database: Database, fault: Executable) -> None:
    with database.transaction() as session:
        site, _ = make_site(session), make_site(session)
        for _ in range(2):
            make_content(session, site=site, status=ContentStatus.APPROVED, approved_at=NOW)
        assert calendar.fill(session, site.id, now=NOW, limit=2) == 2

    with _faulty(database, fault) as session:
        slot_at = session.scalar(select(Publication.slot_at).where(Publication.content_id == 1))
        assert violations(session) == [
            f"Publication 1 is planned for {slot_at}, but its content 1 holds no slot of its site then."
        ]


def test_laws_that_the_schema_keeps_too_are_told_where_its_checks_are_off(sqlite_database: Database) -> None:
    with sqlite_database.transaction() as session:
        world = ledgers.make_ledger(session, balance=100 * CREDIT, caps=(50 * CREDIT,))
        settled = _open_call(session, world, 4)
        ledger.settle(session, settled, Settlement("answer", 4 * CREDIT, 1), now=NOW)

    with sqlite_database.engine.connect() as connection:
        connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        session = Session(connection)
        session.execute(update(AiCall).values(answer=None))
        session.execute(update(StageRun).values(cap=CREDIT))

        assert violations(session) == [
            "Stage run 1 has 4 credits spent, held and lost, more than its cap of 1.",
            "Call 1 is settled: a settled call has an answer, any other has neither an answer nor a charge.",
        ]


def test_a_law_that_everything_breaks_is_told_fifty_times(database: Database) -> None:
    with database.transaction() as session:
        session.add_all([Account(name=f"account {number}", balance=1) for number in range(60)])

    with database.reading() as session:
        assert len(violations(session)) == 50


def test_the_statuses_of_calls_that_hold_are_those_not_resolved() -> None:
    resolved = {CallStatus.SETTLED, CallStatus.VOIDED, CallStatus.LOST}

    assert set(ledger.OPEN_CALLS) == set(CallStatus) - resolved


@contextmanager
def _faulty(database: Database, *faults: object) -> Iterator[Session]:
    """A session in which the faults have happened; they are rolled back."""
    with Session(database.engine) as session:
        for fault in faults:
            session.execute(fault)
        yield session
        session.rollback()
