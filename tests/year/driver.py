"""Owns the passing of the simulated time: from one due instant to the next, two beats a tick, every message twice."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import update

from pipeline.core.states import RunStatus
from pipeline.engine import publisher
from pipeline.engine.articles import Destination
from pipeline.models import Run
from pipeline.services import schedules
from pipeline.sites.port import Article, Placed, Standing
from scheduler import publishing
from scheduler.calendar import CalendarDuty
from scheduler.duty import Context, Duty
from scheduler.publishing import publish_due
from scheduler.runs import start_due_runs
from scheduler.sending import Message
from tests.year.world import Clock, SiteCase, World

BEATS: Final = 2
COPIES: Final = 2
A_WEEK: Final = timedelta(weeks=1)
#: How long a run lives.
RUN_LASTS: Final = timedelta(minutes=20)
#: More passes at one instant than any of them needs: something is due for ever.
_MOST_PASSES: Final = 50


class Journal:
    """A place that articles are published to, for every site: what it was handed, and when it was asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: By site: (content, the instant it is dated, the instant it came).
        self.placed: dict[int, list[tuple[int, datetime, datetime]]] = defaultdict(list)

    def open(self, destination: Destination) -> _Page:
        """The target of one site."""
        return _Page(self, destination.site_id)

    def write(self, site_id: int, article: Article) -> None:
        """An article became visible."""
        self.placed[site_id].append((article.content_id, article.published_at, self._clock.now))


class _Page:
    """One site's part of the journal; what is placed is shown."""

    needs_lookup = False

    def __init__(self, journal: Journal, site_id: int) -> None:
        self._journal = journal
        self._site_id = site_id

    def publish(self, article: Article, *, remote_id: str | None) -> Placed:
        self._journal.write(self._site_id, article)
        return self._shown(remote_id or str(article.content_id))

    def withdraw(self, remote_id: str) -> None:
        raise NotImplementedError("nothing is withdrawn in this year")

    def look_up(self, content_id: int) -> Placed | None:
        raise NotImplementedError("every answer arrives in this year")

    def read_back(self, remote_id: str) -> Placed | None:
        return self._shown(remote_id)

    def check(self) -> None:
        raise NotImplementedError("nobody looks at sites in this year")

    def standing(self, remote_id: str, *, imprint: str | None) -> Standing:
        raise NotImplementedError("nobody looks at sites in this year")

    def _shown(self, remote_id: str) -> Placed:
        return Placed(remote_id, f"https://site.example/{self._site_id}/{remote_id}")


class Queue:
    """The broker: it keeps what beat sends until the driver hands it out."""

    may_send = True

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def send(self, messages: Sequence[Message]) -> int:
        self.messages += messages
        return len(messages)

    def take(self) -> list[Message]:
        """Everything that was sent since."""
        taken, self.messages = self.messages, []
        return taken


class Driver:
    """Moves the clock; at every instant does what beat and worker do."""

    def __init__(self, world: World, cases: Sequence[SiteCase], clock: Clock, *, seed: int = 1) -> None:
        self._world, self._cases, self._clock = world, cases, clock
        self._dice = random.Random(seed)
        self._queue: Any = Queue()
        #: When the run that was started last ends; nothing is written while none lives.
        self._runs_end_at: datetime | None = None
        self.journal = Journal(clock)
        self.ticks = 0

    def live(self, *, until: datetime, told: Callable[[datetime], None] = lambda _: None) -> None:
        """Let the time pass up to `until`, article after article; `told` hears of every week."""
        instant = approve_at = self._clock.now
        # A week's worth ahead of what is approved week by week: no calendar is ever empty.
        self._world.approve(self._cases, weeks=1)
        while instant <= until:
            # Beat looks once a second: it is up to a second late.
            self._clock.now = instant + timedelta(seconds=self._dice.random())
            if instant >= approve_at:
                told(instant)
                self._world.approve(self._cases, weeks=1)
                self._tick([CalendarDuty()])
                approve_at += A_WEEK
            instant = min(self._work(), approve_at)

    def _work(self) -> datetime:
        """Everything that is due now: nothing is left behind. What is due next."""
        for _ in range(_MOST_PASSES):
            due = self._due()
            now_due = [duty for duty, at in due.items() if at <= self._clock.now]
            if not now_due:
                return min(due.values())
            self._end_runs()
            self._tick(now_due)
            self._deliver()
        raise AssertionError(f"Something is due for ever at {self._clock.now}.")

    def _due(self) -> dict[Duty, datetime]:
        """When each duty has something to do; in a week at the latest, which is when articles are approved."""
        with self._world.database.reading() as session:
            start_at = schedules.next_due(session, now=self._clock.now)
            due = {start_due_runs: start_at, publish_due: publishing.ROWS.next_due(session)}
        return {duty: at or self._clock.now + A_WEEK for duty, at in due.items()}

    def _tick(self, duties: Sequence[Duty]) -> None:
        self.ticks += 1
        for _ in range(BEATS):
            for duty in duties:
                duty(Context(self._world.database, self._queue, self._clock.now))

    def _deliver(self) -> None:
        for message in self._queue.take():
            if message.task == publishing.ROWS.task:
                for _ in range(COPIES):
                    publisher.publish(self._world.database, *message.arguments, open_target=self.journal.open)
            elif message.task.startswith("stages."):
                self._runs_end_at = self._clock.now + RUN_LASTS
            else:
                raise AssertionError(f"Nobody takes {message.task} in this year.")

    def _end_runs(self) -> None:
        if self._runs_end_at is None:
            return
        ended = update(Run).where(Run.status == RunStatus.QUEUED, Run.created_at <= self._clock.now - RUN_LASTS)
        with self._world.database.transaction() as session:
            session.execute(ended.values(status=RunStatus.COMPLETED))
        if self._runs_end_at <= self._clock.now:
            self._runs_end_at = None
