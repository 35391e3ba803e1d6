"""Runs are watched: one question a tick however many listen, and streams that end when they should."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import pytest
import uvicorn
from sqlalchemy import update

from pipeline.core.states import ItemStatus, RunStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.models import Run, StageItem, StageRun
from pipeline.services.run_progress import Progress, Watched, progress_of
from pipeline.web.run_watch import RunWatch
from pipeline.web.watch import HEARTBEAT
from tests.support.api import Api, statements_of, the_app
from tests.support.processes import wait_until

TICK = 0.02


def _change(database: Database, run_id: int, **values: Any) -> None:
    with database.transaction() as session:
        session.execute(update(Run).where(Run.id == run_id).values(**values))


def _first(api: Api) -> tuple[Watched, Progress]:
    watched = Watched(api.mine.account_id, api.mine.run_id)
    with api.database.reading() as session:
        return watched, progress_of(session, [watched])[watched]


@dataclass(frozen=True)
class Event:
    """One event as it was sent."""

    id: str
    data: dict[str, Any]


def _events(text: str) -> list[Event]:
    """Those of a stream; what else it has are comments and pauses."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and not line.startswith(":"))
        if "data" in lines:
            assert lines["event"] == "run"
            found.append(Event(lines["id"], json.loads(lines["data"])))
    return found


def _path(api: Api) -> str:
    return f"/api/v1/runs/{api.mine.run_id}/events"


# How far a run is.


def test_all_of_a_run_is_told_at_once(api: Api) -> None:
    with api.database.transaction() as session:
        stage_run = session.query(StageRun).filter_by(run_id=api.mine.run_id, number=1).one()
        stage_run.status = StageRunStatus.RUNNING
        statuses = [ItemStatus.DONE, ItemStatus.DONE, ItemStatus.FAILED, ItemStatus.PENDING]
        session.add_all(
            StageItem(stage_run_id=stage_run.id, position=number, subject_id=number, status=status)
            for number, status in enumerate(statuses, start=1)
        )

    answer = api.client.get(_path(api))

    [event] = _events(answer.text)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
    assert (event.data["run_id"], event.data["status"]) == (api.mine.run_id, "queued")
    first, *others = event.data["stages"]
    assert [first[name] for name in ("number", "status", "inputs", "done", "failed")] == [1, "running", 4, 2, 1]
    assert [stage["inputs"] for stage in others] == [0] * 6


def test_progress_of_many_runs_is_one_statement_and_of_the_accounts_own_alone(api: Api) -> None:
    mine = Watched(api.mine.account_id, api.mine.run_id)
    theirs = Watched(api.other.account_id, api.other.run_id)
    crossed = {
        Watched(api.mine.account_id, api.other.run_id),
        Watched(api.other.account_id, api.mine.run_id),
        Watched(api.mine.account_id, 999),
    }

    with api.database.reading() as session, statements_of(api.database) as seen:
        found = progress_of(session, {mine, theirs, *crossed})
        of_others = progress_of(session, {mine, *crossed})

    assert len(seen) == 2
    assert (set(found), set(of_others)) == ({mine, theirs}, {mine})
    assert found[mine].told["run_id"] == api.mine.run_id


# Over HTTP.


def test_a_listener_that_has_seen_it_gets_what_differs_only(api: Api) -> None:
    [seen] = _events(api.client.get(_path(api)).text)

    same = api.client.get(_path(api), headers={"Last-Event-ID": seen.id})
    _change(api.database, api.mine.run_id, status=RunStatus.PAUSED)
    [event] = _events(api.client.get(_path(api), headers={"Last-Event-ID": seen.id}).text)

    assert _events(same.text) == []
    assert event.data["status"] == "paused"


def test_a_run_that_is_over_is_told_once_and_then_not_again(api: Api) -> None:
    _change(api.database, api.mine.run_id, status=RunStatus.COMPLETED)

    [last] = _events(api.client.get(_path(api)).text)
    again = api.client.get(_path(api), headers={"Last-Event-ID": last.id})

    assert last.data["status"] == "completed"
    assert (again.status_code, again.content) == (204, b"")


def test_anothers_run_is_refused_before_anything_is_sent(api: Api) -> None:
    answer = api.client.get(f"/api/v1/runs/{api.other.run_id}/events")

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert the_app().state.run_watch.listening == 0


def test_where_too_many_watch_the_next_is_told_to_come_again(sqlite_api: Api) -> None:
    state = the_app().state
    before, state.run_watch = state.run_watch, RunWatch(lambda: sqlite_api.database, most=0)

    answer = sqlite_api.client.get(_path(sqlite_api))

    state.run_watch = before
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert answer.json()["detail"].startswith("Too many watch runs at once.")


# The watch itself.


async def _read(events: AsyncGenerator[bytes], into: list[bytes], *, until: int = 10_000) -> None:
    async for chunk in events:
        into.append(chunk)
        if len(into) >= until:
            break
    await events.aclose()


