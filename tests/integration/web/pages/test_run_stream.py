"""A run's page is kept true by a stream: made once for all who look, and for nobody who may not."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from pipeline.core.roles import Role
from pipeline.core.states import RunStatus
from pipeline.models import Run
from pipeline.services.run_progress import Watched
from pipeline.web.pages import run_stream
from pipeline.web.pages.run_stream import PageWatch, Parts, Seen
from tests.support.api import Api
from tests.support.console import browser, stranger


def _change(api: Api, **values: Any) -> None:
    with api.database.transaction() as session:
        session.execute(update(Run).where(Run.id == api.mine.run_id).values(**values))


def _path(api: Api, run_id: int | None = None) -> str:
    return f"/automation/runs/{run_id or api.mine.run_id}/events"


def _event(text: str) -> dict[str, str]:
    """The only event of a stream; its data put together again."""
    (block,) = [block for block in text.split("\n\n") if "data: " in block]
    lines = [line.split(": ", 1) for line in block.split("\n")]
    return {**dict(lines), "data": "\n".join(value for name, value in lines if name == "data")}


def test_what_the_page_shows_is_what_is_sent(api: Api) -> None:
    client = browser(api)

    event = _event(client.get(_path(api)).text)

    page = client.get(f"/automation/runs/{api.mine.run_id}").text
    assert event["event"] == "parts"
    assert f"<h1>Run {api.mine.run_id} " in event["data"]
    for line in event["data"].splitlines():
        assert line.strip() in page or "Elapsed" in line or "Time left" in line


def test_the_last_event_says_that_nothing_follows(api: Api) -> None:
    client = browser(api)
    _change(api, status=RunStatus.COMPLETED)

    event = _event(client.get(_path(api)).text)

    assert event["event"] == "ended"
    assert client.get(_path(api), headers={"Last-Event-ID": event["id"]}).status_code == 204


def test_nobody_is_sent_what_is_not_theirs(api: Api) -> None:
    assert browser(api).get(_path(api, api.other.run_id)).status_code == 404
    assert stranger(api).get(_path(api)).headers["location"].startswith("/login?next=")
    nowhere = browser(api, Role.VIEWER, site_ids=[])
    assert nowhere.get(_path(api)).status_code == 404


def test_who_may_not_change_a_run_is_sent_no_buttons(sqlite_api: Api) -> None:
    viewer = _event(browser(sqlite_api, Role.VIEWER).get(_path(sqlite_api)).text)
    editor = _event(browser(sqlite_api, Role.EDITOR).get(_path(sqlite_api)).text)

    assert ("data-act=" in viewer["data"], "data-act=" in editor["data"]) == (False, True)


def test_parts_are_made_once_for_all_who_look(sqlite_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    parts_of = run_stream.parts_of
    monkeypatch.setattr(run_stream, "parts_of", lambda *given, **named: made.append(1) or parts_of(*given, **named))
    seen = Seen(Watched(sqlite_api.mine.account_id, sqlite_api.mine.run_id), may_edit=True)
    watch = PageWatch(lambda: sqlite_api.database, tick_seconds=0.02)
    first = _look(sqlite_api, watch, seen, known={})
    heard: list[list[bytes]] = [[] for _ in range(40)]

    async def read(into: list[bytes]) -> None:
        into.extend([chunk async for chunk in watch.listen(seen, first, last_id=first.id)])

    async def look_on() -> None:
        tabs = [asyncio.create_task(read(each)) for each in heard]
        await asyncio.sleep(0.2)
        await asyncio.to_thread(_change, sqlite_api, status=RunStatus.COMPLETED)
        await asyncio.wait_for(asyncio.gather(*tabs), 20)

    asyncio.run(look_on())

    assert len(made) == 2
    assert {b"".join(each).count(b"event: ended") for each in heard} == {1}


def test_parts_that_could_not_be_made_once_are_sent_at_the_next_tick(
    sqlite_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen(Watched(sqlite_api.mine.account_id, sqlite_api.mine.run_id), may_edit=True)
    watch = PageWatch(lambda: sqlite_api.database, tick_seconds=0.02)
    first = _look(sqlite_api, watch, seen, known={})
    parts_of, failing = run_stream.parts_of, ["once"]

    def break_once(*given: Any, **named: Any) -> dict[str, Any]:
        if failing:
            raise KeyError(failing.pop())
        return parts_of(*given, **named)

    monkeypatch.setattr(run_stream, "parts_of", break_once)
    _change(sqlite_api, status=RunStatus.COMPLETED)

    async def read() -> list[bytes]:
        return [chunk async for chunk in watch.listen(seen, first, last_id=first.id)]

    heard = asyncio.run(asyncio.wait_for(read(), 20))

    assert failing == []
    assert b"".join(heard).count(b"event: ended") == 1


def test_a_run_that_is_no_further_is_not_made_again(sqlite_api: Api) -> None:
    seen = Seen(Watched(sqlite_api.mine.account_id, sqlite_api.mine.run_id), may_edit=True)
    watch = PageWatch(lambda: sqlite_api.database)
    first = _look(sqlite_api, watch, seen, known={})

    assert _look(sqlite_api, watch, seen, known={seen: first}) is first
    _change(sqlite_api, status=RunStatus.PAUSED)
    again = _look(sqlite_api, watch, seen, known={seen: first})
    assert (again.id != first.id, "Resume" in again.html) == (True, True)


def test_what_is_expected_is_found_out_anew_after_a_while_for_one_run_a_look(sqlite_api: Api) -> None:
    watched = Watched(sqlite_api.mine.account_id, sqlite_api.mine.run_id)
    both = [Seen(watched, may_edit=True), Seen(watched, may_edit=False)]
    watch, now = PageWatch(lambda: sqlite_api.database), sqlite_api.database.now()

    def look(known: dict[Seen, Parts], seconds: float, reason: str) -> dict[Seen, Parts]:
        _change(sqlite_api, reason=reason)
        with sqlite_api.database.reading() as session:
            return watch.look(session, both, known=known, now=now + timedelta(seconds=seconds))

    first = look({}, 0, "a")
    soon = look(first, 10, "b")
    later = look(soon, 30, "c")
    latest = look(later, 31, "d")

    assert all("Time left" in parts.html for parts in first.values())
    assert [soon[seen].rest is first[seen].rest for seen in both] == [True, True]
    assert [later[seen].rest is first[seen].rest for seen in both] == [False, True]
    assert latest[both[0]].rest is later[both[0]].rest
    assert latest[both[1]].rest is not later[both[1]].rest


def test_a_run_that_does_not_go_on_promises_nothing(sqlite_api: Api) -> None:
    client, address = browser(sqlite_api), f"/automation/runs/{sqlite_api.mine.run_id}"
    told = {
        RunStatus.PAUSED: "Nothing new begins until somebody resumes the run.",
        RunStatus.CANCELLING: "Nothing new begins. What is being asked is kept when its answer comes",
        RunStatus.COMPLETED: "No run is scheduled.",
    }

    assert "Time left" in client.get(address).text
    for status, sentence in told.items():
        _change(sqlite_api, status=status)
        html = client.get(address).text
        assert sentence in html
        for promise in ("Time left", "more credits are expected", "after stage"):
            assert promise not in html, (status, promise)


def _look(api: Api, watch: PageWatch, seen: Seen, *, known: dict[Seen, Parts]) -> Parts:
    with api.database.reading() as session:
        return watch.look(session, [seen], known=known, now=api.database.now())[seen]
