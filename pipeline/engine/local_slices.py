"""Owns a slice of a local stage: keep and close a whole batch in one set-based transaction.

The first one takes the lane too.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pipeline import logs
from pipeline.config import config
from pipeline.core.states import ItemStatus
from pipeline.db.session import Database
from pipeline.engine import items as stage_items
from pipeline.engine import recovery
from pipeline.engine.contexts import StageContext
from pipeline.engine.items import Item
from pipeline.engine.lanes import Grip, LaneTaken
from pipeline.engine.outcomes import GoOn, Outcome
from pipeline.engine.slices import Slice, StageFault


class LocalSlice(Slice):
    """The only lane of a stage that asks nothing."""

    #: Closed by their claim: it is the same transaction that keeps them.
    becomes = ItemStatus.DONE

    def __init__(self, database: Database, context: StageContext, grip: Grip) -> None:
        """As every slice. Where nobody held the lane before, nothing was given back."""
        super().__init__(database, context, grip)
        self.looks_back = not grip.is_first

    def begin(self, session: Session, now: datetime) -> Outcome | None:
        """The first batch."""
        return self._keep_next(session, now=now)

    def run(self) -> Outcome:
        """Batch after batch until the slice ends."""
        try:
            while True:
                outcome = self._step()
                if outcome is not None:
                    return outcome
        except LaneTaken:
            return GoOn()

    def _step(self) -> Outcome | None:
        try:
            return self.commit(self._keep_batch)
        except StageFault as fault:
            error, items = str(fault), fault.items
            return self.commit(lambda session, now: self._give_back(session, items, error=error, now=now))

    def _keep_batch(self, session: Session, now: datetime) -> Outcome | None:
        """One transaction: the ticket, the batch, what the stage makes of it, the close."""
        self.advance(session, closed=0, now=now, claiming=True)
        return self._keep_next(session, now=now)

    def _keep_next(self, session: Session, *, now: datetime) -> Outcome | None:
        asked = self.room(self.grip.batch_done)
        stop = self.why_stop(batch_is_full=False, now=now)
        if stop is not None:
            return stop(session)
        items = self.next_items(session)
        if not items:
            return self.close_lane(session, now=now)
        with logs.bound(items=[item.subject_id for item in items]):
            self._keep(session, items)
        return self._after(session, items, asked=asked, now=now)

    def room(self, batch_done: int) -> int:
        """A local slice, or less where a delay waits at the end of the batch in hand."""
        size, most = self.batch_size, config().local_slice
        return most if size is None or not self._delays else min(most, size - batch_done)

    @property
    def _delays(self) -> bool:
        """Whether batches matter: they are what lies between two delays."""
        return self.context.settings.delays.within_stage > 0

    def _keep(self, session: Session, items: list[Item]) -> None:
        context = self.context
        kept = [item for item in items if item.waits]
        stage_items.skip(
            session, context.stage_run_id, [item for item in items if not item.waits], reason=recovery.GONE
        )
        if not kept:
            return
        try:
            subjects = context.subjects(session, [item.subject_id for item in kept])
            produced = context.stage.keep(session, subjects, None)
            session.flush()
        except OperationalError:
            raise
        except Exception as error:
            raise StageFault(items, error) from error
        if produced:
            stage_items.record_produced(session, context.stage_run_id, kept, produced)
        if context.stage.leaves_waiting:
            self.raise_times_tried(session, kept)

    def _after(self, session: Session, items: list[Item], *, asked: int, now: datetime) -> Outcome | None:
        """Count the batch; where it is full a delay may be due, where less came than asked it was the last."""
        size = self.batch_size
        if size is not None and self._delays:
            done = self.grip.batch_done + len(items)
            self.next_grip = self.with_batch_done(0 if done >= size else done)
            if done >= size:
                stop = self.why_stop(batch_is_full=True, now=now)
                return stop(session) if stop is not None else None
        if len(items) < asked and not self._any_left(session):
            return self.close_lane(session, now=now)
        return None

    def _any_left(self, session: Session) -> bool:
        """Whether anything is pending after a claim that fell short: with no other lane, only what was given back."""
        return self.looks_back and stage_items.any_pending(session, self.grip.stage_run_id)

    def _give_back(self, session: Session, items: list[Item], *, error: str, now: datetime) -> Outcome | None:
        """The stage raised: its batch was rolled back and costs an attempt, or is split."""
        self.advance(session, closed=0, now=now)
        recovery.give_back(session, self.context, items, error=error)
        self.looks_back = True
        return None
