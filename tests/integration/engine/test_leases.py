"""Whoever renews leases comes with a call and goes when there is none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import OperationalError

from pipeline.config import load_config, use_config
from pipeline.core.states import RunStatus
from pipeline.db.session import Database
from pipeline.engine import lanes
from pipeline.engine.lanes import Grip
from pipeline.engine.leases import LeaseKeeper
from tests.support.processes import wait_until

_NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
_GRIP = Grip(
    stage_run_id=1, lane=1, ticket=1, batch_done=0, lease_until=_NOW, due_at=_NOW, ending=None,
    run_status=RunStatus.RUNNING,
)  # fmt: skip


@pytest.fixture
def renewed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[tuple[int, int, int]]]]:
    """What was renewed, time after time, every hundredth of a second."""
    seen: list[list[tuple[int, int, int]]] = []
    monkeypatch.setattr(lanes, "renew", lambda _session, keys, **_: seen.append(list(keys)))
    use_config(load_config({"IGNY8_LEASE_RENEW_SECONDS": "0.01"}))
    yield seen
    use_config(None)


def test_the_thread_ends_after_the_last_call_and_comes_again_with_the_next(
    sqlite_database: Database, renewed: list[list[tuple[int, int, int]]]
) -> None:
    keeper = LeaseKeeper(sqlite_database)
    others = _threads()
    for _ in range(2):
        with keeper.holding(_GRIP):
            wait_until(lambda: len(renewed) > 1)
            [thread] = _threads() - others
        thread.join(5)
        assert not thread.is_alive()
        assert {tuple(keys) for keys in renewed} == {((1, 1, 1),)}
        renewed.clear()


def test_a_thread_that_died_is_replaced_by_the_next_call(
    sqlite_database: Database, renewed: list[list[tuple[int, int, int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = LeaseKeeper(sqlite_database)
    told: list[object] = []
    others = _threads()
    monkeypatch.setattr(threading, "excepthook", told.append)
    with monkeypatch.context() as broken, keeper.holding(_GRIP):
        broken.setattr(keeper, "renew", _no_such_thing)
        wait_until(lambda: told and not _threads() - others)

    with keeper.holding(_GRIP):
        assert wait_until(lambda: renewed)


def test_a_database_that_is_away_is_asked_again(
    sqlite_database: Database, renewed: list[list[tuple[int, int, int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([OperationalError("UPDATE lanes", {}, Exception("gone")), None])
    keeper = LeaseKeeper(sqlite_database)
    real = keeper.renew

    def away_once() -> int:
        if error := next(answers, None):
            raise error
        return real()

    monkeypatch.setattr(keeper, "renew", away_once)
    with keeper.holding(_GRIP):
        assert wait_until(lambda: renewed)


def _no_such_thing() -> int:
    raise LookupError("no such thing")


def _threads() -> set[threading.Thread]:
    """Those of all keepers: one of an earlier test may still be asleep."""
    return {thread for thread in threading.enumerate() if thread.name == "lease-keeper"}
