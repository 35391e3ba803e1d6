"""Owns the figure of live runs: two hundred people who watch twenty of them on one web process."""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx2
import psutil
from sqlalchemy import insert, select, update

from benchmarks.figures import Figure, rounded
from benchmarks.worlds import LOCAL_SET, make_world
from pipeline.core.roles import Role
from pipeline.core.states import ItemStatus, RunStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.models import Run, Site, StageItem, StageRun
from pipeline.services import log_ins, runs, users
from pipeline.web.cookies import COOKIE
from tests.support.postgres import postgres_server
from tests.support.processes import wait_until

_RUNS: Final = 20
_ITEMS: Final = 500
#: How often every run is further, in seconds; the watch looks as often.
_STEP: Final = 1.0
_ANOTHER_PAGE: Final = "/planner/clusters"


def figures(*, quick: bool) -> Iterator[Figure]:
    """Seconds from a commit until 95 of 100 watchers were sent what the page then shows; and what that costs."""
    watchers, steps = (20, 3) if quick else (200, 20)
    with postgres_server(durable=True) as server, tempfile.TemporaryDirectory(prefix="igny8-bench-") as home:
        database = Database(server.create_database("watchers"))
        run_ids, cookie = _made(database)
        with _served(home, str(database.engine.url.render_as_string(hide_password=False))) as (process, port):
            seen = asyncio.run(_watched(database, run_ids, cookie, port, process, watchers=watchers, steps=steps))
        database.dispose()
    delays, pages = sorted(seen["delays"]), sorted(seen["pages"])
    more: dict[str, Any] = {
        "median": rounded(statistics.median(delays)),
        "cpu_seconds_a_second": rounded(seen["cpu"]),
        "sent_of_steps": rounded(len(delays) / (watchers * steps)),
        "another_page_p95_ms": rounded(pages[len(pages) * 95 // 100] * 1_000),
        "peak_mb": seen["peak_mb"],
    }
    name = f"{watchers} watch {_RUNS} live runs on one process, from commit to page, p95"
    yield Figure(name, "seconds", [delays[len(delays) * 95 // 100]], more=more)


async def _watched(
    database: Database,
    run_ids: list[int],
    cookie: str,
    port: int,
    process: psutil.Process,
    *,
    watchers: int,
    steps: int,
) -> dict[str, Any]:
    heard: list[tuple[int, int, float]] = []
    tabs = [
        asyncio.create_task(_listen(port, run_ids[number % len(run_ids)], cookie, heard)) for number in range(watchers)
    ]
    while len(heard) < watchers:  # noqa: ASYNC110 - the list is what everybody adds to
        await asyncio.sleep(0.05)
    heard.clear()
    committed: dict[int, float] = {}
    pages: list[float] = []
    before, began = process.cpu_times(), time.monotonic()
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers={"Cookie": cookie}) as client:
        for step in range(1, steps + 1):
            await asyncio.to_thread(_further, database, run_ids, step)
            committed[step] = time.monotonic()
            asked = time.monotonic()
            (await client.get(_ANOTHER_PAGE)).raise_for_status()
            pages.append(time.monotonic() - asked)
            await asyncio.sleep(max(0.0, committed[step] + _STEP - time.monotonic()))
    await asyncio.sleep(2 * _STEP)
    spent = process.cpu_times()
    cpu = (spent.user + spent.system - before.user - before.system) / (time.monotonic() - began)
    peak = process.memory_info().rss / 1e6
    for tab in tabs:
        tab.cancel()
    await asyncio.gather(*tabs, return_exceptions=True)
    delays = [at - committed[done] for _, done, at in heard if done in committed]
    return {"delays": delays, "pages": pages, "cpu": cpu, "peak_mb": rounded(peak)}


async def _listen(port: int, run_id: int, cookie: str, heard: list[tuple[int, int, float]]) -> None:
    """Read a stream; note how many items of stage 1 each of its events says are done."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
    head = f"GET /automation/runs/{run_id}/events HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n"
    writer.write(head.encode())
    await writer.drain()
    with suppress(asyncio.CancelledError, asyncio.IncompleteReadError):
        while True:
            event = await reader.readuntil(b"\n\n")
            if b"event: parts" in event:
                done = event.split(b'class="stage-count num">', 1)[1].split(b" of ", 1)[0]
                heard.append((run_id, int(done), time.monotonic()))
    writer.close()


def _further(database: Database, run_ids: list[int], step: int) -> None:
    """One more item of every run is done."""
    first = select(StageRun.id).where(StageRun.run_id.in_(run_ids), StageRun.number == 1)
    done = update(StageItem).where(StageItem.stage_run_id.in_(first), StageItem.position == step)
    with database.transaction() as session:
        session.execute(done.values(status=ItemStatus.DONE))


def _made(database: Database) -> tuple[list[int], str]:
    """Runs that are running, with items that wait, and the cookie of who may look at them."""
    site_ids = make_world(database, LOCAL_SET, site_count=_RUNS, items=1)
    now = database.now()
    with database.transaction() as session:
        sites = [session.get_one(Site, site_id) for site_id in site_ids]
        started = [runs.start(session, site=site, now=now) for site in sites]
        session.execute(update(Run).values(status=RunStatus.RUNNING, started_at=now))
        session.execute(update(StageRun).where(StageRun.number == 1).values(status=StageRunStatus.RUNNING))
        first = session.scalars(select(StageRun.id).where(StageRun.number == 1)).all()
        session.execute(
            insert(StageItem),
            [
                {
                    "stage_run_id": stage_run_id,
                    "position": position,
                    "subject_id": position,
                    "status": ItemStatus.PENDING,
                }
                for stage_run_id in first
                for position in range(1, _ITEMS + 1)
            ],
        )
        account_id = sites[0].account_id
        user = users.add(session, account_id=account_id, email="ada@example.com", role=Role.OWNER, now=now)
        token = log_ins.begin(session, user, now=now).token
    return [each.run_id for each in started if each.run_id is not None], f"{COOKIE}={token}"


@contextmanager
def _served(home: str, database_url: str) -> Iterator[tuple[psutil.Process, int]]:
    """The web process as people start it; killed at the end."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {**os.environ, "IGNY8_HOME": home, "IGNY8_DATABASE_URL": database_url, "IGNY8_REQUESTS_A_MINUTE": "0"}
    command = [sys.executable, "-m", "pipeline.asgi", "--port", str(port)]
    with (Path(home) / "web.log").open("wb") as log, subprocess.Popen(command, env=environ, stderr=log) as child:
        try:
            wait_until(lambda: _answers(port), seconds=30)
            yield psutil.Process(child.pid), port
        finally:
            child.kill()


def _answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/livez").status_code == httpx2.codes.OK
    except httpx2.TransportError:
        return False
