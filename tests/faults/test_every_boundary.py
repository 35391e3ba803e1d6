"""A worker or a beat dies at each boundary of a run in turn: before and after every commit, question and message.

`make test`: some boundaries on SQLite; `--all`: every one, on both databases; every third with each message thrice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from sqlalchemy import event, func, select

from pipeline.core.states import CallStatus, ItemStatus, RunStatus
from pipeline.db.session import Database
from pipeline.engine import dispatch, executor
from pipeline.models import AiCall, Base, CreditEntry, Run
from pipeline.services import run_control
from pipeline.services.invariants import violations
from tests.faults.harness.boundaries import run_to_end, strike
from tests.support.emptying import empty
from tests.support.postgres import PostgresServer
from tests.support.sites import Killed
from tests.support.worlds import World, make_world

pytestmark = pytest.mark.timeout(900)

#: All that waits is taken, by whichever stage; the account is not empty before the end.
_ALL: Final = {
    **{f"stages.{number}.budget_pct": "20" for number in (1, 2, 4, 5, 6)},
    **{f"stages.{number}.per_run_limit": "0" for number in range(1, 8)},
}
_VARIANTS: Final[dict[str, dict[str, str]]] = {
    "one-stage": {f"stages.{number}.enabled": "false" for number in (1, 3, 4, 5, 6, 7)},
    "one-lane": {"stages.1.batch_size": "2"},
    "three-lanes": {**{f"stages.{number}.concurrency": "3" for number in (1, 2, 4, 5, 6)}, "stages.1.batch_size": "1"},
}
_WORDS: Final = ("fine 1", "fine 2", "fine 3")
#: Of so many boundaries one is tried without `--all`; no multiple of what repeats itself.
_STRIDES: Final = {"one-stage": 1, "one-lane": 11, "three-lanes": 31}


class Worlds:
    """Worlds of the same beginning, one after the other in one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def make(self, settings: dict[str, str], *, copies: int = 1) -> tuple[World, int]:
        """A site whose run was accepted."""
        for name in ("now", "transaction"):
            vars(self.database).pop(name, None)
        with self.database.engine.begin() as connection:
            if self.database.is_sqlite:
                for table in reversed(Base.metadata.sorted_tables):
                    connection.execute(table.delete())
            else:
                empty(connection)
        world = make_world(self.database, settings={**_ALL, **settings}, copies=copies)
        world.keywords(_WORDS)
        return world, world.start()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.extended)])
def worlds(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Worlds]:
    """On both databases; PostgreSQL with `--all`."""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        database = Database(server.create_database("igny8_boundaries"))
    else:
        database = Database(f"sqlite:///{tmp_path}/igny8.db")
    Base.metadata.create_all(database.engine)
    yield Worlds(database)
    database.dispose()


@pytest.fixture
def tries_all(request: pytest.FixtureRequest) -> bool:
    """Whether every boundary is tried."""
    return bool(request.config.getoption("--all"))


@pytest.mark.parametrize("copies", [1, pytest.param(3, marks=pytest.mark.extended)], ids=["once", "thrice"])
@pytest.mark.parametrize("variant", _VARIANTS)
def test_a_death_at_any_boundary_changes_nothing(
    worlds: Worlds, variant: str, copies: int, seed: str, *, tries_all: bool
) -> None:
    settings = _VARIANTS[variant]
    world, run_id = worlds.make(settings)
    boundaries = strike(world)
    assert run_to_end(world, run_id) is RunStatus.COMPLETED
    expected = _books(world)
    assert _complaints(world, RunStatus.COMPLETED, expected) == []

    wrong = []
    stride = copies if tries_all else _STRIDES[variant]
    for at in range(Random(f"boundary {seed}").randint(1, stride), len(boundaries.seen) + 1, stride):
        world, run_id = worlds.make(settings, copies=copies)
        deaths = strike(world, at)
        status = run_to_end(world, run_id)
        wrong += [f"{deaths.died} ({at}): {line}" for line in _complaints(world, status, expected)]

    assert wrong == []


def test_a_second_worker_that_is_handed_the_same_message_during_a_call_leaves_it_alone(worlds: Worlds) -> None:
    world, run_id = worlds.make(_VARIANTS["three-lanes"])
    messages = _messages(world)

    def hand_out_again() -> None:
        world.provider.on_call = lambda: None
        for name, ids in messages():
            getattr(executor, name)(world.database, *ids)
        world.provider.on_call = hand_out_again

    world.provider.on_call = hand_out_again

    assert run_to_end(world, run_id) is RunStatus.COMPLETED
    assert {call.status for call in world.calls()} == {CallStatus.SETTLED}
    assert set(world.volumes().values()) == {7}
    world.assert_sound()


def test_copies_of_messages_shorten_no_delay(worlds: Worlds) -> None:
    world, run_id = worlds.make({"stages.1.enabled": "false", "delays.within_stage": "30"}, copies=3)
    asked_at: list[float] = []
    world.provider.on_call = lambda: asked_at.append((world.driver.clock.at - world.driver._began).total_seconds())

    assert run_to_end(world, run_id) is RunStatus.COMPLETED
    stage_two = asked_at[: len(_WORDS)]
    assert stage_two == [0.0, 30.0, 60.0]
    world.assert_sound()


