"""The units of systemd, started as they stand there: a run goes through, probes say so, and all stop when asked."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from pipeline.db.session import Database
from pipeline.models import Heartbeat
from pipeline.services.invariants import violations
from tests.support.commands import Commands, commands, plain_environ
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.processes import wait_until
from tests.support.redis_server import redis_server
from tests.system.deploy import files

pytestmark = pytest.mark.timeout(900)
_SETTINGS = (
    "delays.within_stage=0",
    "delays.between_stage=0",
    "stages.4.per_run_limit=2",
    "content.in_article_images=1",
)


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[Database]:
    found = Database(postgres.create_database(f"igny8_deploy_{os.getpid()}"))
    yield found
    found.dispose()


@pytest.fixture
def started(database: Database) -> Iterator[Commands]:
    with tempfile.TemporaryDirectory(prefix="igny8-", dir="/tmp") as home, redis_server() as broker:
        given = files.variables_of(files.DEPLOY / "systemd" / "igny8.env")
        here = {"IGNY8_HOME": home, "IGNY8_DATABASE_URL": database.url, "IGNY8_BROKER_URL": broker}
        assert set(here) < set(given)
        with commands(Path(home), {**plain_environ(), **given, **here}) as found:
            yield found


def _start_all(started: Commands, port: int) -> dict[str, files.Process]:
    """Whatever is to run on, each at a free port; `migrate` first."""
    processes = files.of_systemd()
    migrate = processes.pop("migrate")
    done = started.call(*migrate.arguments)
    assert done.returncode == 0, done.stderr
    ports = {"8000": str(port), "5555": str(free_port())}
    for process in processes.values():
        started.start(process.name, *(ports.get(word, word) for word in process.arguments))
    return processes


def test_the_units_do_a_run_and_stop_when_asked(started: Commands, database: Database) -> None:
    port = free_port()
    processes = _start_all(started, port)
    probes = {probe for process in files.of_kubernetes().values() for probe in process.probes if probe[0] == "igny8"}
    probes |= {("igny8", "doctor", "--web", f"http://127.0.0.1:{port}")}

    def are_ready() -> bool:
        assert started.ended() == [], started.tails()
        return all(started.call(*probe[1:]).returncode == 0 for probe in probes)

    wait_until(are_ready, seconds=180)
    _run(started)
    for name in processes:
        started.ask_to_stop(name)
    codes = {name: started.wait(name, seconds=process.grace_seconds) for name, process in processes.items()}

    # A server of HTTP ends by the signal that it was sent, when it is done: systemd takes both as clean.
    assert codes == {**dict.fromkeys(processes, 0), "web": -signal.SIGTERM}, started.tails()
    with database.reading() as session:
        assert violations(session) == []
        assert session.scalars(select(Heartbeat.name).where(Heartbeat.name.startswith("worker:"))).all() == []


def _run(started: Commands) -> None:
    keywords = [f"standing desk {end}" for end in ("height", "converter", "mat", "cable tray", "for two", "noise")]
    for arguments in (
        ("site", "add", "--name", "Desks", "--timezone", "UTC"),
        ("keywords", "add", "Desks", *keywords),
        ("settings", "set", "Desks", *_SETTINGS),
        ("run", "Desks"),
    ):
        done = started.call(*arguments)
        assert done.returncode == 0, done.stderr

    def ended() -> bool:
        assert started.ended() == [], started.tails()
        shown = json.loads(started.call("run-show", "1", "--json").stdout)
        assert shown["status"] in {"queued", "running", "completed"}, shown
        return bool(shown["status"] == "completed")

    wait_until(ended, seconds=180)
