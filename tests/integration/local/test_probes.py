"""Probes of real processes: what lives, what cannot work now, and what is to be started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from celery import Celery
from sqlalchemy import select, update

from pipeline.config import Config, child_environ, load_config
from pipeline.db.session import Database
from pipeline.local.broker import broker_child
from pipeline.local.child import Child, ChildSpec
from pipeline.models import Base, Heartbeat
from tests.support.postgres import PostgresServer
from tests.support.processes import environ_of_home, wait_until
from tests.support.receivers import answering
from tests.support.sources import ROOT

pytestmark = pytest.mark.extended

NODE = "probed@here"


@dataclass
class Probed:
    """A home with a broker and a worker, and what probes say there."""

    settings: Config
    database: Database
    broker: Child
    worker: Child

    @property
    def pid(self) -> int:
        return wait_until(lambda: self.worker.pid) or 0

    def probe(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        command = [sys.executable, "-m", "pipeline.cli", "doctor", *arguments, "--json"]
        environ = environ_of_home(self.settings.home) | {"IGNY8_CANARY_SECONDS": str(self.settings.canary_seconds)}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, cwd=ROOT)
        return done.returncode, json.loads(done.stdout)

    def until(self, code: int, *arguments: str) -> dict[str, Any]:
        """What a probe says as soon as it exits with this code."""

        def said() -> dict[str, Any] | None:
            found, told = self.probe(*arguments)
            return told if found == code else None

        return wait_until(said, seconds=60) or {}

    def age(self, by: timedelta) -> None:
        """The signs of life are so much older."""
        with self.database.transaction() as session:
            for row in session.scalars(select(Heartbeat)):
                session.execute(update(Heartbeat).where(Heartbeat.name == row.name).values(at=row.at - by))


@contextmanager
def _probed(pool: str = "threads") -> Iterator[Probed]:
    # Its path is short: a socket lies below it.
    with tempfile.TemporaryDirectory(prefix="igny8-", dir="/tmp") as folder:
        settings = load_config({"IGNY8_HOME": folder, "IGNY8_CANARY_SECONDS": "1", "IGNY8_WORKER_THREADS": "2"})
        database = Database(settings.database_url)
        Base.metadata.create_all(database.engine)
        broker = Child(broker_child(settings), logs=settings.home / "logs")
        broker.wait_ready()
        options = ("-P", pool, "-c", "2", "-n", NODE, "-Q", "canary", "--without-mingle", "--without-gossip")
        spec = ChildSpec(
            name="worker",
            command=(sys.executable, "-m", "celery", "-A", "pipeline.worker", "worker", *options),
            environ=child_environ(settings),
            ready=lambda: True,
        )
        worker = Child(spec, logs=settings.home / "logs")
        found = Probed(settings, database, broker, worker)
        try:
            yield found
        finally:
            found.worker.kill()
            found.broker.kill()
            database.dispose()


@pytest.fixture(scope="module")
def probed() -> Iterator[Probed]:
    with _probed() as found:
        yield found


@pytest.fixture
def remote(probed: Probed) -> Iterator[Celery]:
    """An app that speaks to the worker."""
    with Celery(broker=probed.settings.broker_address) as app:
        yield app


def test_a_worker_that_has_nothing_to_do_is_ready_by_its_own_canary(probed: Probed) -> None:
    told = probed.until(0, "--worker")

    assert told["verdict"] == "ready"
    assert f":{probed.pid}: it executed something" in told["detail"]
    assert probed.probe("--worker", NODE)[0] == 0
    assert probed.probe("--worker", f"{os.uname().nodename}:{probed.pid}")[0] == 0


def test_of_a_worker_that_nobody_knows_nothing_is_said_but_that(probed: Probed) -> None:
    code, told = probed.probe("--worker", "elsewhere:1")

    assert (code, told["verdict"]) == (3, "not_ready")
    assert probed.probe("--worker", "elsewhere:1", "--live")[0] == 0


def test_a_worker_that_stands_still_is_to_be_started_again(probed: Probed) -> None:
    probed.until(0, "--worker")

    os.kill(probed.pid, signal.SIGSTOP)
    try:
        probed.age(timedelta(seconds=31))
        found = [probed.probe("--worker", *more)[0] for more in ([], [NODE], ["--live"])]
    finally:
        os.kill(probed.pid, signal.SIGCONT)

    assert found == [4, 4, 4]
    probed.until(0, "--worker")


def test_a_worker_that_lives_but_takes_nothing_is_to_be_started_again(probed: Probed, remote: Celery) -> None:
    probed.until(0, "--worker")
    queue = f"canary.{os.uname().nodename}.{probed.pid}"

    remote.control.cancel_consumer(queue, destination=[NODE], reply=True)
    told = probed.until(4, "--worker")
    remote.control.add_consumer(queue, destination=[NODE], reply=True)

    assert "it has taken nothing of what was sent to it since" in told["detail"]
    probed.until(0, "--worker")


def test_a_worker_whose_broker_is_away_is_not_started_again_for_that(probed: Probed) -> None:
    probed.until(0, "--worker")

    probed.broker.kill()
    told = probed.until(3, "--worker")
    alive = probed.probe("--worker", "--live")[0]
    probed.broker = Child(broker_child(probed.settings), logs=probed.settings.home / "logs")
    probed.broker.wait_ready()

    assert (told["detail"].partition(": ")[2], alive) == ("the broker does not answer it", 0)
    probed.until(0, "--worker")


def test_a_worker_that_is_asked_to_stop_leaves_neither_sign_nor_queue() -> None:
    with _probed() as found:
        found.until(0, "--worker")

        found.worker.stop()

        with found.database.reading() as session:
            assert session.scalars(select(Heartbeat.name)).all() == []
        with Celery(broker=found.settings.broker_address) as app, app.connection_for_read() as connection:
            client: Any = connection.channel().client
            assert [key for key in client.keys() if b"canary." in key] == []  # noqa: SIM118 - a client, no mapping.


def test_the_api_is_asked_where_it_listens(tmp_path: Path) -> None:
    """One that answers and is well; one that cannot read its database; none."""
    found = []
    for healthz in (200, 503):
        with answering({"/livez": 200, "/healthz": healthz}) as url:
            (tmp_path / "web.url").write_text(f"{url}\n")
            found.append(_probe(tmp_path, "--web"))
    found += [_probe(tmp_path, "--web"), _probe(tmp_path, "--web", "--live"), _probe(tmp_path, "--web", "127.0.0.1")]

    assert [code for code, _ in found] == [0, 3, 4, 4, 5]
    assert found[4][1].startswith("unknown: 127.0.0.1 is no address.")


@pytest.mark.parametrize(
    ("details", "age", "code"),
    [
        ({"broker_answers": True, "oldest_due_seconds": 3}, 4, 0),
        ({"broker_answers": False, "oldest_due_seconds": 3}, 4, 3),
        ({"broker_answers": True, "oldest_due_seconds": 601}, 4, 3),
        ({"broker_answers": True, "oldest_due_seconds": 3}, 31, 4),
    ],
)
def test_a_beat_is_judged_by_its_last_tick(
    postgres: PostgresServer, tmp_path: Path, details: dict[str, Any], age: int, code: int
) -> None:
    url = postgres.create_database(f"igny8_probes_{os.getpid()}")
    database = Database(url)
    Base.metadata.create_all(database.engine)
    with database.transaction() as session:
        at = database.now() - timedelta(seconds=age)
        session.add(Heartbeat(name="beat:somewhere:7", at=at, details=details))
    database.dispose()

    assert _probe(tmp_path, "--beat", "somewhere", database_url=url)[0] == code


def test_a_probe_imports_neither_models_nor_the_rest_of_the_command_line(tmp_path: Path) -> None:
    code = "import sys; from pipeline.cli import main; main(['doctor', '--worker']); print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environ_of_home(tmp_path),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )

    loaded = set(done.stdout.split())
    assert "pipeline.local.probes" in loaded
    assert loaded & {"sqlalchemy", "celery", "typer", "rich", "structlog", "fastapi", "pipeline.cli.app"} == set()


@pytest.mark.parametrize("arguments", [["--worker", "--beat"], ["--live"], ["somewhere"]])
def test_a_probe_is_of_one_kind(tmp_path: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "pipeline.cli", "doctor", *arguments]

    done = subprocess.run(command, env=environ_of_home(tmp_path), capture_output=True, text=True, check=False, cwd=ROOT)

    assert (done.returncode, "give --worker, --beat or --web" in done.stderr) == (2, True)


def _probe(home: Path, *arguments: str, database_url: str | None = None) -> tuple[int, str]:
    command = [sys.executable, "-m", "pipeline.cli", "doctor", *arguments]
    environ = environ_of_home(home) | ({} if database_url is None else {"IGNY8_DATABASE_URL": database_url})
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_worker_of_processes_is_judged_by_what_they_execute() -> None:
    with _probed("prefork") as found:
        told = found.until(0, "--worker")
        children = psutil.Process(found.pid).children()
        for child in children:
            child.suspend()
        stuck = found.until(4, "--worker")
        for child in children:
            child.resume()

        assert told["verdict"] == "ready"
        assert "it has taken nothing" in stuck["detail"]
        found.until(0, "--worker")


def test_where_there_is_no_database_nobody_can_say(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline.cli", "doctor", "--worker"]

    done = subprocess.run(command, env=environ_of_home(tmp_path), capture_output=True, text=True, check=False, cwd=ROOT)

    assert (done.returncode, done.stderr) == (5, "")
    assert done.stdout.startswith("unknown: the database cannot be read")
    assert list(tmp_path.iterdir()) == []
