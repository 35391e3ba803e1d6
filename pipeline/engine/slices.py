"""Owns one worker's time on one lane: the part that asking and local stages share.

A slice goes on, transaction by transaction, until its time is over, a delay is due, or nothing is left.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import tenacity
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.core.states import ItemStatus
from pipeline.db.session import Database
from pipeline.engine import items as stage_items
from pipeline.engine import lanes
from pipeline.engine.contexts import StageContext
from pipeline.engine.items import Item
from pipeline.engine.lanes import Grip, LaneTaken
from pipeline.engine.outcomes import Again, Cut, GoOn, Outcome
from pipeline.services.stage_runs import subject_table

T = TypeVar("T")

#: Set when the process is asked to stop: lanes are let go at the next boundary, without an attempt.
stopping = threading.Event()

_LEFT_WAITING = "the answer left it waiting"


class StageFault(Exception):  # noqa: N818 - says where an error came from; the cause is the error
    """A stage's own code raised while it worked on these items."""

    def __init__(self, items: list[Item], error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.items = items


class Slice:
    """A lane in hand and where it stands."""

    def __init__(self, database: Database, context: StageContext, grip: Grip) -> None:
        """`grip` was committed just now."""
        self.database = database
        self.context = context
        self.grip = grip
        #: What the transaction under way has made of the grip; ours once it is committed.
        self.next_grip = grip
        #: The last position claimed, and what the transaction under way makes of it.
        self.after = self.next_after = 0
        #: Whether something may have been given back.
        self.looks_back = True
        self._started = time.monotonic()
        #: A slice always does something: however short, it never only passes the lane on.
        self._worked = False

    @property
    def batch_size(self) -> int | None:
        """Items between two delays; None: no delays."""
        return self.context.row.batch_size

    def commit(self, work: Callable[[Session, datetime], T]) -> T:
        """Run `work` in one transaction. Where the answer to its COMMIT was lost, the lane's ticket tells of it."""
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_delay(config().lease_seconds / 2),
            wait=tenacity.wait_random_exponential(0.1, max=2),
            retry=tenacity.retry_if_exception_type(OperationalError),
            reraise=True,
        )
        outcome: list[T] = []
        for attempt in retrying:
            with attempt:
                if outcome and self._was_committed():
                    break
                outcome.clear()
                self.next_after = self.after
                with self.database.transaction() as session:
                    outcome.append(work(session, self.database.now()))
        self.grip, self.after = self.next_grip, self.next_after
        return outcome[0]

    def _was_committed(self) -> bool:
        """Whether the last transaction arrived although its answer did not."""
        with self.database.transaction() as session:
            ticket = lanes.held_ticket(session, self.grip.stage_run_id, self.grip.lane)
        if ticket not in {self.grip.ticket, self.next_grip.ticket}:
            raise LaneTaken
        return ticket == self.next_grip.ticket

    def advance(self, session: Session, *, closed: int, now: datetime) -> Grip:
        """Take the next ticket; `closed` items of the batch in hand are being closed."""
        batch_done = self.grip.batch_done + closed
        full = self.batch_size is not None and batch_done >= self.batch_size
        self.next_grip = lanes.advance(session, self.grip, batch_done=0 if full else batch_done, now=now)
        return self.next_grip

    def why_stop(self, *, batch_is_full: bool, now: datetime) -> Callable[[Session], Outcome] | None:
        """How the turn ends now, if it does: the stage ends, the run rests, the time is over, or a delay is due."""
        delay = timedelta(seconds=self.context.settings.delays.within_stage if batch_is_full else 0)
        if self.next_grip.must_stop:
            if self.next_grip.closes:
                return lambda session: self.close_lane(session, now=now)
            return lambda session: self.wait_until(session, now + delay)
        if stopping.is_set():
            return lambda session: self.wait_until(session, now + delay)
        if delay:
            return lambda session: self._rest(session, due_at=now + delay, now=now)
        if self._worked and time.monotonic() - self._started > config().slice_seconds:
            return lambda session: self._again(session, now=now)
        return None

    def next_items(self, session: Session, *, most: int, becomes: ItemStatus = ItemStatus.LEASED) -> list[Item]:
        """Claim what was given back, else what comes next; at the end look once more from the first position.

        None left means none that another lane does not hold: the lane may close.
        """
        kind = type(self.context.stage)
        if self.looks_back:
            items = stage_items.claim_again(session, self.next_grip, kind, becomes=becomes)
            if items:
                self._worked = True
                return items
            self.looks_back = False
        items = stage_items.claim_new(session, self.next_grip, kind, after=self.next_after, most=most, becomes=becomes)
        if not items:
            items = stage_items.claim_again(session, self.next_grip, kind, becomes=becomes)
        if not items and self.next_after:
            items = stage_items.claim_new(session, self.next_grip, kind, after=0, most=most, becomes=becomes)
        if items:
            self._worked = True
            self.next_after = max(self.next_after, items[-1].position)
        return items

    def wait_until(self, session: Session, due_at: datetime) -> Outcome:
        """Let go of the lane until then."""
        self._let_go(session, due_at=due_at, sends=0)
        return Cut()

    def close_lane(self, session: Session, *, now: datetime) -> Outcome:
        """Nothing more is to be claimed: `finish` is next."""
        lanes.close(session, self.next_grip, now=now)
        self._moved_to(self.next_grip.ticket + 1)
        return GoOn()

    def raise_times_tried(self, session: Session, items: list[Item]) -> list[Item]:
        """The subjects that a close leaves waiting go to the end of the queue. Which items they were."""
        session.flush()
        table = subject_table(self.context.stage)
        ids = [item.subject_id for item in items]
        statement = (
            update(table)
            .where(table.c.id.in_(ids), table.c.status == self.context.stage.waits_as)
            .values(times_tried=table.c.times_tried + 1)
            .returning(table.c.id)
        )
        left = set(session.connection().execute(statement).scalars())
        waiting = [item for item in items if item.subject_id in left]
        stage_items.skip(session, self.context.stage_run_id, waiting, reason=_LEFT_WAITING)
        return waiting

    def _rest(self, session: Session, *, due_at: datetime, now: datetime) -> Outcome:
        """A delay, unless this was the last batch: that one waits for nothing."""
        if not stage_items.any_pending(session, self.grip.stage_run_id):
            return self.close_lane(session, now=now)
        return self.wait_until(session, due_at)

    def _again(self, session: Session, *, now: datetime) -> Outcome:
        ticket = self._let_go(session, due_at=now + timedelta(seconds=config().resend_seconds), sends=1)
        return Again(self.grip.stage_run_id, self.grip.lane, ticket)

    def _let_go(self, session: Session, *, due_at: datetime, sends: int) -> int:
        ticket = lanes.free(session, self.next_grip, due_at=due_at, sends=sends)
        self._moved_to(ticket)
        return ticket

    def with_batch_done(self, batch_done: int) -> Grip:
        """The grip with another count of the batch in hand; it is written with the next ticket or release."""
        return replace(self.next_grip, batch_done=batch_done)

    def _moved_to(self, ticket: int) -> None:
        self.next_grip = replace(self.next_grip, ticket=ticket)
