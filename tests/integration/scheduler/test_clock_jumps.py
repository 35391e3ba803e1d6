"""Clocks that jump ten minutes and back: beat neither falls silent nor does anything twice."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from pipeline.models import BeatClaim, Heartbeat, Publication
from scheduler.entries import EntriesDuty
from scheduler.heartbeat import HeartbeatDuty
from scheduler.publishing import publish_due
from scheduler.runs import start_due_runs
from tests.support.schedules import Schedules

if TYPE_CHECKING:
    from tests.integration.scheduler.conftest import Stage

TWO = datetime(2026, 11, 5, 2, tzinfo=UTC)
A_MINUTE = timedelta(minutes=1)


class Jumping:
    """What the database's clock (SQLite: the machine's) shows: the time, and ten minutes' error for a while."""

    def __init__(self, *, jump: timedelta) -> None:
        self.time = TWO - 15 * A_MINUTE
        self._jump = jump

    def __call__(self) -> datetime:
        is_wrong = TWO - 5 * A_MINUTE <= self.time < TWO + 20 * A_MINUTE
        return self.time + self._jump if is_wrong else self.time


@pytest.mark.parametrize("jump", [10 * A_MINUTE, -10 * A_MINUTE], ids=["ahead", "back"])
def test_a_clock_that_jumps_and_comes_back_neither_silences_beat_nor_doubles_anything(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    shown = Jumping(jump=jump)
    monkeypatch.setattr(stage.database, "now", shown)
    schedules = Schedules(stage.database, stage.sender)
    site = schedules.site(now=shown.time)
    publications = stage.plan(3, due_at=TWO)
    stage.app.conf.beat_schedule = {"sweep": {"task": "sweep", "schedule": timedelta(minutes=5)}}
    duties = {
        "heartbeat": HeartbeatDuty("beat:here:1"),
        "runs": start_due_runs,
        "publishing": publish_due,
        "entries": EntriesDuty(stage.app),
    }
    beat = stage.beat(duties=duties)

    heard = []
    while shown.time < TWO + 40 * A_MINUTE:
        assert 0 <= beat.tick() <= 1
        with stage.database.transaction() as session:
            heard.append(session.get_one(Heartbeat, "beat:here:1").at == shown())
            is_sent = Publication.id.in_([line.arguments[0] for line in stage.sender.sent if line.arguments])
            # The publisher took it.
            session.execute(update(Publication).where(is_sent, Publication.sends > 0).values(due_at=None))
        shown.time += A_MINUTE
        stage.clock.seconds += 60

    assert all(heard)
    assert schedules.decided(site) == [("started", TWO)]
    sent = Counter((line.task, tuple(line.arguments)) for line in stage.sender.sent if line.task != "sweep")
    assert [sent["publications.publish", (number,)] for number in publications] == [1, 1, 1]
    with stage.database.reading() as session:
        taken = session.scalars(select(BeatClaim.due_at)).all()
    assert len(set(taken)) == sum(message.task == "sweep" for message in stage.sender.sent)
    assert {TWO + minutes * A_MINUTE for minutes in (25, 30, 35)} <= set(taken)


def test_an_entry_goes_on_where_a_clock_that_was_ahead_comes_back(stage: Stage) -> None:
    stage.app.conf.beat_schedule = {"sweep": {"task": "sweep", "schedule": 30.0}}
    duty = EntriesDuty(stage.app)
    half = timedelta(seconds=30)
    duty(stage.context(now=TWO))
    duty(stage.context(now=TWO + 10 * A_MINUTE))

    for halves in range(4, 7):
        duty(stage.context(now=TWO + halves * half))

    with stage.database.reading() as session:
        taken = session.scalars(select(BeatClaim.due_at).order_by(BeatClaim.due_at)).all()
    assert taken == [TWO + half, TWO + 5 * half, TWO + 6 * half]
    assert len(stage.sender.sent) == 3
