"""The duties of beat that look after the installation: checks of sites, deliveries, housekeeping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, select, update
from structlog.testing import capture_logs

from pipeline.core.alerts import NotificationKind
from pipeline.models import BeatClaim, Delivery, Heartbeat, Site
from pipeline.services import notifications
from pipeline.services.site_health import next_check
from scheduler import deliveries, sites
from scheduler.deliveries import deliver_due
from scheduler.duty import Duty
from scheduler.glance import Glancing
from scheduler.heartbeat import HeartbeatDuty
from scheduler.housekeeping import HousekeepingDuty, workers_that_execute_nothing
from scheduler.sites import check_due_sites
from tests.integration.scheduler.conftest import RecordingSender
from tests.support.builders import make_account, make_site
from tests.support.publishing import NOW

if TYPE_CHECKING:
    from tests.integration.scheduler.conftest import Stage

A_SECOND, AN_HOUR = timedelta(seconds=1), timedelta(hours=1)


@contextmanager
def _statements(stage: Stage) -> Iterator[list[str]]:
    """What the database is asked inside the block."""
    asked: list[str] = []

    def note(*given: Any) -> None:
        asked.append(given[2])

    # PostgreSQL's reader is a view of the same engine, and hears what it hears.
    engines = {stage.database.engine, *([stage.database.reader] if stage.database.is_sqlite else [])}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield asked
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


def _ids(sender: RecordingSender) -> list[int]:
    return [message.arguments[0] for message in sender.sent]


def _sites(stage: Stage, count: int, *, due_at: datetime = NOW) -> list[int]:
    with stage.database.transaction() as session:
        account = make_account(session)
        rows = [make_site(session, account=account) for _ in range(count)]
        for number, row in enumerate(rows):
            row.next_check_at = due_at + number * A_SECOND
    return [row.id for row in rows]


def _next_checks(stage: Stage) -> dict[int, datetime | None]:
    with stage.database.reading() as session:
        return {site_id: at for site_id, at in session.execute(select(Site.id, Site.next_check_at))}  # noqa: C416 - rows are no pairs to mypy


def _deliveries(stage: Stage, count: int, *, due_at: datetime = NOW) -> list[int]:
    with stage.database.transaction() as session:
        account = make_account(session)
        told = notifications.tell(
            session,
            NotificationKind.CREDITS_LOW,
            account_id=account.id,
            state_id=account.id,
            about=("account", account.id),
            message="Little is left.",
            now=NOW,
        )
        rows = [
            Delivery(account_id=account.id, notification_id=told, channel="email", public_id=str(number), due_at=due_at)
            for number in range(count)
        ]
        session.add_all(rows)
    return [row.id for row in rows]


def test_due_sites_are_sent_and_are_due_again_at_their_second_of_the_next_hour(stage: Stage) -> None:
    first, second, third = _sites(stage, 3)

    check_due_sites(stage.context(now=NOW + A_SECOND))

    assert [(message.task, message.arguments) for message in stage.sender.sent] == [
        ("sites.check", (first,)),
        ("sites.check", (second,)),
    ]
    assert _next_checks(stage) == {
        first: next_check(first, after=NOW + A_SECOND),
        second: next_check(second, after=NOW + A_SECOND),
        third: NOW + 2 * A_SECOND,
    }


def test_beats_side_by_side_send_each_site_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sites, "SITES_A_TICK", 7)
    ids = _sites(stage, 60, due_at=NOW - AN_HOUR)
    senders = [RecordingSender() for _ in range(3)]

    def beat(sender: RecordingSender) -> None:
        duty = Glancing(check_due_sites)
        for _ in range(40):
            duty(stage.context(sender=sender))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(beat, senders))

    assert Counter(site_id for sender in senders for site_id in _ids(sender)) == Counter(ids)


def test_sites_that_could_not_be_sent_are_due_as_before(stage: Stage) -> None:
    ids = _sites(stage, 3, due_at=NOW - AN_HOUR)
    sender = RecordingSender(accepts=1)

    assert check_due_sites(stage.context(sender=sender)) is None

    assert _ids(sender) == ids[:1]
    due = _next_checks(stage)
    assert [due[site_id] for site_id in ids[1:]] == [NOW - AN_HOUR + A_SECOND, NOW - AN_HOUR + 2 * A_SECOND]


def test_a_beat_that_dies_between_claim_and_send_costs_a_site_one_look(stage: Stage) -> None:
    (site_id,) = _sites(stage, 1)
    with stage.database.transaction() as session:  # And then it is killed.
        sites.SITES.claim(session, now=NOW)
    following = next_check(site_id, after=NOW)

    for now in (NOW + A_SECOND, following):
        check_due_sites(stage.context(now=now))

    assert _ids(stage.sender) == [site_id]


def test_a_beat_that_knows_of_nothing_due_asks_the_database_every_few_seconds_only(stage: Stage) -> None:
    _sites(stage, 1, due_at=NOW + AN_HOUR)
    duty = Glancing(check_due_sites)

    with _statements(stage) as asked:
        told = {duty(stage.context(now=NOW + second * A_SECOND)) for second in range(5)}

    assert told == {NOW + AN_HOUR}
    assert len([statement for statement in asked if "next_check_at" in statement]) == 1


def test_a_clock_that_jumped_back_is_no_reason_not_to_look(stage: Stage) -> None:
    duty = Glancing(check_due_sites)
    duty(stage.context())
    (site_id,) = _sites(stage, 1, due_at=NOW - 2 * AN_HOUR)

    duty(stage.context(now=NOW - AN_HOUR))

    assert _ids(stage.sender) == [site_id]


def test_due_deliveries_are_sent_and_again_later_where_nobody_took_them(stage: Stage) -> None:
    (delivery_id,) = _deliveries(stage, 1)
    now, pauses = NOW, []
    for _ in range(3):
        following = deliver_due(stage.context(now=now))
        assert following is not None
        pauses.append((following - now).total_seconds())
        now = following

    assert pauses == [30, 60, 120]
    assert [(message.task, message.arguments) for message in stage.sender.sent] == [
        ("deliveries.send", (delivery_id,))
    ] * 3


def test_beats_side_by_side_send_each_delivery_once(stage: Stage) -> None:
    ids = _deliveries(stage, 60)
    senders = [RecordingSender() for _ in range(3)]

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda sender: deliver_due(stage.context(sender=sender)), senders))

    assert Counter(delivery_id for sender in senders for delivery_id in _ids(sender)) == Counter(ids)


def test_deliveries_that_could_not_be_sent_are_due_at_once(stage: Stage) -> None:
    ids = _deliveries(stage, 3)
    sender = RecordingSender(accepts=1)

    assert deliver_due(stage.context(sender=sender)) is None

    with stage.database.reading() as session:
        rows = [session.get_one(Delivery, delivery_id) for delivery_id in ids]
    assert [(row.sends, row.due_at) for row in rows[1:]] == [(0, NOW)] * 2


def test_a_delivery_whose_beat_died_before_it_sent_is_due_again(stage: Stage) -> None:
    (delivery_id,) = _deliveries(stage, 1)
    with stage.database.transaction() as session:  # And then it is killed.
        deliveries.ROWS.claim(session, now=NOW)

    following = deliver_due(stage.context())
    assert (following, stage.sender.sent) == (NOW + timedelta(seconds=30), [])
    deliver_due(stage.context(now=NOW + timedelta(seconds=30)))

    assert _ids(stage.sender) == [delivery_id]


def test_a_beat_finds_a_new_delivery_within_seconds(stage: Stage) -> None:
    duty = Glancing(deliver_due)
    duty(stage.context())
    (delivery_id,) = _deliveries(stage, 1)

    told = []
    for second in range(6):
        with _statements(stage) as asked:
            duty(stage.context(now=NOW + second * A_SECOND))
        told.append((bool(asked), _ids(stage.sender)))

    assert told == [(False, [])] * 5 + [(True, [delivery_id])]


@pytest.mark.parametrize("duty", [Glancing(check_due_sites), Glancing(deliver_due)])
def test_a_broker_that_is_away_is_left_alone(stage: Stage, duty: Duty) -> None:
    _sites(stage, 1, due_at=NOW - AN_HOUR)
    stage.sender.outage.failed(ConnectionRefusedError())

    assert duty(stage.context()) is None

    assert list(_next_checks(stage).values()) == [NOW - AN_HOUR]


def test_a_sweep_an_hour_and_a_canary_every_five_minutes_are_sent_by_one_of_the_beats(stage: Stage) -> None:
    beats = [HousekeepingDuty(stage.app) for _ in range(3)]
    started = datetime(2026, 11, 4, 9, 58, tzinfo=UTC)
    for minute in range(64):
        for beat in beats:
            beat(stage.context(now=started + minute * timedelta(minutes=1)))

    sent = Counter(message.task for message in stage.sender.sent)
    assert sent == {"housekeeping.sweep": 2, "pipeline.canary": 13}
    assert all(message.arguments in ([], ()) for message in stage.sender.sent)


def test_an_hour_whose_beat_died_before_it_sent_has_no_sweep_and_the_next_has(stage: Stage) -> None:
    hour = datetime(2026, 11, 4, 10, tzinfo=UTC)
    duty = HousekeepingDuty(stage.app)
    duty(stage.context(now=hour - A_SECOND))
    with stage.database.transaction() as session:
        session.add(BeatClaim(name="housekeeping", due_at=hour))

    sent = []
    for now in (hour + A_SECOND, hour + AN_HOUR + A_SECOND):
        duty(stage.context(now=now))
        sent.append(Counter(message.task for message in stage.sender.sent)["housekeeping.sweep"])

    assert sent == [0, 1]


def test_an_idle_beat_asks_the_database_nothing_for_housekeeping(stage: Stage) -> None:
    duty = HousekeepingDuty(stage.app)
    duty(stage.context())

    with _statements(stage) as asked:
        duty(stage.context(now=NOW + A_SECOND))

    assert asked == []


def _worker(stage: Stage, name: str, *, executed_at: datetime | None, began_at: datetime = NOW - AN_HOUR) -> None:
    executed = None if executed_at is None else executed_at.isoformat()
    with stage.database.transaction() as session:
        details = {"executed_at": executed, "began_at": began_at.isoformat()}
        session.add(Heartbeat(name=f"worker:{name}:1", at=NOW, details=details))


def _said(stage: Stage) -> list[str]:
    duty = HousekeepingDuty(stage.app)
    duty(stage.context(now=NOW - timedelta(minutes=5)))
    with capture_logs() as logs:
        duty(stage.context(now=NOW))
    return [line["event"] for line in logs if line["log_level"] == "error"]


def test_workers_that_live_and_execute_nothing_are_named(stage: Stage) -> None:
    _worker(stage, "one", executed_at=NOW - AN_HOUR)
    _worker(stage, "two", executed_at=None)

    assert _said(stage) == ["workers_execute_nothing"]


def test_a_worker_that_leaves_its_own_canary_is_named_though_another_executes(stage: Stage) -> None:
    _worker(stage, "one", executed_at=NOW)
    with stage.database.transaction() as session:
        asked = {"asked_at": (NOW - timedelta(seconds=61)).isoformat(), "running": 0, "at_once": 8}
        session.add(Heartbeat(name="worker:two:1", at=NOW, details=asked))
    with stage.database.reading() as session:
        found = [workers_that_execute_nothing(session, now=now) for now in (NOW - timedelta(seconds=2), NOW)]

    assert found == [[], ["worker:two:1"]]


@pytest.mark.parametrize("how", ["one executed", "one began", "none lives"])
def test_nothing_is_said_where_a_worker_executes_or_none_lives(stage: Stage, how: str) -> None:
    if how != "none lives":
        _worker(stage, "one", executed_at=None)
    if how == "one executed":
        _worker(stage, "two", executed_at=NOW - timedelta(minutes=4))
    if how == "one began":
        _worker(stage, "two", executed_at=None, began_at=NOW - A_SECOND)

    assert _said(stage) == []


def test_the_heartbeat_counts_deliveries_and_sites_that_wait(stage: Stage) -> None:
    _sites(stage, 1, due_at=NOW - timedelta(seconds=40))
    told = []
    for seconds in (None, 90):
        if seconds is not None:
            _deliveries(stage, 1, due_at=NOW - timedelta(seconds=seconds))
        HeartbeatDuty("beat:here:1")(stage.context())
        with stage.database.reading() as session:
            told.append(session.get_one(Heartbeat, "beat:here:1").details["oldest_due_seconds"])

    assert told == [40.0, 90.0]


def test_a_site_that_is_due_never_is_never_sent(stage: Stage) -> None:
    _sites(stage, 1)
    with stage.database.transaction() as session:
        session.execute(update(Site).values(next_check_at=None))

    assert check_due_sites(stage.context(now=NOW + AN_HOUR)) is None

    assert stage.sender.sent == []
