"""Owns a slice of an asking stage: keep and settle answer k, claim the next items, hold, commit; then the call.

Everything between two calls is one transaction. What breaks it is done again in parts: no paid answer is lost by it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pipeline import failpoints, logs
from pipeline.config import config
from pipeline.contract import AnswerRejected, ImageQuestion, Question
from pipeline.core.catalog import Calls
from pipeline.core.errors import PipelineError
from pipeline.engine import failures, gateway, questions, recovery, repairs, results
from pipeline.engine import items as stage_items
from pipeline.engine.gateway import Answered, Barred, CallFailed, Dispatched, Stored
from pipeline.engine.items import Item
from pipeline.engine.lanes import LaneTaken
from pipeline.engine.leases import keeper
from pipeline.engine.outcomes import GoOn, Outcome
from pipeline.engine.questions import Asking, Prepared, Step
from pipeline.engine.readings import text_of
from pipeline.engine.results import Rejected, Result, Work
from pipeline.engine.slices import Slice, StageFault
from pipeline.services import credits as ledger
from pipeline.services.credits import Refused


class AskingSlice(Slice):
    """A lane of a stage that asks a model."""

    def run(self) -> Outcome:
        """Question after question until the slice ends."""
        try:
            turn = self._turn(None)
            while isinstance(turn, Work):
                with logs.bound(items=[item.subject_id for item in turn.items]):
                    turn = self._ask_and_turn(turn)
        except LaneTaken:
            return GoOn()
        return turn

    def _ask_and_turn(self, work: Work) -> Work | Outcome:
        try:
            answered = self._answer(work)
        except CallFailed as failed:
            return self._after_failure(work, failed)
        try:
            return self._turn(results.read(work, answered))
        except LaneTaken:
            failures.note_late_answer(self.database, answered)
            raise

    # The call, with no transaction open.

    def _answer(self, work: Work) -> Answered:
        if isinstance(work.asked, Stored):
            return Answered(work.asked.answer, None, None)
        failpoints.hit("call.held")
        with keeper(self.database).holding(self.grip) as follow:

            def again(failed: Dispatched, error: PipelineError) -> Dispatched | None:
                renewed = self._hold_again(failed, error)
                follow(self.grip)
                return renewed

            return gateway.ask(self.database, work.asked, again=again)

    def _hold_again(self, failed: Dispatched, error: PipelineError) -> Dispatched | None:
        """Void a call the provider refused for seconds, and hold for the next; None where that hold is refused."""

        def renew(session: Session, now: datetime) -> Dispatched | None:
            grip = self.advance(session, closed=0, now=now)
            ledger.void(session, failed.call, error=error.message, now=now)
            if self.is_called_off:
                return None
            held = gateway.reserve(session, self.context, grip, failed.prepared, now=now)
            return held if isinstance(held, Dispatched) else None

        return self.commit(renew)

    # The transaction between two calls.

    def _turn(self, result: Result | None) -> Work | Outcome:
        """Close what was answered and claim what comes next, together where it can be."""
        while True:
            try:
                return self.commit(partial(self._close_and_claim, result))
            except Rejected as rejected:
                result = rejected.verdict
            except StageFault as fault:
                result = self._in_parts(result, fault)

    def _in_parts(self, result: Result | None, fault: StageFault) -> Result | None:
        """The stage raised and all was rolled back: settle the answer alone, then what raised costs an attempt.

        What is still to be closed.
        """
        if result is not None and fault.items != result.work.items:
            try:
                self.commit(lambda session, now: self._only_close(session, result, now=now))
            except Rejected as rejected:
                return rejected.verdict
            except StageFault as own:
                return self._in_parts(result, own)
            return None
        self.commit(lambda session, now: self._give_back(session, result, fault, now=now))
        self.looks_back = True
        return None

    def _give_back(self, session: Session, result: Result | None, fault: StageFault, *, now: datetime) -> None:
        self.advance(session, closed=0, now=now)
        items = fault.items
        if result is None:  # Their claim was rolled back too: another lane may have them by now.
            items = stage_items.still_pending(session, self.context.stage_run_id, items)
        else:
            stage_items.add_charge(session, self.context.stage_run_id, items[0], result.answered.charge_ucr)
        if items:
            recovery.give_back(session, self.context, items, error=str(fault))
        self._settle(session, result, now=now)

    def _close_and_claim(self, result: Result | None, session: Session, now: datetime) -> Work | Outcome:
        closing = len(result.work.items) if result is not None and not result.needs_repair else 0
        keeping = result.subject_ids if result is not None and result.fault is None else []
        claiming = result is None or bool(keeping)
        grip = self.advance(session, closed=closing, now=now, claiming=claiming, keeping=keeping)
        if result is not None:
            repairing = self._close(session, result, now=now)
            if repairing is not None:
                return self._go_on_repairing(session, result, repairing, now=now)
        full = bool(closing) and grip.batch_done == 0 and self.batch_size is not None
        stop = self.why_stop(batch_is_full=full, now=now)
        if stop is not None:
            self._settle(session, result, now=now)
            return stop(session)
        return self._claim(session, result, now=now)

    def _go_on_repairing(
        self, session: Session, result: Result, repairing: Prepared, *, now: datetime
    ) -> Work | Outcome:
        """Ask once more, unless the run rests or ends: then the stored answer waits for whoever claims these next."""
        stop = self.why_stop(batch_is_full=False, now=now) if self.is_called_off else None
        if stop is None:
            affordable = repairs.affordable(session, self.context, result, repairing)
            return self._reserve(session, result.work.items, affordable, now=now)
        stage_items.release(session, self.context.stage_run_id, result.work.items)
        return stop(session)

    def _only_close(self, session: Session, result: Result, *, now: datetime) -> None:
        self.advance(session, closed=len(result.work.items), now=now)
        self._close(session, result, now=now)
        self._settle(session, result, now=now)

    def _close(self, session: Session, result: Result, *, now: datetime) -> Prepared | None:
        """Keep a good answer, refuse a bad one; a first bad one is settled and its repair comes back."""
        if result.fault is None:
            self._keep(session, result)
            return None
        if result.needs_repair:
            charged = self._settle(session, result, now=now)
            stage_items.add_charge(session, self.context.stage_run_id, result.work.items[0], charged)
            return self._repair(result)
        stage_items.add_charge(session, self.context.stage_run_id, result.work.items[0], result.answered.charge_ucr)
        recovery.refuse(session, self.context, result.work.items, reason=result.refusal)
        self.looks_back = True
        return None

    def _keep(self, session: Session, result: Result) -> None:
        context, items = self.context, result.work.items
        there = set(result.subject_ids)
        if self.next_grip.waiting != len(there):
            there = set(context.still_waiting(session, result.subject_ids, lock=True))
        kept = [item for item in items if item.subject_id in there]
        produced = None
        if kept:
            try:
                produced = context.stage.keep(
                    session, context.subjects(session, [item.subject_id for item in kept]), result.answer
                )
                session.flush()
            except AnswerRejected as rejected:
                raise Rejected(result, rejected.message) from None
            except OperationalError:
                raise
            except Exception as error:
                raise StageFault(items, error) from error
        stage_items.close_done(session, self.grip, items, produced, charged_ucr=result.answered.charge_ucr)
        stage_items.skip(
            session,
            context.stage_run_id,
            [item for item in items if item.subject_id not in there],
            reason=recovery.GONE,
        )
        if kept and context.stage.leaves_waiting:
            self.raise_times_tried(session, kept)

    def _settle(self, session: Session, result: Result | None, *, now: datetime) -> int:
        """Store and charge the answer; micro-credits charged (0: it was settled before)."""
        last = None if result is None else result.settling
        if last is None:
            return 0
        charged = ledger.settle(session, last.call, last.settlement, now=now)
        self._note_answer(session)
        return charged or 0

    def _note_answer(self, session: Session) -> None:
        """A provider that was down has answered."""
        if self.context.unavailable_since is not None:
            recovery.note_outage(session, self.context.stage_run_id, since=None)

    def _repair(self, result: Result) -> Prepared:
        prepared = result.work.asked.prepared
        text = text_of(result.answered.answer)
        asked_again = questions.repair(prepared.question, answer=text, fault=result.fault or "")
        return self._prepare(asked_again, result.work.items, step=Step.REPAIR)

    # What comes next.

    def _claim(self, session: Session, result: Result | None, *, now: datetime) -> Work | Outcome:
        """Claim until items are found that still wait; settle what was answered, then hold for them."""
        while True:
            items = self.next_items(session)
            if not items:
                self._settle(session, result, now=now)
                return self.close_lane(session, now=now)
            gone = [item for item in items if not item.waits]
            stage_items.skip(session, self.context.stage_run_id, gone, reason=recovery.GONE)
            self.next_grip = self.with_batch_done(self.next_grip.batch_done + len(gone))
            items = [item for item in items if item.waits]
            if items:
                break
        prepared = self._ask_stage(session, items)
        return self._reserve(session, items, prepared, result=result, now=now)

    def room(self, batch_done: int) -> int:  # noqa: ARG002 - a question is about a whole batch, whatever was closed
        """How many subjects one question is about."""
        if self.context.definition.calls is Calls.PER_ITEM:
            return 1
        return self.batch_size or 1

    def _ask_stage(self, session: Session, items: list[Item]) -> Prepared:
        try:
            subjects = self.context.subjects(session, [item.subject_id for item in items])
            question = self.context.stage.ask(session, subjects)
            return self._prepare(question, items, step=Step.ASK)
        except OperationalError:
            raise
        except Exception as error:
            raise StageFault(items, error) from error

    def _prepare(self, question: Question | ImageQuestion, items: list[Item], *, step: Step) -> Prepared:
        context, ids = self.context, [item.subject_id for item in items]
        assert context.price is not None  # noqa: S101 - no run starts without the prices of its AI stages
        seconds = config().call_timeout_seconds
        asking = Asking(step, context.stage_run_id, ids, context.settings, context.price, seconds, context.origins)
        return questions.prepare(question, asking)

    def _reserve(
        self, session: Session, items: list[Item], prepared: Prepared, *, now: datetime, result: Result | None = None
    ) -> Work | Outcome:
        """Settle what was answered, then hold, unless the answer is stored; a refused hold costs no attempt."""
        last = None if result is None else result.settling
        if prepared.step is Step.REPAIR or items[0].given_back:
            self._settle(session, result, now=now)
            last = None
            answer = gateway.stored_answer(session, prepared)
            if answer is not None:
                return Work(items, Stored(prepared, answer))
        held = gateway.reserve(session, self.context, self.next_grip, prepared, last=last, now=now)
        if last is not None:
            self._note_answer(session)
        return Work(items, held) if isinstance(held, Dispatched) else self._refused(session, items, held, now=now)

    def _refused(self, session: Session, items: list[Item], refused: Refused | Barred, *, now: datetime) -> Outcome:
        stage_items.release(session, self.context.stage_run_id, items)
        if isinstance(refused, Barred):
            return failures.barred(self, session, refused.error, now=now)
        ending = failures.ending_of(refused)
        if ending is None:
            return self.wait_until(session, now + timedelta(seconds=config().held_wait_seconds))
        recovery.end_early(session, self.context.stage_run_id, *ending)
        return self.close_lane(session, now=now)

    # No answer.

    def _after_failure(self, work: Work, failed: CallFailed) -> Work | Outcome:
        def resolve(session: Session, now: datetime) -> Outcome | None:
            self.advance(session, closed=0, now=now)
            return failures.resolve(self, session, work.items, failed, now=now)

        outcome = self.commit(resolve)
        self.looks_back = True
        return self._turn(None) if outcome is None else outcome
