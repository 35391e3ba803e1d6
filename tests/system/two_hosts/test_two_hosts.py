"""Two hosts run one pipeline. One loses its network in its calls: the other finishes; healed, it does no harm."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from pipeline.config import load_config, use_config
from pipeline.core.states import CallStatus
from pipeline.db.migrate import upgrade
from pipeline.db.session import Database
from pipeline.engine.app import app, connect_to, workers_answering
from pipeline.models import Account, AiCall, Heartbeat, StageRun
from pipeline.services import accounts
from pipeline.services.invariants import violations
from tests.faults.harness.rows import differences, rows_of
from tests.faults.harness.sites import RunningSite, at_rest, describe, start_site
from tests.support.commands import Commands, commands, node_of, plain_environ
from tests.support.processes import wait_until
from tests.support.seven_stages import the_seven_stages
from tests.system.two_hosts.hosts import WORKING, Hosts, hosts

pytestmark = pytest.mark.timeout(900)

#: A cable that was pulled is noticed within 20 s, by whoever waits for an answer: then it is tried anew.
_NOTICED_SECONDS = 60
_PATIENCE_SECONDS = 150
_SHORT = {
    "IGNY8_LEASE_SECONDS": "3",
    "IGNY8_LEASE_RENEW_SECONDS": "1",
    "IGNY8_RESEND_SECONDS": "1",
    "IGNY8_RESEND_MAX_SECONDS": "2",
    "IGNY8_HELD_WAIT_SECONDS": "0.2",
    "IGNY8_DRAFT_AHEAD_SECONDS": "1",
    "IGNY8_STAGES": "tests.support.slow_stages",
    "IGNY8_TEST_LATENCY_SECONDS": "1",
}


@dataclass(frozen=True)
class Pipeline:
    """One installation on two hosts; the test sees its rows past every network."""

    hosts: Hosts
    database: Database
    home: Path
    started: Commands
    pids: dict[str, int]

    def asked(self, host: str) -> list[str]:
        """The keys of all requests that a host's worker has sent to the provider, in their order."""
        journal = self.home / f"journal-{host}"
        lines = journal.read_text("ascii").splitlines() if journal.exists() else []
        return [line.partition(" ")[0] for line in lines]

    def status_of(self, key: str) -> list[CallStatus]:
        """What became of the calls of that key."""
        with self.database.reading() as session:
            return list(session.scalars(select(AiCall.status).where(AiCall.key == key)))

    def sign_of(self, host: str) -> datetime:
        """When the host's worker was last there."""
        with self.database.reading() as session:
            name = f"worker:{socket.gethostname()}:{self.pids[host]}"
            return session.scalars(select(Heartbeat.at).where(Heartbeat.name == name)).one()

    def health(self, host: str) -> int:
        """What the host's API says to one who asks it there; 0: nothing within the patience of a probe."""
        code = (
            "import sys, urllib.request, urllib.error\n"
            "try:\n    print(urllib.request.urlopen(sys.argv[1], timeout=45).status)\n"
            "except urllib.error.HTTPError as error:\n    print(error.code)\n"
            "except OSError:\n    print(0)\n"
        )
        command = [*self.hosts.below(host), sys.executable, "-c", code, "http://127.0.0.1:8000/healthz"]
        return int(subprocess.run(command, capture_output=True, text=True, timeout=90, check=True).stdout)

    def wait(self, ask: Callable[[], object], what: str, *, seconds: float = _PATIENCE_SECONDS) -> None:
        """Wait until so; nothing may have ended by itself meanwhile."""

        def asked() -> object:
            assert self.started.ended() == [], self.started.tails()
            return ask()

        try:
            wait_until(asked, seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"{what}: {error}\n{self.started.tails()}") from None

    def wait_at_rest(self, sites: Sequence[RunningSite]) -> None:
        """Every run has ended and every article has its slot."""

        def resting() -> bool:
            with self.database.reading() as session:
                return len(at_rest(session, sites)) == len(sites)

        try:
            self.wait(resting, "not all runs have ended")
        except AssertionError as error:
            with self.database.reading() as session:
                told = "\n".join(describe(session, site) for site in sites)
            raise AssertionError(f"{told}\n{error}") from None

    def complaints(self) -> list[str]:
        """Every way in which the books are wrong, or the provider's own witness tells another story."""
        seen = Counter(key for host in WORKING for key in self.asked(host))
        with self.database.reading() as session:
            found = violations(session)
            held = session.scalar(select(func.sum(Account.held))), session.scalar(select(func.sum(StageRun.held)))
            calls = dict(session.execute(select(AiCall.key, func.count()).group_by(AiCall.key)).all())
            settled = session.scalars(select(AiCall.key).where(AiCall.status == CallStatus.SETTLED)).all()
        found += [f"at rest {held} is held"] if any(held) else []
        found += [f"asked {times} times, {calls.get(key, 0)} calls: {key}" for key, times in seen.items()
                  if times > calls.get(key, 0)]  # fmt: skip
        return found + [f"settled and never asked: {key}" for key in settled if key not in seen]


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    with hosts() as three, tempfile.TemporaryDirectory(prefix="igny8-", dir="/tmp") as name, the_seven_stages():
        own = {"IGNY8_HOME": name, **_SHORT}
        here = {"IGNY8_DATABASE_URL": three.database_url(), "IGNY8_BROKER_URL": three.broker_url()}
        config = load_config({**own, **here})
        before = app.conf.broker_url
        use_config(config)
        database = Database(config.database_url)
        try:
            upgrade(database)
            with database.transaction() as session:
                accounts.init_installation(session, now=database.now())
            connect_to(config.broker_address)
            with commands(Path(name), {**plain_environ(), **own}) as started:
                pids = {host: _start(three, host, started, Path(name)) for host in WORKING}
                found = Pipeline(three, database, Path(name), started, pids)
                nodes = {node_of("all", pid) for pid in pids.values()}
                found.wait(lambda: nodes <= set(workers_answering()), "the workers did not start")
                for host in WORKING:
                    found.wait(lambda host=host: found.health(host) == 200, "an API did not start")
                yield found
        finally:
            connect_to(before)
            use_config(None)
            database.dispose()


