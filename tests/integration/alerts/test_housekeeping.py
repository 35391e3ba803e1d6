from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select, update
from structlog.testing import capture_logs

from pipeline.core.alerts import NotificationKind
from pipeline.core.states import CallStatus, ContentStatus, RunStatus
from pipeline.engine import housekeeping as engine
from pipeline.models import (
    Account,
    AiCall,
    AuditEvent,
    BeatClaim,
    Content,
    CreditEntry,
    Decision,
    Delivery,
    Heartbeat,
    HousekeepingPosition,
    Notification,
    Run,
    Site,
    SiteAutomationSettings,
    StageRun,
    SyncEvent,
)
from pipeline.services import alerts, housekeeping, invariants
from tests.support.builders import make_account, make_content, make_site

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from pipeline.db.session import Database
    from pipeline.models import Base
    from tests.integration.alerts.conftest import World

DAY = timedelta(days=1)


@pytest.fixture
def now(world: World) -> datetime:
    return world.database.now()


def _calls(world: World, *ages: timedelta, now: datetime, status: RunStatus = RunStatus.COMPLETED) -> list[int]:
    """Settled calls of so long ago, of one run of that status, with their charges."""
    with world.database.transaction() as session:
        site = make_site(session, account=world.account)
        run = Run(account_id=site.account_id, site_id=site.id, status=status, settings={}, prices={}, available=0)
        session.add(run)
        session.flush()
        stage_run = StageRun(run_id=run.id, number=1, key="x", cap=10 * len(ages), spent=10 * len(ages))
        session.add(stage_run)
        session.flush()
        rows = [
            AiCall(
                account_id=site.account_id,
                stage_run_id=stage_run.id,
                key=f"{stage_run.id}-{number}",
                step="ask",
                lane=1,
                status=CallStatus.SETTLED,
                held_amount=10,
                charged_amount=10,
                cost_picodollars=7,
                price={},
                input_tokens=3,
                answer="stop\nwords",
                created_at=now - age,
                resolved_at=now - age,
            )
            for number, age in enumerate(ages)
        ]
        for row in rows:
            session.add(row)
            session.flush()
            charge = {"account_id": site.account_id, "kind": "charge", "amount": -10, "call_id": row.id}
            session.add(CreditEntry(**charge, key=f"charge:{row.id}"))
        session.add(CreditEntry(account_id=site.account_id, kind="grant", amount=10 * len(ages), key=f"grant:{run.id}"))
    return [row.id for row in rows]


def _answers(world: World) -> list[str | None]:
    with world.database.reading() as session:
        return list(session.scalars(select(AiCall.answer).order_by(AiCall.id)))


def _count(database: Database, table: type) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_raw_answers_are_emptied_and_what_calls_were_and_cost_stays(world: World, now: datetime) -> None:
    _calls(world, 40 * DAY, 31 * DAY, 29 * DAY, now=now)

    engine.sweep(world.database)

    assert _answers(world) == ["", "", "stop\nwords"]
    with world.database.reading() as session:
        call = session.scalars(select(AiCall).order_by(AiCall.id)).first()
        assert invariants.violations(session) == []
    assert call is not None
    assert (call.status, call.charged_amount, call.cost_picodollars, call.input_tokens) == (
        CallStatus.SETTLED,
        10,
        7,
        3,
    )
    assert _count(world.database, CreditEntry) == 4


def test_the_days_are_a_setting(world: World, now: datetime) -> None:
    world.configure(IGNY8_ANSWERS_DAYS="10")
    _calls(world, 11 * DAY, 9 * DAY, now=now)

    engine.sweep(world.database)

    assert _answers(world) == ["", "stop\nwords"]


def test_an_answer_that_a_live_run_may_want_is_passed_over(world: World, now: datetime) -> None:
    _calls(world, 40 * DAY, now=now, status=RunStatus.PAUSED)
    _calls(world, 39 * DAY, now=now)

    engine.sweep(world.database)

    assert _answers(world) == ["stop\nwords", ""]


