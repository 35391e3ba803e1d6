"""Owns the ledger's stateful proof: any order of its acts, killed anywhere, agrees with a model in plain Python.

A process dies in two ways here. Between two commits: what is committed stays as it is, until `recover` or for good;
`a_worker_dies_between_its_commits` does so on purpose, every other order of rules does so by chance. Inside a
transaction: a rule with `crash` is killed before that many statements have run, at the latest before its COMMIT.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError
from pipeline.core.states import CallStatus
from pipeline.db.session import Database
from pipeline.engine import gateway
from pipeline.models import Account, AiCall, StageRun
from pipeline.services import credits as ledger
from pipeline.services import refunds
from pipeline.services.credits import CallHandle, Settlement
from pipeline.services.invariants import violations
from tests.support import ledgers
from tests.support.ledger_model import LedgerModel
from tests.support.ledgers import NOW

BALANCE, CAPS = 1000, (600, 250, 1500)

stages = st.integers(0, len(CAPS) - 1)
lanes = st.integers(1, 2)
#: Tokens of a prompt, of the shortest useful answer, and of what the longest has more.
sizes = st.tuples(st.integers(0, 60), st.integers(0, 200), st.integers(0, 400))
amounts = st.integers(0, 700)
crashes = st.none() | st.integers(0, 6)


class Killed(Exception):  # noqa: N818 - what happens to a process
    """The process is gone."""


class LedgerMachine(RuleBasedStateMachine):
    """Acts of the ledger on a database and on its model; after each the two are equal and no law is broken."""

    calls = Bundle("calls")

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.statements_left: int | None = None
        event.listen(database.engine, "before_cursor_execute", self._count)
        with database.transaction() as session:
            ledgers.empty(session)
            self.world = ledgers.make_ledger(session, balance=BALANCE, caps=CAPS)
        self.model = LedgerModel(BALANCE, CAPS)

    def teardown(self) -> None:
        event.remove(self.database.engine, "before_cursor_execute", self._count)

    def _count(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if self.statements_left is None or statement.startswith("BEGIN"):
            return
        if self.statements_left == 0:
            raise Killed
        self.statements_left -= 1

    @contextmanager
    def transaction(self, crash: int | None) -> Iterator[Session]:
        """A transaction that is killed after `crash` statements, at the latest before its COMMIT."""
        try:
            with self.database.transaction() as session:
                self.statements_left = crash
                yield session
                if crash is not None:
                    self.statements_left = 0
                    session.connection().exec_driver_sql("SELECT 1")
        except Killed:
            pass
        finally:
            self.statements_left = None

    # Credits come and go.

    @rule(amount=st.integers(1, 900), key=st.integers(1, 6), crash=crashes)
    def grant(self, amount: int, key: int, crash: int | None) -> None:
        booked = None
        with self.transaction(crash) as session:
            booked = ledger.grant(
                session, account_id=self.world.account_id, amount_ucr=amount, key=f"grant:again {key}", now=NOW
            )
        if crash is None:
            assert booked == self.model.grant(key, amount)

    @rule(amount=st.integers(-900, 300), key=st.integers(1, 20), crash=crashes)
    def adjust(self, amount: int, key: int, crash: int | None) -> None:
        def act(session: Session) -> bool:
            return ledger.grant(
                session,
                account_id=self.world.account_id,
                amount_ucr=amount,
                key=f"adjustment:{key}",
                kind="adjustment",
                now=NOW,
            )

        if self.model.refuses_adjustment(-key, amount):
            with pytest.raises(ConflictError), self.database.transaction() as session:
                act(session)
            return
        booked = None
        with self.transaction(crash) as session:
            booked = act(session)
        if crash is None:
            assert booked == self.model.grant(-key, amount)

    # A call begins.

    @rule(target=calls, stage=stages, lane=lanes, size=sizes, crash=crashes)
    def reserve(self, stage: int, lane: int, size: tuple[int, int, int], crash: int | None) -> Any:
        got = None
        with self.transaction(crash) as session:
            got = self._reserve(session, stage, lane, size)
        return self._dispatched(got, stage, lane, size) if crash is None else multiple()

    @rule(target=calls, stage=stages, lane=lanes, amount=amounts, crash=crashes)
    def reserve_unsent(self, stage: int, lane: int, amount: int, crash: int | None) -> Any:
        """A hold whose send is permitted by a later commit: `send`, unless the process dies before."""
        got = None
        with self.transaction(crash) as session:
            got = ledgers.open_call(
                session, self.world, stage=stage, lane=lane, amount=amount, status=CallStatus.RESERVED
            )
        if crash is not None:
            return multiple()
        expected = self.model.hold(stage, full=amount, least=amount)
        if not isinstance(got, CallHandle):
            assert got == expected
            return multiple()
        assert expected == ledger.Held(got.held_ucr)
        self.model.opened(got.id, stage=stage, lane=lane, held=got.held_ucr, status=CallStatus.RESERVED)
        return got

    @rule(call=calls)
    def send(self, call: CallHandle) -> None:
        with self.transaction(None) as session:
            reserved = (AiCall.id == call.id) & (AiCall.status == CallStatus.RESERVED)
            session.execute(update(AiCall).where(reserved).values(status=CallStatus.DISPATCHED))
        self.model.send(call.id)

    # A call ends; `call` may have ended before in any way.

    @rule(call=calls, charge=amounts, crash=crashes)
    def settle(self, call: CallHandle, charge: int, crash: int | None) -> None:
        charged = None
        with self.transaction(crash) as session:
            charged = ledger.settle(session, call, Settlement("answer", charge, 7), now=NOW)
        if crash is None:
            assert charged == self.model.settle(call.id, charge=charge, cost=7)

    @rule(call=calls, over=st.integers(-1, 1))
    def settle_twice_at_the_edge_of_its_hold(self, call: CallHandle, over: int) -> None:
        for charge in (max(0, call.held_ucr + over), 0):
            self.settle(call, charge, None)

    @rule(target=calls, call=calls, charge=amounts, size=sizes, crash=crashes)
    def settle_and_reserve_the_next(
        self, call: CallHandle, charge: int, size: tuple[int, int, int], crash: int | None
    ) -> Any:
        """The engine's usual transaction: answer k is settled and question k + 1 is held, together or not at all."""
        stage, lane = self.model.calls[call.id].stage, self.model.calls[call.id].lane
        last = gateway.Settling(call, Settlement("answer", charge, 7))
        got = None
        with self.transaction(crash) as session:
            got = self._reserve(session, stage, lane, size, last=last)
        if crash is not None:
            return multiple()
        self.model.settle(call.id, charge=charge, cost=7)
        return self._dispatched(got, stage, lane, size)

    @rule(target=calls, call=calls, size=sizes, crash=crashes)
    def void_and_reserve_again(self, call: CallHandle, size: tuple[int, int, int], crash: int | None) -> Any:
        """What a throttled call does."""
        stage, lane = self.model.calls[call.id].stage, self.model.calls[call.id].lane
        voided = got = None
        with self.transaction(crash) as session:
            voided = ledger.void(session, call, error="429", now=NOW)
            got = self._reserve(session, stage, lane, size)
        if crash is not None:
            return multiple()
        assert voided == self.model.void(call.id)
        return self._dispatched(got, stage, lane, size)

    @rule(call=calls, crash=crashes)
    def void(self, call: CallHandle, crash: int | None) -> None:
        voided = None
        with self.transaction(crash) as session:
            voided = ledger.void(session, call, error="refused", now=NOW)
        if crash is None:
            assert voided == self.model.void(call.id)

    @rule(call=calls, crash=crashes)
    def lose(self, call: CallHandle, crash: int | None) -> None:
        lost = None
        with self.transaction(crash) as session:
            lost = ledger.lose(session, call, error="timed out", now=NOW)
        if crash is None:
            assert lost == self.model.lose(call.id)

    @rule(call=calls, costs=st.lists(st.integers(1, 99), min_size=1, max_size=2), crash=crashes)
    def answer_late(self, call: CallHandle, costs: list[int], crash: int | None) -> None:
        for cost in costs:
            with self.transaction(crash) as session:
                ledger.answered_late(session, call, Settlement("late", 50, cost))
            if crash is None:
                self.model.answered_late(call.id, cost=cost)

    # What was charged is given back, once.

    @rule(call=calls, crash=crashes)
    def refund(self, call: CallHandle, crash: int | None) -> None:
        def act(session: Session) -> refunds.Refund:
            return refunds.refund(
                session, account_id=self.world.account_id, call_id=call.id, reason="useless", actor="test", now=NOW
            )

        if not self.model.calls[call.id].charged:
            with pytest.raises(ConflictError), self.database.transaction() as session:
                act(session)
            return
        done = None
        with self.transaction(crash) as session:
            done = act(session)
        if crash is None:
            assert done is not None
            assert (done.amount_ucr if done.is_new else None) == self.model.refund(call.id)

    # Processes die.

    @rule(call=calls, crash=crashes)
    def recover(self, call: CallHandle, crash: int | None) -> None:
        self._recover(self.model.calls[call.id].stage, self.model.calls[call.id].lane, crash)

    @rule(target=calls, stage=stages, lane=lanes, size=sizes, charge=amounts, commits=st.integers(0, 2))
    def a_worker_dies_between_its_commits(
        self, stage: int, lane: int, size: tuple[int, int, int], charge: int, commits: int
    ) -> Any:
        """Hold, commit, ask, settle, commit: it dies after as many of its commits; the next one recovers its lane."""
        call = self.reserve(stage, lane, size, None) if commits > 0 else multiple()
        if commits > 1 and isinstance(call, CallHandle):
            self.settle(call, charge, None)
        self._recover(stage, lane, None)
        return call

    # What holds after every step.

    @invariant()
    def no_law_is_broken(self) -> None:
        with self.database.reading() as session:
            assert violations(session) == []

    @invariant()
    def the_database_is_the_model(self) -> None:
        with self.database.reading() as session:
            account = session.execute(select(Account.balance, Account.held)).one()
            stage_runs = session.execute(
                select(StageRun.cap, StageRun.spent, StageRun.held, StageRun.lost).order_by(StageRun.number)
            ).all()
            columns = (AiCall.id, AiCall.status, AiCall.held_amount, AiCall.charged_amount, AiCall.cost_picodollars)
            rows = session.execute(select(*columns)).all()
        assert tuple(account) == (self.model.balance, self.model.held)
        assert [tuple(row) for row in stage_runs] == self.model.stages()
        assert {row[0]: tuple(row[1:]) for row in rows} == self.model.resolved()

    def _recover(self, stage: int, lane: int, crash: int | None) -> None:
        found = None
        with self.transaction(crash) as session:
            found = ledger.resolve_open_calls(session, stage_run_id=self.world.stage_run_ids[stage], lane=lane, now=NOW)
        if crash is None:
            assert found == self.model.recover(stage, lane)

    def _reserve(
        self,
        session: Session,
        stage: int,
        lane: int,
        size: tuple[int, int, int],
        *,
        last: gateway.Settling | None = None,
    ) -> gateway.Dispatched | ledger.Refused:
        prompt, useful, more = size
        question = ledgers.prepared(prompt=prompt, useful=useful, most=useful + more)
        context, grip = ledgers.context(self.world, stage), ledgers.grip(self.world, stage, lane)
        return gateway.reserve(session, context, grip, question, last=last, now=NOW)

    def _dispatched(
        self, got: gateway.Dispatched | ledger.Refused | None, stage: int, lane: int, size: tuple[int, int, int]
    ) -> Any:
        """The model's word on a reservation; the call, if there is one."""
        prompt, useful, more = size
        expected = self.model.hold(stage, full=prompt + useful + more, least=prompt + useful)
        if not isinstance(got, gateway.Dispatched):
            assert got == expected
            return multiple()
        assert expected == ledger.Held(got.call.held_ucr)
        assert useful <= got.prepared.parameters["max_output_tokens"] <= got.call.held_ucr - prompt
        self.model.opened(got.call.id, stage=stage, lane=lane, held=got.call.held_ucr, status=CallStatus.DISPATCHED)
        return got.call


def test_the_ledger_agrees_with_its_model_whatever_is_killed_when(database: Database, *, at_length: bool) -> None:
    examples = 25 if database.is_sqlite else 12
    run_state_machine_as_test(
        lambda: LedgerMachine(database),
        settings=settings(
            max_examples=examples if at_length else examples // 2,
            stateful_step_count=30,
            deadline=None,
            # A failure is told at once, in at most thirty acts: adding Phase.shrink finds the fewest, in minutes.
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
        ),
    )