def _start(three: Hosts, host: str, started: Commands, home: Path) -> int:
    """Worker, beat and API of a host; the worker's process id."""
    environ = {
        "IGNY8_DATABASE_URL": three.database_url(host),
        "IGNY8_BROKER_URL": three.broker_url(host),
        "IGNY8_TEST_JOURNAL": str(home / f"journal-{host}"),
    }
    below = three.below(host)
    started.start(f"beat-{host}", "beat", below=below, environ=environ)
    started.start(f"web-{host}", "web", below=below, environ=environ)
    # nsenter becomes the program that it runs, and that one the worker.
    return started.start(f"worker-{host}", "worker", "--concurrency", "4", below=below, environ=environ)


def test_one_host_is_cut_off_and_the_other_finishes_the_work(pipeline: Pipeline) -> None:
    sites = [start_site(pipeline.database, "three lanes") for _ in range(2)]
    pipeline.wait(lambda: len(pipeline.asked("one")) > 2 and len(pipeline.asked("two")) > 2, "not both hosts work")

    key = _cut_off_in_a_call(pipeline)
    pipeline.wait_at_rest(sites)

    # The other host asked again what nobody could know the answer of; the one that was cut off knows nothing of it.
    assert CallStatus.LOST in pipeline.status_of(key)
    assert pipeline.complaints() == []
    assert pipeline.health("one") == 503
    assert pipeline.health("two") == 200

    cut_off_at = pipeline.sign_of("one")
    pipeline.hosts.heal("one")
    pipeline.wait(lambda: pipeline.sign_of("one") > cut_off_at, "the host did not come back")
    assert pipeline.complaints() == []

    # Alone, it does a run from its beginning to its end, and that leaves the rows of those that were disturbed.
    pipeline.started.ask_to_stop("worker-two")
    assert pipeline.started.wait("worker-two") == 0
    pipeline.started.kill("worker-two")
    undisturbed = start_site(pipeline.database, "three lanes")
    pipeline.wait_at_rest([undisturbed])
    assert pipeline.complaints() == []
    with pipeline.database.reading() as session:
        expected = rows_of(session, undisturbed.site_id)
        found = [line for site in sites for line in differences(expected, rows_of(session, site.site_id))]
    assert found == []
    assert pipeline.health("one") == 200


def _cut_off_in_a_call(pipeline: Pipeline) -> str:
    """Pull the cable of host one right after it has sent a request; the request's key."""
    before = len(pipeline.asked("one"))
    pipeline.wait(lambda: len(pipeline.asked("one")) > before, "the host sends nothing more")
    pipeline.hosts.cut("one")
    key = pipeline.asked("one")[-1]
    assert pipeline.status_of(key)[-1] is CallStatus.DISPATCHED, "the call was over before the cable was pulled"
    return key
