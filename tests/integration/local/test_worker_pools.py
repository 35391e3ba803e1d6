"""A worker whose pool is made of processes: they share no connection, work on a run, stop when asked, and may die."""

from __future__ import annotations

import os
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from pipeline.config import load_config, use_config
from pipeline.core.errors import InvalidValueError
from pipeline.core.states import CallStatus, RunStatus
from pipeline.db.migrate import upgrade
from pipeline.db.session import Database
from pipeline.engine.app import app, connect_to, workers_answering
from pipeline.local.broker import broker_child, forget_socket
from pipeline.local.child import Child
from pipeline.local.workers import QUEUES, Pool, chosen_queues, worker_arguments
from pipeline.models import AiCall, Lane, Run, StageItem
from pipeline.services import accounts
from pipeline.services.invariants import violations
from tests.faults.harness.sites import RunningSite, at_rest, describe, start_site
from tests.support.commands import Commands, commands, node_of, plain_environ
from tests.support.postgres import PostgresServer
from tests.support.processes import wait_until
from tests.support.seven_stages import the_seven_stages

_ALL = ",".join(QUEUES)
_SHORT = {
    "IGNY8_LEASE_SECONDS": "2",
    "IGNY8_LEASE_RENEW_SECONDS": "0.5",
    "IGNY8_RESEND_SECONDS": "1",
    "IGNY8_RESEND_MAX_SECONDS": "2",
    "IGNY8_HELD_WAIT_SECONDS": "0.2",
    "IGNY8_DRAFT_AHEAD_SECONDS": "1",
    "IGNY8_STAGES": "tests.support.slow_stages",
}


@dataclass
class Installation:
    """A database, a broker and beat; the test starts the workers."""

    database: Database
    home: Path
    started: Commands

    @property
    def requests(self) -> list[tuple[str, int]]:
        """The key of each request that the provider got, and the process that sent it."""
        journal = self.home / "journal"
        lines = journal.read_text("ascii").splitlines() if journal.exists() else []
        return [(key, int(pid)) for key, _, pid in (line.rpartition(" ") for line in lines)]

    def worker(
        self,
        name: str,
        *,
        queues: str = _ALL,
        pool: str = "prefork",
        at_once: int = 2,
        environ: dict[str, str] | None = None,
    ) -> int:
        """Start a worker; it answers on the broker. Its process id."""
        given = ("--pool", pool, "--concurrency", str(at_once), "--queues", queues)
        pid = self.started.start(name, "worker", *given, environ=environ)
        node = node_of("all" if queues == _ALL else queues, pid)
        wait_until(lambda: node in workers_answering(node=node) or self._fail_where_ended(), seconds=60)
        return pid

    def _fail_where_ended(self) -> None:
        assert not self.started.ended(), self.started.tails()

    def wait_at_rest(self, sites: Sequence[RunningSite]) -> None:
        """Every run has ended, each article has its slot, and the books are right."""

        def resting() -> bool:
            self._fail_where_ended()
            with self.database.reading() as session:
                return len(at_rest(session, sites)) == len(sites)

        try:
            wait_until(resting, seconds=90)
        except AssertionError as error:
            with self.database.reading() as session:
                told = "\n".join(describe(session, site) for site in sites)
            raise AssertionError(f"{error}\n{told}\n{self.started.tails()}") from None
        with self.database.reading() as session:
            ended = set(session.scalars(select(Run.status).where(Run.id.in_([site.run_id for site in sites]))))
            assert ended == {RunStatus.COMPLETED}
            assert violations(session) == []

    def count(self, status: CallStatus) -> int:
        """How many calls are so."""
        with self.database.reading() as session:
            return session.scalar(select(func.count()).where(AiCall.status == status)) or 0


@contextmanager
def _installation(url: str | None, extra: dict[str, str]) -> Iterator[Installation]:
    with tempfile.TemporaryDirectory(prefix="igny8-", dir="/tmp") as name, the_seven_stages():
        home = Path(name)
        own = {"IGNY8_HOME": name, "IGNY8_DATABASE_URL": url or f"sqlite:///{home}/igny8.db", **_SHORT, **extra}
        config = load_config(own)
        database = Database(config.database_url)
        upgrade(database)
        with database.transaction() as session:
            accounts.init_installation(session, now=database.now())
        before = app.conf.broker_url
        use_config(config)
        broker = Child(broker_child(config), logs=home / "logs")
        environ = {**plain_environ(), **own, "IGNY8_TEST_JOURNAL": str(home / "journal"), **extra}
        try:
            broker.wait_ready()
            connect_to(config.broker_address)
            with commands(home, environ) as started:
                started.start("beat", "beat")
                yield Installation(database, home, started)
        finally:
            broker.kill()
            forget_socket(home)
            connect_to(before)
            use_config(None)
            database.dispose()