@pytest.mark.parametrize("variant", _VARIANTS)
def test_the_books_are_right_at_every_question(worlds: Worlds, variant: str) -> None:
    world, run_id = worlds.make(_VARIANTS[variant])
    found: list[str] = []

    def look() -> None:
        with world.database.reading() as session:
            found.extend(violations(session))
            open_calls = select(func.count()).where(AiCall.status == CallStatus.DISPATCHED)
            found.extend([] if session.scalar(open_calls) else ["a question without a call"])

    world.provider.on_call = look

    assert run_to_end(world, run_id) is RunStatus.COMPLETED
    assert found == []
    assert world.provider.journal


def test_a_worker_that_was_thought_dead_writes_nothing_when_it_comes_back(worlds: Worlds) -> None:
    world, run_id = worlds.make(_VARIANTS["one-lane"])
    calls = 0

    def stand_still() -> None:
        nonlocal calls
        calls += 1
        if calls % 3 == 1:  # each third question takes so long that another worker ends the run's stage meanwhile.
            world.provider.on_call = lambda: None
            world.driver.clock.move(61)
            world.driver.dispatch()
            world.driver.drain()
            world.provider.on_call = stand_still

    world.provider.on_call = stand_still

    assert run_to_end(world, run_id) is RunStatus.COMPLETED
    assert set(world.volumes().values()) == {7}
    assert Counter(call.status for call in world.calls())[CallStatus.LOST] > 0, "nobody stood still: nothing was tested"
    world.assert_sound()


def test_an_item_at_which_every_worker_dies_is_given_up_and_the_run_ends(worlds: Worlds) -> None:
    world, run_id = worlds.make({"stages.1.enabled": "false", "stages.2.per_run_limit": "1"})

    def die() -> None:
        texts = world.provider.journal[-1]
        if texts == (_WORDS[0],):
            raise Killed

    world.provider.on_call = die
    status = run_to_end(world, run_id, most_deaths=10)

    assert status is RunStatus.COMPLETED_WITH_ERRORS
    (item,) = world.items(run_id, 2)
    assert (item.status, item.attempts) == (ItemStatus.FAILED, 3)
    with world.database.reading() as session:
        run = session.get_one(Run, run_id)
        assert run.finished_at is not None
    assert world.volumes()[_WORDS[0]] == 0
    world.assert_sound()


@pytest.mark.parametrize("at", [1, 2, 5, 8])
def test_a_cancel_during_any_question_lets_no_lane_ask_another(worlds: Worlds, at: int) -> None:
    world, run_id = worlds.make(_VARIANTS["three-lanes"])
    asked_before = 0

    def cancel() -> None:
        nonlocal asked_before
        if len(world.provider.journal) == at:
            asked_before = at
            with world.database.transaction() as session:
                run = session.get_one(Run, run_id)
                run_control.cancel(session, run, actor="test", now=world.driver.clock.at)

    world.provider.on_call = cancel

    assert run_to_end(world, run_id) is RunStatus.CANCELLED
    assert asked_before == at == len(world.provider.journal)
    world.assert_sound()


def test_nothing_is_sent_of_what_was_not_committed(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    world, run_id = worlds.make(_VARIANTS["one-lane"])
    world.driver.chains.clear()
    sent: list[Any] = []
    monkeypatch.setattr(dispatch, "publish", lambda chains: sent.extend(chains) or len(chains))
    world.driver.clock.move(31)

    with _commits_that_break(world.database), pytest.raises(ConnectionResetError):
        dispatch.dispatch_due(world.database)

    assert sent == []
    dispatch.dispatch_due(world.database)
    assert [chain.stage_run_id for chain in sent] == [world.stages(run_id)[1].id]


@contextmanager
def _commits_that_break(database: Database) -> Iterator[None]:
    """The connection goes with the COMMIT: nothing of it is saved."""

    def go(_connection: Any) -> None:
        raise ConnectionResetError("the connection went with the COMMIT")

    event.listen(database.engine, "commit", go)
    try:
        yield
    finally:
        event.remove(database.engine, "commit", go)


def _messages(world: World) -> Any:
    """Copies of the message under way: what was ever run, once more."""
    return lambda: [link for _, link in world.driver.ran]


def _books(world: World) -> dict[str, Counter[Any]]:
    """What two runs of the same words have in common."""
    with world.database.reading() as session:
        settled = select(AiCall.step, AiCall.answer, AiCall.charged_amount).where(AiCall.status == CallStatus.SETTLED)
        return {
            "answers": Counter(session.execute(settled).all()),
            "entries": Counter(session.execute(select(CreditEntry.kind, CreditEntry.amount)).all()),
            "words": Counter(world.volumes().items()),
        }


def _complaints(world: World, status: RunStatus, expected: dict[str, Counter[Any]]) -> list[str]:
    """All in which the run is not as an undisturbed one."""
    found = [] if status is RunStatus.COMPLETED else [f"it ended {status}"]
    for name, rows in _books(world).items():
        if rows != expected[name]:
            found.append(f"{name}: {expected[name] - rows} missing, {rows - expected[name]} too many")
    calls = world.calls()
    if len(world.provider.journal) > len(calls):
        found.append(f"{len(world.provider.journal)} questions, {len(calls)} calls")
    try:
        world.assert_sound()
    except AssertionError as error:
        found.append(str(error))
    return found
