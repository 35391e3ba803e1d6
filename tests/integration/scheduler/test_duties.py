from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from pipeline.core.states import ContentStatus
from pipeline.models import Content, Heartbeat, Publication, SiteAutomationSettings
from scheduler import calendar, publishing
from scheduler.heartbeat import HeartbeatDuty
from tests.integration.scheduler.conftest import RecordingSender
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    import pytest

    from tests.integration.scheduler.conftest import Stage

A_SECOND = timedelta(seconds=1)


def _ids(sender: RecordingSender) -> list[int]:
    return [message.arguments[0] for message in sender.sent]


def test_due_publications_are_sent_in_their_order(stage: Stage) -> None:
    first, second, third = stage.plan(3)

    following = publishing.publish_due(stage.context(now=NOW + A_SECOND))

    assert {message.task for message in stage.sender.sent} == {"publications.publish"}
    assert _ids(stage.sender) == [first, second]
    assert following == stage.publication(third).due_at == NOW + 2 * A_SECOND


def test_nothing_due_is_told_without_a_write(stage: Stage) -> None:
    (publication,) = stage.plan(1)

    assert publishing.publish_due(stage.context(now=NOW - A_SECOND)) == NOW

    assert stage.publication(publication).sends == 0


def test_a_message_nobody_took_is_sent_again_later_each_time(stage: Stage) -> None:
    (publication,) = stage.plan(1)
    now, pauses = NOW, []
    for _ in range(7):
        publishing.publish_due(stage.context(now=now))
        due_at = stage.publication(publication).due_at
        assert due_at is not None
        pauses.append((due_at - now).total_seconds())
        now = due_at

    assert pauses == [30, 60, 120, 240, 480, 900, 900]
    assert _ids(stage.sender) == [publication] * 7


def test_the_first_failed_send_ends_the_sending_and_spends_no_pause(stage: Stage) -> None:
    ids = stage.plan(4, due_at=NOW - timedelta(minutes=1))
    sender = RecordingSender(accepts=1)

    following = publishing.publish_due(stage.context(sender=sender))

    assert _ids(sender) == ids[:1]
    assert following is None
    rows = [stage.publication(publication) for publication in ids]
    assert [row.sends for row in rows] == [1, 0, 0, 0]
    assert [row.due_at for row in rows[1:]] == [NOW] * 3


def test_a_broker_that_is_away_is_left_alone(stage: Stage) -> None:
    (publication,) = stage.plan(1)
    stage.sender.outage.failed(ConnectionRefusedError())

    publishing.publish_due(stage.context())

    assert stage.publication(publication).sends == 0


def test_a_tick_sends_a_limited_number_and_asks_to_come_back(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "ROWS", replace(publishing.ROWS, most_a_tick=2))
    stage.plan(3, due_at=NOW - timedelta(minutes=1))

    following = publishing.publish_due(stage.context())

    assert len(stage.sender.sent) == 2
    assert following is not None
    assert following <= NOW


def test_three_beats_side_by_side_send_each_publication_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "ROWS", replace(publishing.ROWS, most_a_tick=7))
    ids = stage.plan(60, due_at=NOW - timedelta(hours=1))
    senders = [RecordingSender() for _ in range(3)]

    def beat(sender: RecordingSender) -> None:
        for _ in range(40):
            publishing.publish_due(stage.context(sender=sender))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(beat, senders))

    assert Counter(number for sender in senders for number in _ids(sender)) == Counter(ids)


def test_approved_content_is_put_on_the_calendar_of_its_site(stage: Stage) -> None:
    sites = [stage.make_site(), stage.make_site()]
    contents = [stage.approve(site)[0] for site in sites]

    calendar.CalendarDuty()(stage.context())

    with stage.database.reading() as session:
        rows = [session.get_one(Content, content.id) for content in contents]
        slots = session.scalars(select(Publication.slot_at)).all()
    assert [row.status for row in rows] == [ContentStatus.SCHEDULED] * 2
    assert slots == grid(1) * 2


def test_a_site_without_slots_is_not_looked_at(stage: Stage) -> None:
    site = stage.make_site()
    (content,) = stage.approve(site)
    with stage.database.transaction() as session:
        session.execute(update(SiteAutomationSettings).values(publish_days=[]))

    assert calendar.CalendarDuty()(stage.context()) is None

    with stage.database.reading() as session:
        assert session.get_one(Content, content.id).status is ContentStatus.APPROVED


def test_more_than_a_tick_takes_is_due_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar, "CONTENTS_A_SITE", 2)
    stage.approve(stage.make_site(), 3)
    duty = calendar.CalendarDuty()

    assert duty(stage.context()) == NOW
    assert duty(stage.context()) is None


def test_beats_side_by_side_fill_every_slot_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar, "CONTENTS_A_SITE", 4)
    stage.approve(stage.make_site(), 40)

    def beat(_: int) -> None:
        duty = calendar.CalendarDuty()
        for _ in range(20):
            duty(stage.context())

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(beat, range(3)))

    with stage.database.reading() as session:
        slots = session.scalars(select(Publication.slot_at).order_by(Publication.slot_at)).all()
    assert slots == grid(40)


def test_the_heartbeat_says_how_long_the_oldest_work_waits(stage: Stage) -> None:
    stage.plan(1, due_at=NOW - timedelta(seconds=90))
    duty = HeartbeatDuty("beat:here:1")

    following = duty(stage.context())

    with stage.database.reading() as session:
        row = session.get_one(Heartbeat, "beat:here:1")
    assert (row.at, row.details) == (NOW, {"oldest_due_seconds": 90.0, "broker_answers": True})
    assert following == NOW + timedelta(seconds=5)


def test_the_heartbeat_is_written_every_few_seconds_only(stage: Stage) -> None:
    duty = HeartbeatDuty("beat:here:1")
    duty(stage.context())

    duty(stage.context(now=NOW + A_SECOND))

    with stage.database.reading() as session:
        assert session.get_one(Heartbeat, "beat:here:1").at == NOW


def test_a_clock_that_jumps_back_does_not_silence_the_heartbeat(stage: Stage) -> None:
    duty = HeartbeatDuty("beat:here:1")
    duty(stage.context())
    earlier = NOW - timedelta(minutes=10)

    duty(stage.context(now=earlier))

    with stage.database.reading() as session:
        assert session.get_one(Heartbeat, "beat:here:1").at == earlier