@pytest.fixture(params=("sqlite", pytest.param("postgresql", marks=pytest.mark.extended)))
def installation(request: pytest.FixtureRequest) -> Iterator[Installation]:
    """One on each database."""
    url = None
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.create_database(f"igny8_pools_{os.getpid()}")
    with _installation(url, {}) as found:
        yield found


def test_processes_for_all_that_computes_and_threads_for_all_that_waits(installation: Installation) -> None:
    installation.worker("computes", queues="control,local")
    threads = installation.worker("waits", queues="text,image,publish,canary", pool="threads", at_once=4)

    installation.wait_at_rest([start_site(installation.database, "three lanes")])

    assert {pid for _, pid in installation.requests} == {threads}


def test_calls_of_several_processes_and_one_of_them_killed(installation: Installation) -> None:
    worker = installation.worker("worker", at_once=3)
    site = start_site(installation.database, "three lanes")
    asked = wait_until(lambda: [pid for _, pid in installation.requests if pid != worker])

    os.kill(asked[-1], signal.SIGKILL)
    installation.wait_at_rest([site])

    keys = Counter(key for key, _ in installation.requests)
    senders = {pid for _, pid in installation.requests}
    assert worker not in senders
    assert len(senders) > 1
    assert max(keys.values()) <= 2
    # Another one came in its place, forked while the worker's own threads ran, and does its work.
    second = start_site(installation.database, "one lane")
    installation.wait_at_rest([second])
    assert asked[-1] not in installation.started.children("worker")
    assert len(installation.started.children("worker")) >= 3


def test_a_worker_that_is_asked_to_stop_tells_its_processes() -> None:
    # A slice of ten minutes: only what they are told ends it sooner.
    extra = {"IGNY8_SLICE_SECONDS": "600", "IGNY8_TEST_LATENCY_SECONDS": "2", "IGNY8_LEASE_SECONDS": "10"}
    with _installation(None, extra) as installation:
        installation.worker("first")
        site = start_site(installation.database, "one lane")  # three questions, or more, in its first stage.
        wait_until(lambda: installation.requests)

        installation.started.ask_to_stop("first")

        assert installation.started.wait("first", seconds=30) == 0
        assert len(installation.requests) == 1
        with installation.database.reading() as session:
            held = session.scalar(select(func.count()).where(Lane.lease_until.is_not(None)))
            attempts = session.scalar(select(func.max(StageItem.attempts)))
        assert installation.count(CallStatus.LOST) == 0
        assert installation.count(CallStatus.DISPATCHED) == 0
        assert held == 0
        assert attempts == 0
        installation.started.kill("first")
        installation.worker("second", environ={"IGNY8_TEST_LATENCY_SECONDS": "0.05"})
        installation.wait_at_rest([site])
        assert installation.count(CallStatus.LOST) == 0


@pytest.mark.extended
def test_a_process_that_hangs_is_ended_in_time(tmp_path: Path) -> None:
    extra = {"IGNY8_VISIBILITY_TIMEOUT_SECONDS": "4", "IGNY8_TEST_HANG": str(tmp_path / "hung")}
    with _installation(None, extra) as installation:
        installation.worker("worker")
        site = start_site(installation.database, "one lane")
        hung = wait_until(lambda: installation.requests)[0]

        installation.wait_at_rest([site])

        assert (tmp_path / "hung").exists()
        assert hung[1] not in installation.started.children("worker")
        assert installation.count(CallStatus.LOST) == 1


def test_a_queue_that_nobody_writes_to_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="no queue 'texts'"):
        chosen_queues("control,texts")

    assert chosen_queues(" text, image,text") == ("text", "image")
    assert chosen_queues(None) == chosen_queues(",") == QUEUES


def test_threads_are_never_given_a_time_that_they_cannot_keep() -> None:
    config = load_config({"IGNY8_VISIBILITY_TIMEOUT_SECONDS": "900", "IGNY8_WORKER_THREADS": "7"})

    threads = worker_arguments(config, node="n", queues=("text",))
    prefork = worker_arguments(config, node="n", queues=("local",), pool=Pool.PREFORK, at_once=3)

    assert threads[threads.index("-c") + 1] == "7"
    assert "--time-limit" not in threads
    assert prefork[prefork.index("--time-limit") + 1] == "900.0"
    assert prefork[prefork.index("-c") + 1] == "3"
