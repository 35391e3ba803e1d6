"""Schedules and time: what starts when, once, whatever clocks, zones, beats and people do meanwhile."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, func, insert, select, text, update

from pipeline.core.calendar import parse_timezone
from pipeline.core.schedule import jitter_of
from pipeline.models import AiModel, Decision, Keyword, Run, Site, SiteAutomationSettings, StageRun
from pipeline.services import schedules
from tests.integration.scheduler.conftest import RecordingSender
from tests.support import walltime_oracle as oracle
from tests.support.schedules import Schedules

if TYPE_CHECKING:
    from pipeline.db.session import Database
    from tests.integration.scheduler.conftest import Stage

#: A Wednesday.
NOON = datetime(2026, 11, 4, 12, tzinfo=UTC)
#: When a daily schedule of the default time is due next.
TWO = datetime(2026, 11, 5, 2, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)
A_MINUTE = timedelta(minutes=1)
AN_HOUR = timedelta(hours=1)
A_DAY = timedelta(days=1)


@pytest.fixture
def beat(stage: Stage) -> Schedules:
    return Schedules(stage.database, stage.sender)


def test_a_run_starts_when_it_is_due_and_its_first_stage_is_sent(beat: Schedules) -> None:
    site = beat.site(now=NOON)

    following = beat.tick(TWO)

    (run,) = beat.runs(site)
    assert (run.origin, run.scheduled_for, run.created_at) == ("scheduled", TWO, TWO)
    (message,) = beat.sender.sent
    assert message.task == "stages.keywords_to_clusters.admit"
    assert [link.task.rpartition(".")[2] for link in reversed(message.options["chain"])] == ["batch", "finish"]
    assert beat.decided(site) == [("started", TWO)]
    assert following == beat.row(site).next_run_at == TWO + A_DAY


def test_nothing_starts_before_it_is_due(beat: Schedules) -> None:
    site = beat.site(now=NOON)

    following = beat.tick(TWO - A_SECOND)

    assert beat.runs(site) == []
    assert following == TWO


def test_a_site_with_nothing_waiting_is_skipped_and_goes_on(beat: Schedules) -> None:
    site = beat.site(now=NOON, waits=False)

    beat.tick(TWO)

    assert beat.decided(site) == [("skipped", TWO)]
    assert beat.row(site).next_run_at == TWO + A_DAY


def test_a_site_without_a_model_is_skipped_with_the_reason(beat: Schedules) -> None:
    site = beat.site(now=NOON)
    with beat.database.transaction() as session:
        session.execute(update(AiModel).values(is_active=False))

    beat.tick(TWO)

    (decision,) = beat.decisions(site)
    assert (decision.kind, decision.scheduled_for) == ("skipped", TWO)
    assert "There is no active live text model" in decision.reason
    assert beat.row(site).next_run_at == TWO + A_DAY


def test_a_run_starts_although_the_broker_is_away_and_is_due_for_sending_soon(beat: Schedules) -> None:
    site = beat.site(now=NOON)
    beat.sender.accepts = 0

    beat.tick(TWO)

    assert len(beat.runs(site)) == 1
    with beat.database.reading() as session:
        assert session.scalar(select(func.min(StageRun.due_at))) == TWO + timedelta(seconds=30)


def test_three_beats_side_by_side_start_each_of_many_sites_once(beat: Schedules) -> None:
    sites = _many_due(beat.database, model=beat.site(now=NOON), count=300)
    senders = [RecordingSender() for _ in range(3)]

    def work(sender: RecordingSender) -> None:
        for _ in range(3):
            beat.tick(TWO, sender=sender)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, senders))

    with beat.database.reading() as session:
        started = Counter(session.scalars(select(Run.site_id)))
        decided = Counter(session.scalars(select(Decision.site_id)))
        first_stages = session.scalars(select(StageRun.id).where(StageRun.number == 1)).all()
        assert session.scalar(select(func.min(SiteAutomationSettings.next_run_at))) == TWO + A_DAY
    assert started == decided == Counter(sites)
    sent = Counter(message.arguments[0] for sender in senders for message in sender.sent)
    assert sent == Counter(first_stages)


@pytest.mark.parametrize("frequency", ["hourly", "daily", "weekly"])
@pytest.mark.parametrize(
    ("zone", "night"),
    [
        ("Europe/Berlin", date(2026, 3, 29)),
        ("Europe/Berlin", date(2026, 10, 25)),
        ("America/New_York", date(2026, 3, 8)),
        ("America/New_York", date(2026, 11, 1)),
        ("Australia/Lord_Howe", date(2026, 4, 4)),
        ("Australia/Lord_Howe", date(2026, 10, 3)),
    ],
)
def test_every_instant_around_a_clock_change_counts_once(
    beat: Schedules, zone: str, night: date, frequency: str
) -> None:
    start = datetime.combine(night, time(12), tzinfo=UTC) - 2 * A_DAY
    until = start + 3 * A_DAY
    at, weekday = "02:15" if zone == "Australia/Lord_Howe" else "02:30", "sun"
    changes = {"frequency": frequency, "time": at, "weekday": weekday}
    site = beat.site(now=start, timezone=zone, waits=False, changes=changes)

    due = beat.row(site).next_run_at
    while due is not None and due <= until:
        due = beat.tick(due)

    tz = parse_timezone(zone)
    days = oracle.DAY_NAMES if frequency == "daily" else (weekday,)
    expected = (
        oracle.minutes_between(tz, minute=int(at[-2:]), after=start, until=until)
        if frequency == "hourly"
        else oracle.slots_between(tz, days=days, time_slots=[at], after=start, until=until)
    )
    assert beat.decided(site) == [("skipped", instant) for instant in expected]


@pytest.mark.parametrize(
    ("changes", "found_at", "kind", "instant"),
    [
        ({"frequency": "daily"}, TWO + 3 * A_DAY + 6 * AN_HOUR, "started", TWO + 3 * A_DAY),
        ({"frequency": "daily"}, TWO + 3 * A_DAY + 6 * AN_HOUR + A_SECOND, "missed", TWO),
        ({"frequency": "hourly", "time": "00:10"}, TWO + 3 * A_DAY, "missed", NOON + 10 * A_MINUTE),
        ({"frequency": "hourly", "time": "00:40"}, TWO + 3 * A_DAY, "started", TWO + 3 * A_DAY - 20 * A_MINUTE),
        ({"frequency": "weekly", "weekday": "thu"}, TWO + A_DAY, "started", TWO),
        ({"frequency": "weekly", "weekday": "thu"}, TWO + 3 * A_DAY, "missed", TWO),
    ],
)
def test_after_days_without_a_beat_there_is_one_run_or_one_missed_decision(
    beat: Schedules, changes: dict[str, str], found_at: datetime, kind: str, instant: datetime
) -> None:
    site = beat.site(now=NOON, changes=changes)

    for _ in range(3):
        beat.tick(found_at)

    assert beat.decided(site) == [(kind, instant)]
    due = beat.row(site).next_run_at
    assert due is not None
    assert due > found_at


def test_a_missed_run_says_how_late_it_was_found(beat: Schedules) -> None:
    site = beat.site(now=NOON)

    beat.tick(TWO + 2 * A_DAY + 7 * AN_HOUR)

    assert "2 d 7 h late, and at most 6 h are made up for" in beat.decisions(site)[0].reason


def test_an_edit_while_a_run_is_due_computes_the_next_from_now(beat: Schedules) -> None:
    site = beat.site(now=NOON)

    beat.change(site, {"time": "04:00"}, now=TWO + A_MINUTE)
    beat.tick(TWO + 2 * A_MINUTE)

    assert beat.decided(site) == []
    assert beat.row(site).next_run_at == TWO + 2 * AN_HOUR


@pytest.mark.parametrize("changes", [{"time": "04:00"}, {"enabled": "false"}])
def test_a_claim_of_what_was_changed_meanwhile_does_nothing(beat: Schedules, changes: dict[str, str]) -> None:
    site = beat.site(now=NOON)
    with beat.database.reading() as session:
        (entry,) = schedules.due(session, now=TWO, limit=10, queued=False)
    beat.change(site, changes, now=TWO)

    with beat.database.transaction() as session:
        assert schedules.start_due(session, entry, now=TWO) is None

    assert beat.decided(site) == []


def test_a_site_switched_off_with_a_run_due_starts_nothing(beat: Schedules) -> None:
    site = beat.site(now=NOON)

    beat.change(site, {"enabled": "false"}, now=TWO + A_MINUTE)
    beat.tick(TWO + 2 * A_MINUTE)

    assert beat.decided(site) == []
    assert beat.row(site).next_run_at is None


@pytest.mark.parametrize("jump", [timedelta(minutes=10), timedelta(minutes=-10)])
def test_a_clock_that_jumps_around_the_instant_starts_one_run(beat: Schedules, jump: timedelta) -> None:
    site = beat.site(now=NOON)

    for now in (TWO - 5 * A_MINUTE, TWO - 5 * A_MINUTE + jump, TWO, TWO + jump, TWO + A_MINUTE, TWO + AN_HOUR):
        beat.tick(now)

    assert beat.decided(site) == [("started", TWO)]


def test_an_edit_after_the_clock_jumped_back_starts_no_second_run_of_an_instant(beat: Schedules) -> None:
    site = beat.site(now=NOON)
    beat.tick(TWO)
    beat.end_run(site)

    beat.change(site, {"delays.within_stage": "1"}, now=TWO - 5 * A_MINUTE)
    beat.tick(TWO)

    assert beat.decided(site) == [("started", TWO), ("skipped", TWO)]
    assert beat.decisions(site)[1].reason == f"run {beat.runs(site)[0].id} was started for this instant already"


def test_jitter_moves_the_start_and_not_the_instant(beat: Schedules) -> None:
    site = beat.site(now=NOON, changes={"jitter_minutes": "60"})
    jitter = jitter_of(site, minutes=60)

    beat.tick(TWO + jitter - A_SECOND)
    before = beat.decided(site)
    beat.tick(TWO + jitter)

    assert before == []
    assert beat.decided(site) == [("started", TWO)]
    assert beat.row(site).next_run_at == TWO + A_DAY + jitter


def test_a_site_whose_zone_is_gone_is_paused_and_keeps_no_other_waiting(beat: Schedules) -> None:
    broken, sound = beat.site(now=NOON), beat.site(now=NOON)
    with beat.database.transaction() as session:
        session.execute(update(Site).where(Site.id == broken).values(timezone="Mars/Olympus"))

    beat.tick(TWO)

    assert "Mars/Olympus" in str(beat.row(broken).paused_reason)
    assert beat.row(broken).next_run_at is None
    assert beat.decided(sound) == [("started", TWO)]


def test_a_fault_of_one_site_is_a_recorded_skip_and_keeps_no_other_waiting(beat: Schedules) -> None:
    broken, sound = beat.site(now=NOON), beat.site(now=NOON)
    with beat.database.transaction() as session:
        is_broken = SiteAutomationSettings.site_id == broken
        session.execute(update(SiteAutomationSettings).where(is_broken).values(stage_config={"1": "nonsense"}))

    beat.tick(TWO)

    assert beat.decided(broken) == [("skipped", TWO)]
    assert "could not be started (ValidationError)" in beat.decisions(broken)[0].reason
    assert beat.decided(sound) == [("started", TWO)]


def test_more_due_sites_than_a_tick_takes_are_due_at_once(beat: Schedules, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.runs.SITES_A_TICK", 2)
    sites = [beat.site(now=NOON) for _ in range(3)]

    assert beat.tick(TWO) == TWO
    assert beat.tick(TWO) == TWO + A_DAY
    assert [beat.decided(site) for site in sites] == [[("started", TWO)]] * 3


def test_looking_for_what_is_due_reads_indexes_only(sqlite_database: Database) -> None:
    asked: list[str] = []
    event.listen(
        sqlite_database.reader,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: asked.append(statement),
    )
    with sqlite_database.reading() as session:
        for queued in (False, True):
            schedules.due(session, now=NOON, limit=300, queued=queued)
        schedules.next_due(session, now=NOON)

    with sqlite_database.reading() as session:
        plans = [
            [row.detail for row in session.execute(text(f"EXPLAIN QUERY PLAN {_literal(statement)}"))]
            for statement in [line for line in asked if line.startswith("SELECT")]
        ]
    steps = [
        step for plan in plans for step in plan if step.startswith(("SCAN", "SEARCH")) and step != "SCAN CONSTANT ROW"
    ]
    assert len(steps) == 6
    used = {step.partition(" USING ")[2].removeprefix("COVERING ").split()[1] for step in steps}
    assert used == {"ix_site_settings_next_run_at", "ix_site_settings_queued_for", "uq_runs_live"}


def _literal(statement: str) -> str:
    """A statement with a number for each of its parameters: its plan is the same."""
    return statement.replace("?", "1")


def _many_due(database: Database, *, model: int, count: int) -> list[int]:
    """That many sites more, each like the model, with a keyword that waits; the ids of all."""
    with database.transaction() as session:
        site = session.get_one(Site, model)
        row = session.scalars(select(SiteAutomationSettings).filter_by(site_id=model)).one()
        rows = [{"account_id": site.account_id, "name": f"like {n}", "timezone": "UTC"} for n in range(count - 1)]
        ids = list(session.scalars(insert(Site).returning(Site.id), rows))
        shared = {"account_id": site.account_id, "automation_enabled": True, "next_run_at": row.next_run_at}
        lists = {
            "stage_config": row.stage_config,
            "publish_days": row.publish_days,
            "publish_time_slots": row.publish_time_slots,
            "skip_dates": row.skip_dates,
        }
        session.execute(insert(SiteAutomationSettings), [{**shared, **lists, "site_id": number} for number in ids])
        words = {"account_id": site.account_id, "text": "desk", "normalised": "desk"}
        session.execute(insert(Keyword), [{**words, "site_id": number} for number in ids])
    return [model, *ids]
