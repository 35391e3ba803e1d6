"""Owns one worker's time on one lane: the part that asking and local stages share.

A slice goes on, transaction by transaction, until its time is over, a delay is due, or nothing is left.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar

import tenacity
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pipeline import failpoints
from pipeline.config import config
from pipeline.core.states import ItemStatus
from pipeline.db.session import Database
from pipeline.engine import items as stage_items
from pipeline.engine import lanes
from pipeline.engine.boundaries import advance_and_claim
from pipeline.engine.contexts import StageContext
from pipeline.engine.items import Item
from pipeline.engine.lanes import Grip, LaneTaken, Renewal
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


class Slice(ABC):
    """A lane in hand and where it stands."""

    #: What an item becomes when it is claimed.
    becomes: ClassVar[ItemStatus] = ItemStatus.LEASED

    def __init__(self, database: Database, context: StageContext, grip: Grip) -> None:
        """`grip` is new: committed just now, or about to be."""
        self.database = database
        self.context = context
        self.grip = grip
        #: What the transaction under way has made of the grip; ours once it is committed.
        self.next_grip = grip
        #: The last position claimed, and what the transaction under way makes of it.
        self.after = self.next_after = 0
        #: What the transaction under way claimed when it took its ticket.
        self._claimed: list[Item] = []
        #: Whether something may have been given back.
        self.looks_back = True
        self._started = time.monotonic()
        #: A slice always does something: however short, it never only passes the lane on.
        self._worked = False

    def begin(self, session: Session, now: datetime) -> Outcome | None:  # noqa: ARG002 - local stages begin here
        """Work in the transaction that takes the lane: none where a call is to come. How the slice ended, if it did."""
        return None

    @abstractmethod
    def run(self) -> Outcome:
        """Go on until the slice ends."""

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
                    failpoints.hit("turn.uncommitted")
        failpoints.hit("turn.committed")
        self.committed()
        return outcome[0]

    def committed(self) -> None:
        """What the transaction under way made of the lane is so now."""
        self.grip, self.after = self.next_grip, self.next_after

    def _was_committed(self) -> bool:
        """Whether the last transaction arrived although its answer did not."""
        with self.database.transaction() as session:
            ticket = lanes.held_ticket(session, self.grip.stage_run_id, self.grip.lane)
        if ticket not in {self.grip.ticket, self.next_grip.ticket}:
            raise LaneTaken
        return ticket == self.next_grip.ticket

    @abstractmethod
    def room(self, batch_done: int) -> int:
        """How many items are claimed at once where `batch_done` of the batch in hand are closed."""

    def advance(
        self, session: Session, *, closed: int, now: datetime, claiming: bool = False, keeping: Sequence[int] = ()
    ) -> Grip:
        """Take the next ticket; `closed` items of the batch in hand are being closed.

        `claiming`: the next items are wanted too, and come with the same statement where the database knows how.
        `keeping`: these subjects are about to be kept; how many still wait comes with the grip, and they are locked.
        """
        batch_done = self.grip.batch_done + closed
        full = self.batch_size is not None and batch_done >= self.batch_size
        renewal = Renewal.of(self.grip, batch_done=0 if full else batch_done, now=now, keeping=keeping)
        self._claimed = []
        if not claiming or self.looks_back or self.database.is_sqlite or not self._goes_on(batch_is_full=full):
            self.next_grip = lanes.advance(session, renewal, self.context.stage)
        else:
            most, stage = self.room(renewal.batch_done), self.context.stage
            self.next_grip, items = advance_and_claim(
                session, renewal, stage, after=self.next_after, most=most, becomes=self.becomes
            )
            self._claimed = self._went_to(items)
        return self.next_grip

    @property
    def is_called_off(self) -> bool:
        """Whether the stage ends, the run rests or the process stops: nothing more may be asked."""
        return self.next_grip.must_stop or stopping.is_set()

    def _goes_on(self, *, batch_is_full: bool) -> bool:
        """Whether nothing ends the turn but what is yet to be read."""
        rests = batch_is_full and self.context.settings.delays.within_stage
        return not (rests or stopping.is_set() or self._time_is_over())

    def _time_is_over(self) -> bool:
        return self._worked and time.monotonic() - self._started > config().slice_seconds

    def why_stop(self, *, batch_is_full: bool, now: datetime) -> Callable[[Session], Outcome] | None:
        """How the turn ends now, if it does: the stage ends, the run rests, the time is over, or a delay is due."""
        delay = timedelta(seconds=self.context.settings.delays.within_stage if batch_is_full else 0)
        if self.next_grip.must_stop:
            if self.next_grip.closes:
                return lambda session: self.close_lane(session, now=now)
            return lambda session: self.wait_until(session, now + delay)
        if not self._claimed and stopping.is_set():
            return lambda session: self.wait_until(session, now + delay)
        if delay:
            return lambda session: self._rest(session, due_at=now + delay, now=now)
        if not self._claimed and self._time_is_over():
            return lambda session: self._again(session, now=now)
        return None

    def next_items(self, session: Session) -> list[Item]:
        """Claim what was given back, else what comes next; at the end look once more from the first position.

        None left means none that another lane does not hold: the lane may close.
        """
        items, self._claimed = self._claimed or self._look(session), []
        self._worked = self._worked or bool(items)
        return items

    def _look(self, session: Session) -> list[Item]:
        if self.looks_back:
            items = self._claim_again(session)
            if items:
                return items
            self.looks_back = False
        items = self._claim_new(session, after=self.next_after) or self._claim_again(session)
        return items if items or not self.next_after else self._claim_new(session, after=0)

    def _claim_again(self, session: Session) -> list[Item]:
        return stage_items.claim_again(session, self.next_grip, self.context.stage, becomes=self.becomes)

    def _claim_new(self, session: Session, *, after: int) -> list[Item]:
        most, stage = self.room(self.next_grip.batch_done), self.context.stage
        items = stage_items.claim_new(session, self.next_grip, stage, after=after, most=most, becomes=self.becomes)
        return self._went_to(items)

    def _went_to(self, items: list[Item]) -> list[Item]:
        if items:
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