def test_any_number_of_listeners_are_one_question_a_tick(api: Api) -> None:
    watched, first = _first(api)
    watch = RunWatch(lambda: api.database, tick_seconds=TICK, life_seconds=1)
    heard: list[list[bytes]] = [[] for _ in range(40)]

    async def listen() -> None:
        tabs = [asyncio.create_task(_read(watch.listen(watched, first, last_id=None), each)) for each in heard]
        await asyncio.sleep(10 * TICK)
        await asyncio.to_thread(_change, api.database, api.mine.run_id, status=RunStatus.COMPLETED)
        await asyncio.gather(*tabs)

    with statements_of(api.database) as seen:
        started = time.monotonic()
        asyncio.run(listen())
        took = time.monotonic() - started

    asked = [statement for statement in seen if statement.startswith("SELECT")]
    assert 1 <= len(asked) <= took / TICK + 1
    assert {len(_events(b"".join(each).decode())) for each in heard} == {2}
    assert (watch.listening, watch.is_polling) == (0, False)


def test_a_silent_stream_beats_and_ends_with_its_life(sqlite_api: Api) -> None:
    watched, first = _first(sqlite_api)
    watch = RunWatch(lambda: sqlite_api.database, tick_seconds=TICK, heartbeat_seconds=0.05, life_seconds=0.3)
    heard: list[bytes] = []

    asyncio.run(_read(watch.listen(watched, first, last_id=first.id), heard))

    assert heard[0] == b"retry: 2000\n\n"
    assert set(heard[1:]) == {HEARTBEAT}
    assert 2 <= len(heard[1:]) <= 7


def test_the_poller_stops_with_the_last_listener_and_starts_again(sqlite_api: Api) -> None:
    watched, first = _first(sqlite_api)
    watch = RunWatch(lambda: sqlite_api.database, tick_seconds=TICK)
    polled = []

    async def come_and_go() -> None:
        for _ in range(2):
            events = watch.listen(watched, first, last_id=None)
            await anext(events)
            polled.append(watch.is_polling)
            await events.aclose()
            polled.append(watch.is_polling)
        await asyncio.sleep(0)
        left.update(asyncio.all_tasks() - {asyncio.current_task()})

    left: set[Any] = set()
    asyncio.run(come_and_go())

    assert polled == [True, False, True, False]
    assert left == set()


def test_a_run_that_is_gone_ends_its_stream(sqlite_api: Api) -> None:
    watched, first = Watched(1, 999), _first(sqlite_api)[1]
    heard: list[bytes] = []

    watch = RunWatch(lambda: sqlite_api.database, tick_seconds=TICK, life_seconds=30)
    asyncio.run(asyncio.wait_for(_read(watch.listen(watched, first, last_id=None), heard), 10))

    assert len(_events(b"".join(heard).decode())) == 1


def test_a_database_that_is_away_ends_no_stream(sqlite_api: Api, tmp_path: Any) -> None:
    watched, first = _first(sqlite_api)
    gone = Database(f"sqlite:///{tmp_path}/no/folder/igny8.db")
    databases = [gone, gone, sqlite_api.database]
    heard: list[bytes] = []
    _change(sqlite_api.database, sqlite_api.mine.run_id, status=RunStatus.COMPLETED)

    watch = RunWatch(lambda: databases.pop(0) if len(databases) > 1 else databases[0], tick_seconds=TICK)
    asyncio.run(asyncio.wait_for(_read(watch.listen(watched, first, last_id=None), heard), 10))

    gone.dispose()
    assert [event.data["status"] for event in _events(b"".join(heard).decode())] == ["queued", "completed"]


# On a real server.


@contextmanager
def _served() -> Iterator[tuple[uvicorn.Server, int]]:
    server = uvicorn.Server(uvicorn.Config(the_app(), log_config=None, timeout_graceful_shutdown=20))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield server, listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(30)


@pytest.fixture
def watch(sqlite_api: Api) -> Iterator[RunWatch]:
    """The app's, with streams that live as long as they do in earnest."""
    app = the_app()
    before, app.state.run_watch = app.state.run_watch, RunWatch(lambda: sqlite_api.database, tick_seconds=TICK)
    yield app.state.run_watch
    app.state.run_watch = before


def _open(api: Api, port: int) -> tuple[HTTPConnection, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", _path(api), headers=api.mine.headers)
    answer = connection.getresponse()
    assert answer.readline() == b"retry: 2000\n"
    return connection, answer


def test_a_client_that_goes_away_is_dropped(sqlite_api: Api, watch: RunWatch) -> None:
    with _served() as (_, port):
        tabs = [_open(sqlite_api, port) for _ in range(3)]
        listening = watch.listening
        for connection, answer in tabs:
            answer.close()
            connection.close()

        wait_until(lambda: not watch.listening, seconds=10)
        assert (listening, watch.is_polling) == (3, False)


def test_a_process_that_is_asked_to_stop_does_not_wait_for_who_watches(sqlite_api: Api, watch: RunWatch) -> None:
    with _served() as (server, port):
        connection, answer = _open(sqlite_api, port)
        first = [answer.readline() for _ in range(5)]
        started = time.monotonic()
        watch.close()
        server.should_exit = True
        rest = answer.read()
        connection.close()

    assert len(_events(b"".join([*first, rest]).decode())) == 1
    assert time.monotonic() - started < 10
