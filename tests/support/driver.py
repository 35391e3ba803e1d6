"""Runs chains without Celery: the same links and outcomes, a clock moved by hand, messages lost or copied at will."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from pipeline.core.states import LIVE_RUNS, RunStatus
from pipeline.db.session import Database
from pipeline.engine import dispatch, executor
from pipeline.engine.dispatch import Chain
from pipeline.engine.outcomes import Again, Cut
from pipeline.models import Lane, Run, StageRun

Link = tuple[str, tuple[int, ...]]


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self, at: datetime = datetime(2026, 11, 2, 12, tzinfo=UTC)) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Driver:
    """A broker and a worker in one loop."""

    def __init__(self, database: Database, *, copies: int = 1) -> None:
        self.database = database
        self.clock = Clock()
        database.now = self.clock.now  # type: ignore[method-assign]
        self.chains: deque[list[Link]] = deque()
        self.copies = copies
        #: (seconds since the first, link) as they ran.
        self.ran: list[tuple[float, Link]] = []
        self._began = self.clock.at

    def send(self, chain: Chain) -> None:
        for _ in range(self.copies):
            self.chains.append(_links(chain))

    def send_stage(self, stage_run_id: int) -> None:
        with self.database.reading() as session:
            row = session.get_one(StageRun, stage_run_id)
            self.send(Chain(row.id, row.key, admitted=row.admitted_at is not None))

    def dispatch(self) -> int:
        """One tick of beat."""
        with self.database.transaction() as session:
            chains = dispatch.claim_due(session, now=self.clock.at)
        for chain in chains:
            self.send(chain)
        return len(chains)

    def step(self) -> bool:
        """Run one link; False: nothing is queued."""
        if not self.chains:
            return False
        links = self.chains.popleft()
        (name, ids), rest = links[0], links[1:]
        self.ran.append(((self.clock.at - self._began).total_seconds(), links[0]))
        outcome = getattr(executor, name)(self.database, *ids)
        if isinstance(outcome, Again):
            self.chains.append([("batch", (outcome.stage_run_id, outcome.lane, outcome.ticket)), *rest])
        elif isinstance(outcome, Cut):
            if outcome.send is not None:
                self.send(Chain(outcome.send.stage_run_id, outcome.send.key, admitted=False))
        elif rest:
            self.chains.append(rest)
        return True

    def drain(self) -> None:
        """Run what is queued, with no tick of beat."""
        while self.step():
            pass

    def run_to_end(self, run_id: int, *, most_seconds: float = 100_000) -> RunStatus:
        """Beat and worker until the run is terminal; the clock jumps to what is due next."""
        limit = self.clock.at + timedelta(seconds=most_seconds)
        while self.clock.at < limit:
            self.drain()
            status = self.status(run_id)
            if status not in LIVE_RUNS or status is RunStatus.PAUSED:
                return status
            if not self.dispatch():
                self._jump()
        raise AssertionError(f"run {run_id} is still {self.status(run_id)}")

    def status(self, run_id: int) -> RunStatus:
        with self.database.reading() as session:
            return session.scalars(select(Run.status).where(Run.id == run_id)).one()

    def _jump(self) -> None:
        with self.database.reading() as session:
            due = [session.scalar(select(func.min(column))) for column in (StageRun.due_at, Lane.due_at)]
        known = [instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant for instant in due if instant]
        self.clock.at = max(min(known, default=self.clock.at), self.clock.at + timedelta(seconds=0.1))


def _links(chain: Chain) -> list[Link]:
    finish: Link = ("finish", (chain.stage_run_id,))
    if chain.lane is not None:
        return [("batch", (chain.stage_run_id, chain.lane, chain.ticket)), finish]
    if chain.admitted:
        return [finish]
    return [("admit", (chain.stage_run_id,)), ("batch", (chain.stage_run_id, 1, 0)), finish]
