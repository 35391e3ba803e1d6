from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from celery.schedules import crontab, schedule
from sqlalchemy import select

from pipeline.models import BeatClaim
from scheduler.entries import EntriesDuty, next_instant
from tests.integration.scheduler.conftest import RecordingSender
from tests.support.publishing import NOW

if TYPE_CHECKING:
    from tests.integration.scheduler.conftest import Stage

EVERY = timedelta(seconds=30)


def _duty(stage: Stage) -> EntriesDuty:
    stage.app.conf.beat_schedule = {"sweep": {"task": "sweep", "schedule": 30.0, "args": (1,)}}
    duty = EntriesDuty(stage.app)
    duty(stage.context(now=NOW))
    return duty


def test_an_entry_is_sent_at_its_instant_and_not_before(stage: Stage) -> None:
    duty = _duty(stage)

    assert duty(stage.context(now=NOW + EVERY - timedelta(seconds=1))) == NOW + EVERY
    assert stage.sender.sent == []
    assert duty(stage.context(now=NOW + EVERY)) == NOW + 2 * EVERY

    (message,) = stage.sender.sent
    assert (message.task, tuple(message.arguments)) == ("sweep", (1,))


def test_instants_that_passed_meanwhile_are_sent_once(stage: Stage) -> None:
    duty = _duty(stage)

    duty(stage.context(now=NOW + 10 * EVERY))
    duty(stage.context(now=NOW + 10 * EVERY))

    assert len(stage.sender.sent) == 1


def test_an_instant_is_sent_by_one_of_many_beats(stage: Stage) -> None:
    senders = [RecordingSender() for _ in range(3)]
    duties = [_duty(stage) for _ in senders]

    def beat(number: int) -> None:
        for tick in range(1, 9):
            duties[number](stage.context(now=NOW + tick * EVERY, sender=senders[number]))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(beat, range(3)))

    with stage.database.reading() as session:
        claims = Counter(session.scalars(select(BeatClaim.due_at)))
    assert claims == Counter(NOW + tick * EVERY for tick in range(1, 9))
    assert sum(len(sender.sent) for sender in senders) == 8


def test_an_instant_that_could_not_be_sent_is_free_again(stage: Stage) -> None:
    duty = _duty(stage)

    assert duty(stage.context(now=NOW + EVERY, sender=RecordingSender(accepts=0))) is None
    duty(stage.context(now=NOW + EVERY))

    assert len(stage.sender.sent) == 1


@pytest.mark.parametrize(
    ("of", "after", "expected"),
    [
        (schedule(timedelta(minutes=1)), "09:30:20", "09:31:00"),
        (schedule(timedelta(minutes=1)), "09:31:00", "09:32:00"),
        (crontab(minute="*/5"), "09:31:20", "09:35:00"),
        (crontab(minute="*/5"), "09:35:00", "09:40:00"),
        (crontab(minute="0", hour="12"), "09:35:10", "12:00:00"),
    ],
)
def test_every_beat_computes_the_same_instants(of: Any, after: str, expected: str) -> None:
    found = next_instant(of, after=_at(after))

    assert found == _at(expected)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-04T{text}").replace(tzinfo=UTC)
