"""Owns an installation for tests of its workers: a database, a broker and beat run; the test starts the workers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from pipeline.config import load_config, use_config
from pipeline.core.states import CallStatus, RunStatus
from pipeline.db.migrate import upgrade
from pipeline.db.session import Database
from pipeline.engine.app import app, connect_to, workers_answering
from pipeline.local.broker import broker_child, forget_socket
from pipeline.local.child import Child
from pipeline.local.workers import QUEUES
from pipeline.models import AiCall, Run
from pipeline.services import accounts
from pipeline.services.invariants import violations
from tests.faults.harness.sites import RunningSite, at_rest, describe
from tests.support.commands import Commands, commands, node_of, plain_environ
from tests.support.processes import wait_until
from tests.support.seven_stages import the_seven_stages
from tests.support.sources import ROOT

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
        code: Path = ROOT,
    ) -> int:
        """Start a worker; it answers on the broker. Its process id."""
        given = ("--pool", pool, "--concurrency", str(at_once), "--queues", queues)
        pid = self.started.start(name, "worker", *given, environ=environ, code=code)
        node = node_of("all" if queues == _ALL else queues, pid)
        wait_until(lambda: node in workers_answering(node=node) or self._fail_where_ended(), seconds=120)
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
            wait_until(resting, seconds=150)
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
def installed(url: str | None, extra: dict[str, str] | None = None) -> Iterator[Installation]:
    """One for the length of the block; `extra` is more of its environment."""
    with tempfile.TemporaryDirectory(prefix="igny8-", dir="/tmp") as name, the_seven_stages():
        home = Path(name)
        own = {"IGNY8_HOME": name, "IGNY8_DATABASE_URL": url or f"sqlite:///{home}/igny8.db", **_SHORT, **(extra or {})}
        config = load_config(own)
        database = Database(config.database_url)
        upgrade(database)
        with database.transaction() as session:
            accounts.init_installation(session, now=database.now())
        before = app.conf.broker_url
        use_config(config)
        broker = Child(broker_child(config), logs=home / "logs")
        environ = {**plain_environ(), **own, "IGNY8_TEST_JOURNAL": str(home / "journal")}
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
