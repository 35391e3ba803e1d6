from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from celery import Celery
from sqlalchemy import select
from structlog.testing import capture_logs

from pipeline.core.states import ContentStatus
from pipeline.db.session import Database
from pipeline.models import Content, Heartbeat
from scheduler.beat import PipelineScheduler
from scheduler.publishing import publish_due
from scheduler.sending import Message, Sender
from tests.integration.scheduler.conftest import Clock, RecordingSender

if TYPE_CHECKING:
    from datetime import datetime

    from scheduler.duty import Context
    from tests.integration.scheduler.conftest import Stage


def _away() -> Database:
    return Database("sqlite:////nowhere/at/all/igny8.db")


def test_one_tick_fills_the_calendar_sends_what_is_due_and_beats(stage: Stage) -> None:
    due = stage.plan(1, due_at=stage.database.now() - timedelta(seconds=1))
    (waiting,) = stage.approve(stage.make_site())

    seconds = stage.beat().tick()

    assert [message.arguments for message in stage.sender.sent] == [tuple(due)]
    with stage.database.reading() as session:
        assert session.get_one(Content, waiting.id).status is ContentStatus.SCHEDULED
        assert session.scalars(select(Heartbeat.name)).one().startswith("beat:")
    assert 0 <= seconds <= 1


def test_beat_sleeps_until_the_next_due_instant(stage: Stage) -> None:
    stage.plan(1, due_at=stage.database.now() + timedelta(seconds=0.5))

    assert 0 < stage.beat().tick() <= 0.5


def test_beat_sleeps_no_longer_than_a_second(stage: Stage) -> None:
    assert stage.beat().tick() == pytest.approx(1.0)


def test_a_duty_that_is_not_due_is_not_called(stage: Stage) -> None:
    calls: list[datetime] = []
    beat = stage.beat(duties={"one": lambda context: calls.append(context.now)})
    beat.tick()
    stage.clock.seconds += 0.5

    beat.tick()

    assert len(calls) == 1


def test_a_duty_that_fails_waits_and_keeps_no_other_from_its_work(stage: Stage) -> None:
    calls = Counter[str]()

    def fails(_: Context) -> datetime | None:
        calls["fails"] += 1
        raise ValueError("a fault of ours")

    def works(_: Context) -> datetime | None:
        calls["works"] += 1
        return None

    beat = stage.beat(duties={"fails": fails, "works": works})
    for _ in range(4):
        beat.tick()
        stage.clock.seconds += 1

    assert calls == {"fails": 3, "works": 4}


def test_a_database_that_is_away_is_survived_with_growing_waits(stage: Stage) -> None:
    databases = [_away(), _away(), stage.database]
    opened: list[float] = []

    def opening() -> Database:
        opened.append(stage.clock())
        return databases.pop(0)

    beat = stage.beat(database=opening)
    start = stage.clock()
    while databases:
        stage.clock.seconds += min(beat.tick(), 0.25)

    assert [seconds - start for seconds in opened] == [0, 1, 3]


def test_an_outage_of_the_database_is_said_once_and_so_is_its_end(stage: Stage) -> None:
    databases = [_away(), _away(), stage.database]
    beat = stage.beat(database=lambda: databases.pop(0))

    with capture_logs() as lines:
        while databases:
            stage.clock.seconds += beat.tick()

    said = [(line["event"], line["what"], line["log_level"]) for line in lines if line.get("what") == "database"]
    assert said == [("away", "database", "error"), ("still_away", "database", "warning"), ("back", "database", "info")]


def test_an_outage_of_the_broker_is_said_and_waited_for(stage: Stage) -> None:
    stage.sender.accepts = 0
    stage.plan(1, due_at=stage.database.now() - timedelta(seconds=1))
    beat = stage.beat(duties={"publishing": publish_due})

    with capture_logs() as lines:
        for _ in range(4):
            beat.tick()
            stage.clock.seconds += 1
        stage.sender.accepts = None
        for _ in range(4):
            beat.tick()
            stage.clock.seconds += 1

    said = [(line["event"], line["log_level"]) for line in lines if line.get("what") == "broker"]
    assert said == [("away", "error"), ("still_away", "warning"), ("still_away", "warning"), ("back", "info")]
    assert len(stage.sender.sent) == 1


def test_a_broker_that_is_away_does_not_keep_the_calendar_from_being_filled(stage: Stage) -> None:
    stage.sender.accepts = 0
    stage.plan(1, due_at=stage.database.now() - timedelta(seconds=1))
    (waiting,) = stage.approve(stage.make_site())

    stage.beat().tick()

    with stage.database.reading() as session:
        assert session.get_one(Content, waiting.id).status is ContentStatus.SCHEDULED


def test_three_beats_side_by_side_do_everything_once(stage: Stage) -> None:
    ids = stage.plan(30, due_at=stage.database.now() - timedelta(minutes=1))
    stage.approve(stage.make_site(), 30)
    clocks = [Clock() for _ in range(3)]
    senders = [RecordingSender(clock=clock) for clock in clocks]
    beats = [stage.beat(sender=sender, clock=clock) for sender, clock in zip(senders, clocks, strict=True)]

    def work(number: int) -> None:
        for _ in range(5):
            beats[number].tick()
            clocks[number].seconds += 1

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))

    assert Counter(message.arguments[0] for sender in senders for message in sender.sent) == Counter(ids)


def test_closing_removes_the_heartbeat(stage: Stage) -> None:
    beat = stage.beat()
    beat.tick()

    beat.close()

    with stage.database.reading() as session:
        assert session.scalars(select(Heartbeat.name)).all() == []


def test_closing_without_a_database_is_quiet(stage: Stage) -> None:
    stage.beat(database=_away).close()


def test_beat_keeps_no_file(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    beat = stage.beat(schedule_filename="celerybeat-schedule")
    beat.tick()

    beat.close()

    assert list(Path.cwd().iterdir()) == []


def test_celery_makes_beat_from_its_own_settings() -> None:
    app = Celery("test", broker="memory://", set_as_current=False)
    app.conf.beat_scheduler = "scheduler.beat:PipelineScheduler"

    beat = app.Beat(max_interval=1, scheduler=app.conf.beat_scheduler)
    service = beat.Service(app=app, max_interval=1, scheduler_cls=beat.scheduler_cls)

    assert isinstance(service.get_scheduler(lazy=True), PipelineScheduler)


def test_the_sender_puts_messages_on_a_real_transport() -> None:
    app = Celery("test", broker="memory://", set_as_current=False)
    app.conf.task_default_queue = "publish"
    sender = Sender(app)

    assert sender.send([Message("publications.publish", (7,)), Message("publications.publish", (8,))]) == 2

    with app.connection_for_read() as connection, connection.SimpleQueue("publish") as queue:
        assert [queue.get(block=False).payload[0] for _ in range(2)] == [[7], [8]]
    sender.close()


def test_a_broker_that_does_not_answer_is_away_within_seconds() -> None:
    app = Celery("test", broker="redis://127.0.0.1:1/0", set_as_current=False)
    sender = Sender(app)

    assert sender.send([Message("publications.publish", (7,))]) == 0
    assert not sender.may_send
    assert not sender.probe()