def test_answers_are_emptied_portion_by_portion_and_sweep_by_sweep(
    world: World, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PORTION", 2)
    _calls(world, *[40 * DAY] * 5, now=now)
    with world.database.transaction() as session:
        assert housekeeping.forget_answers(session, before=now - 30 * DAY, size=2)
    first = _answers(world)

    engine.sweep(world.database)

    assert first.count("") == 2
    assert _answers(world) == [""] * 5


def test_a_step_ends_when_its_time_is_over(world: World, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "PORTION", 1)
    _calls(world, *[40 * DAY] * 5, now=now)
    passing = iter(range(0, 1_000_000, 6))

    engine.sweep(world.database, clock=lambda: float(next(passing)))

    assert _answers(world).count("") == 1


def _events(world: World, *ages: timedelta, now: datetime) -> None:
    with world.database.transaction() as session:
        site = make_site(session, account=world.account)
        own = {"account_id": site.account_id}
        for age in ages:
            at = now - age
            session.add(Decision(**own, site_id=site.id, kind="skipped", reason="x", at=at))
            session.add(SyncEvent(**own, site_id=site.id, kind="failing", message="x", at=at))
            session.add(AuditEvent(**own, actor="x", action="x", subject_kind="x", subject_id=1, at=at))
            session.flush()


def test_events_are_deleted_when_they_are_old(world: World, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "PORTION", 2)
    _events(world, *[100 * DAY] * 5, 89 * DAY, 1 * DAY, now=now)

    engine.sweep(world.database)

    assert [_count(world.database, table) for table in (Decision, SyncEvent, AuditEvent)] == [2, 2, 2]


def test_notifications_go_when_they_are_old_and_over(world: World, now: datetime) -> None:
    with world.database.transaction() as session:
        for number, (age, ended) in enumerate([(100, True), (100, False), (1, True)]):
            session.add(
                Notification(
                    account_id=world.account.id,
                    kind=NotificationKind.SITE_FAILING,
                    key=f"site_failing:{number}",
                    subject_kind="site",
                    subject_id=number,
                    message="x",
                    created_at=now - age * DAY,
                    ended_at=now - DAY if ended else None,
                )
            )
            session.flush()
        session.add(
            Delivery(account_id=world.account.id, notification_id=1, channel="email", public_id="1", due_at=None)
        )

    engine.sweep(world.database)

    assert [row.id for row in world.notifications()] == [2, 3]
    assert world.deliveries() == []


def test_signs_and_claims_of_the_dead_go(world: World, now: datetime) -> None:
    with world.database.transaction() as session:
        for age in (2 * DAY, timedelta(hours=1)):
            session.add(Heartbeat(name=f"gone:{age}", at=now - age))
            session.add(BeatClaim(name="renamed since", due_at=now - age))

    engine.sweep(world.database)

    assert [_count(world.database, table) for table in (Heartbeat, BeatClaim)] == [1, 1]


def test_wrong_books_are_an_error_in_the_log_and_told_to_the_platform_alone(world: World) -> None:
    with world.database.transaction() as session:
        make_account(session, balance=5)
        session.execute(update(Account).where(Account.balance == 5).values(balance=6))

    with capture_logs() as logs:
        engine.sweep(world.database)
        engine.sweep(world.database)
        engine.sweep(world.database)

    wrong = [line["finding"] for line in logs if line["event"] == "books_wrong"]
    assert wrong[0].endswith("its balance is 0.000006 credits, but its entries sum to 0.000005.")
    # The second sweep finds the end of each table, the third begins anew.
    assert len(wrong) == 2
    (told,) = world.notifications()
    assert (told.account_id, told.kind) == (None, NotificationKind.BOOKS_WRONG)
    assert wrong[0] in told.message


def test_books_are_checked_portion_by_portion_until_all_were(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BOOKS_PORTION", 2)
    with world.database.transaction() as session:
        accounts = [make_account(session, balance=5) for _ in range(6)]
        session.execute(update(Account).where(Account.id == accounts[-1].id).values(balance=6))

    found = []
    for _ in range(5):
        with capture_logs() as logs:
            engine.sweep(world.database)
        found.append(len([line for line in logs if line["event"] == "books_wrong"]))

    assert found == [0, 0, 0, 1, 0]


def test_every_law_finds_in_its_windows_what_it_finds_in_all(world: World, now: datetime) -> None:
    _calls(world, *[DAY] * 6, now=now)
    with world.database.transaction() as session:
        session.execute(update(StageRun).values(spent=59, held=1))
        session.execute(update(AiCall).where(AiCall.id.in_([2, 5])).values(charged_amount=9))
        session.execute(update(CreditEntry).where(CreditEntry.call_id == 3).values(call_id=None))
        session.execute(update(Account).values(balance=77))

    with world.database.reading() as session:
        everything = invariants.violations(session)
        in_windows = []
        for of in invariants.walked():
            position = 0
            while window := invariants.window_after(session, of, position, size=1):
                in_windows += invariants.violations_in(session, of, window)
                position = window.upto or 0
    assert len(everything) >= 6
    assert sorted(in_windows) == sorted(everything)


def _review(world: World, count: int, *, by_people: bool = True, name: str = "Still Water") -> Site:
    with world.database.transaction() as session:
        site = make_site(session, account=world.account, name=name)
        for _ in range(count):
            make_content(session, site=site, status=ContentStatus.REVIEW)
        session.execute(
            update(SiteAutomationSettings)
            .where(SiteAutomationSettings.site_id == site.id)
            .values(auto_approval_enabled=not by_people)
        )
    return site


def test_people_are_reminded_of_what_waits_for_their_approval(world: World) -> None:
    site = _review(world, 2)

    engine.sweep(world.database)
    engine.sweep(world.database)

    (told,) = world.notifications()
    assert (told.kind, told.subject_id) == (NotificationKind.REVIEW_WAITING, site.id)
    assert told.message.startswith("2 articles wait in Still Water for approval")


def test_nobody_is_reminded_of_what_the_next_run_approves(world: World) -> None:
    _review(world, 2, by_people=False)

    engine.sweep(world.database)

    assert world.notifications() == []


def test_a_reminder_is_over_when_nothing_waits_and_comes_daily_at_most(world: World, now: datetime) -> None:
    _review(world, 1)

    def remind(at: datetime, status: ContentStatus) -> list[bool]:
        with world.database.transaction() as session:
            session.execute(update(Content).values(status=status))
            housekeeping.remind_of_reviews(session, size=10, now=at)
        return [row.ended_at is None for row in world.notifications()]

    assert remind(now, ContentStatus.REVIEW) == [True]
    assert remind(now + timedelta(hours=1), ContentStatus.APPROVED) == [False]
    assert remind(now + timedelta(hours=2), ContentStatus.REVIEW) == [False]
    assert remind(now + timedelta(hours=25), ContentStatus.REVIEW) == [False, True]


def test_sites_are_walked_through_in_portions(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SITES_A_PORTION", 2)
    with world.database.transaction() as session:
        for _ in range(4):
            make_site(session, account=world.account)
        site = make_site(session, account=world.account)
        make_content(session, site=site, status=ContentStatus.REVIEW)
        session.execute(update(SiteAutomationSettings).values(auto_approval_enabled=False))

    engine.sweep(world.database)

    assert [row.subject_id for row in world.notifications()] == [site.id]
    with world.database.reading() as session:
        assert session.get_one(HousekeepingPosition, "reviews").position == 0


def test_a_step_that_fails_keeps_no_other_from_its_work(
    world: World, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    _calls(world, 40 * DAY, now=now)
    _events(world, 100 * DAY, now=now)

    def broken(*_: object, **__: object) -> None:
        raise ValueError("out of order")

    monkeypatch.setattr(housekeeping, "forget_answers", broken)
    with capture_logs() as logs:
        engine.sweep(world.database)

    assert [line["step"] for line in logs if line["event"] == "housekeeping_step_failed"] == ["answers"]
    assert _count(world.database, Decision) == 0


def test_a_table_whose_books_cannot_be_checked_keeps_no_other_from_it(
    world: World, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = invariants.walked()
    _calls(world, DAY, now=now)
    with world.database.transaction() as session:
        session.execute(update(StageRun).values(spent=9))
    checked = housekeeping.check_books

    def sick(session: Session, of: type[Base], *, size: int) -> tuple[list[str], bool]:
        if of is first:
            raise ValueError("out of order")
        return checked(session, of, size=size)

    monkeypatch.setattr(housekeeping, "check_books", sick)
    with capture_logs() as logs:
        engine.sweep(world.database)

    assert [line["step"] for line in logs if line["event"] == "housekeeping_step_failed"] == [
        f"books of {first.__tablename__}"
    ]
    assert [line["finding"] for line in logs if line["event"] == "books_wrong"]


def test_a_site_that_nobody_can_be_reminded_of_keeps_no_other_from_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sick, well = _review(world, 1, name="Sick"), _review(world, 1)
    remind = alerts.review_waiting

    def reminds(session: Session, site: Site, *, articles: int, now: datetime) -> None:
        remind(session, site, articles=articles, now=now)
        if site.id == sick.id:
            raise ValueError("out of order")

    monkeypatch.setattr(alerts, "review_waiting", reminds)
    engine.sweep(world.database)

    assert [row.subject_id for row in world.notifications()] == [well.id]


def test_a_sweep_that_was_killed_is_gone_on_with(world: World, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        """The process is no more."""

    monkeypatch.setattr(engine, "PORTION", 1)
    _calls(world, *[40 * DAY] * 3, now=now)
    real, done = housekeeping.forget_answers, []

    def killed_in_the_second(*given: object, **named: object) -> bool:
        found = real(*given, **named)  # type: ignore[arg-type]  # as it was called
        done.append(found)
        if len(done) == 2:
            raise Killed
        return found

    with monkeypatch.context() as patched:
        patched.setattr(housekeeping, "forget_answers", killed_in_the_second)
        with pytest.raises(Killed):
            engine.sweep(world.database)
    cut_short = _answers(world).count("")

    engine.sweep(world.database)

    assert (cut_short, _answers(world).count("")) == (1, 3)


def test_sweeps_side_by_side_do_no_harm(world: World, now: datetime) -> None:
    _calls(world, *[40 * DAY] * 20, now=now)
    _events(world, *[100 * DAY] * 10, 1 * DAY, now=now)
    _review(world, 1)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: engine.sweep(world.database), range(3)))
    engine.sweep(world.database)

    assert _answers(world).count("") == 20
    assert _count(world.database, Decision) == 1
    assert len(world.notifications()) == 1
