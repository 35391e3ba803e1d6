"""Owns the processes under fault as children of the test: database, broker, worker, beat and API, killed and restarted.

Never: ends anything it did not start. A child's keeper kills it when the test itself is gone.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import psutil

from pipeline.config import Config, load_config, use_config
from pipeline.db.session import Database
from pipeline.engine.app import app, connect_to
from pipeline.local.broker import forget_socket
from pipeline.local.child import Child, ChildSpec
from pipeline.local.stack import beat_child, worker_child
from pipeline.local.web import web_child
from pipeline.models import Base
from pipeline.services import accounts
from tests.faults.harness import JOURNAL_VARIABLE
from tests.faults.harness.backends import Backend, backend
from tests.faults.harness.provider_journal import ProviderJournal
from tests.support.processes import wait_until

ROOT: Final = Path(__file__).parents[3]
#: In the order they are started in.
ORDER: Final = ("database", "broker", "worker", "beat", "web")
#: What every backend has, and is killed together.
NAMES: Final = ("broker", "worker", "beat")
_ENDED: Final = -1
_OWN: Final = {"worker": worker_child, "beat": beat_child, "web": web_child}
#: Leases and resends of a second or two, so that a death is noticed within the test.
SHORT_TIMES: Final = {
    "IGNY8_LEASE_SECONDS": "1.5",
    "IGNY8_LEASE_RENEW_SECONDS": "0.5",
    "IGNY8_RESEND_SECONDS": "1",
    "IGNY8_RESEND_MAX_SECONDS": "2",
    "IGNY8_HELD_WAIT_SECONDS": "0.2",
    # Nothing is drafted at a site ahead of its slot.
    "IGNY8_DRAFT_AHEAD_SECONDS": "1",
    # A death of an item alone costs an attempt, and so does one of a publisher: many must not look like a bad item.
    "IGNY8_ITEM_ATTEMPTS": "20",
    "IGNY8_PUBLISH_RETRY_MINUTES": ",".join("0" * 40),
    "IGNY8_LOOKUP_WINDOW_SECONDS": "1",
    # The sites are on loopback.
    "IGNY8_ALLOW_PRIVATE_SITES": "1",
    "IGNY8_WORKER_THREADS": "8",
    "IGNY8_STAGES": "tests.faults.journaling_stages",
}


class Processes:
    """All of them. Use `running_processes`."""

    def __init__(self, config: Config, standing_on: Backend) -> None:
        self.config = config
        self.backend = standing_on
        self.database = Database(config.database_url)
        self.journal = ProviderJournal(config.home / "journal")
        self._children: dict[str, Child] = {}
        #: Further variables of a child's environment, from its next start on.
        self.environ: dict[str, dict[str, str]] = {name: {} for name in ORDER}
        #: Whether each was started to kill itself at a failpoint.
        self.is_armed = dict.fromkeys(ORDER, False)
        #: How the worker runs its tasks: `threads`, or `prefork` with children of its own.
        self.pool = "threads"
        #: How often each was killed.
        self.kills = dict.fromkeys(ORDER, 0)

    def start(self, *names: str) -> None:
        """Start these, not waiting until they are ready."""
        for name in names:
            self._children[name] = Child(self._spec(name), logs=self.config.home / "logs")
            self.is_armed[name] = "IGNY8_FAILPOINT" in self.environ[name]

    def wait_ready(self, *names: str) -> None:
        """Wait until these do their work; fails with their last lines."""
        for name in names:
            self._children[name].wait_ready()

    def arm(self, name: str, failpoint: str | None) -> None:
        """From its next start on this child fails at that failpoint; None: at none."""
        self.environ[name].pop("IGNY8_FAILPOINT", None)
        if failpoint is not None:
            self.environ[name]["IGNY8_FAILPOINT"] = failpoint

    def kill(self, *names: str) -> None:
        """Kill -9 exactly these programs, all before any of them is waited for.

        One that is armed may have done so itself just now.
        """
        pids = {name: wait_until(lambda name=name: self._pid_or_end(name)) for name in names}
        for pid in pids.values():
            if pid != _ENDED:
                os.kill(pid, signal.SIGKILL)
        for name in names:
            self._expect(name, 128 + signal.SIGKILL)

    def wait_killed(self, name: str, *, seconds: float = 30.0) -> None:
        """Wait until this program has killed itself at its failpoint."""
        wait_until(lambda: self._children[name].exit_code() is not None, seconds=seconds)
        self._expect(name, 128 + signal.SIGKILL)

    def _expect(self, name: str, expected: int) -> None:
        code = wait_until(self._children[name].exit_code)
        assert code == expected, f"{name} ended with {code} before it was killed\n{self.tails()}"
        self.kills[name] += 1

    def _pid_or_end(self, name: str) -> int | None:
        return _ENDED if self._children[name].exit_code() is not None else self._children[name].pid

    def freeze(self, name: str) -> Callable[[], None]:
        """Stop a program where it stands; what lets it go on. Nothing happens to an armed one that has ended."""
        pid = wait_until(lambda: self._pid_or_end(name))
        if pid is None or pid == _ENDED:
            return lambda: None
        os.kill(pid, signal.SIGSTOP)
        return lambda: os.kill(pid, signal.SIGCONT)

    def pid(self, name: str) -> int:
        """The process id of the program itself."""
        pid = wait_until(lambda: self._children[name].pid)
        assert pid is not None
        return pid

    def is_running(self, name: str) -> bool:
        """Whether it was started and has not ended."""
        return name in self._children and self._children[name].exit_code() is None

    def forget(self, name: str) -> None:
        """What ended is not missed from now on."""
        assert not self.is_running(name)
        del self._children[name]

    def end(self, name: str, number: signal.Signals) -> None:
        """Ask one to end by that signal, and wait until it has."""
        os.kill(self.pid(name), number)
        wait_until(lambda: self._children[name].exit_code() is not None, seconds=60)

    def stop_child(self, name: str) -> None:
        """Ask one to stop, as a service manager does, and wait for its end."""
        self._children[name].stop()

    def restart(self, *names: str) -> None:
        """Start again what ended: servers at once, the others without waiting for each other."""
        ordered = [name for name in ORDER if name in names]
        self.start(*ordered)
        self.wait_ready(*(name for name in ordered if name in self.backend.servers))

    def flush_broker(self) -> None:
        """The broker lives and has lost everything."""
        self.backend.flush()

    def queued(self, queue: str) -> int:
        """How many messages of a queue nobody took yet."""
        return self.backend.queued(queue)

    def died(self) -> list[str]:
        """Those that ended by themselves: nobody killed them."""
        return [name for name, child in self._children.items() if child.exit_code() is not None]

    def was_killed(self, name: str) -> bool:
        """Whether SIGKILL ended it."""
        return self._children[name].exit_code() == 128 + signal.SIGKILL

    def tail(self, name: str) -> str:
        """The last lines of one."""
        return self._children[name].tail()

    def tails(self) -> str:
        """The last lines of each, for a failure's message."""
        return "\n".join(
            f"--- {name} (killed {self.kills[name]} times)\n{child.tail()}" for name, child in self._children.items()
        )

    def stop(self) -> None:
        """Kill all that is left, the last started first, and see that nothing of it lives."""
        left = [psutil.Process(child.pid) for child in self._children.values() if child.pid]
        for child in reversed(self._children.values()):
            child.kill()
        self._children.clear()
        assert not any(process.is_running() for process in left)

    def _spec(self, name: str) -> ChildSpec:
        if name in self.backend.servers:
            return self.backend.spec(name, self.config)
        spec = _OWN[name](self.config)
        extra = {"PYTHONPATH": str(ROOT), JOURNAL_VARIABLE: str(self.journal.path), **self.environ[name]}
        command = tuple(self.pool if word == "threads" else word for word in spec.command)
        return replace(spec, command=command, environ={**spec.environ, **extra})


def _install(database: Database) -> None:
    """Make what `igny8 init` makes."""
    Base.metadata.create_all(database.engine)
    with database.transaction() as session:
        accounts.init_installation(session, now=database.now())


@contextmanager
def running_processes(
    home: Path,
    *,
    on: str = "embedded",
    times: Mapping[str, str] | None = None,
    names: tuple[str, ...] = ("worker", "beat"),
    pool: str = "threads",
) -> Iterator[Processes]:
    """The servers of the backend `on` and these, all ready; this process is configured as they are.

    `times`: settings beside SHORT_TIMES. `pool`: how the worker runs its tasks, `threads` or `prefork`. The database
    is a new installation's.
    """
    home.mkdir(exist_ok=True)
    standing_on = backend(on, home)
    settings = {"IGNY8_HOME": str(home), "IGNY8_DATABASE_URL": standing_on.database_url, **SHORT_TIMES, **(times or {})}
    if standing_on.broker_url is not None:
        settings["IGNY8_BROKER_URL"] = standing_on.broker_url
    config = load_config(settings)
    before = app.conf.broker_url
    use_config(config)
    processes = Processes(config, standing_on)
    processes.pool = pool
    try:
        processes.restart(*standing_on.servers)
        connect_to(config.broker_address)
        _install(processes.database)
        processes.start(*names)
        processes.wait_ready(*names)
        yield processes
    finally:
        processes.stop()
        processes.database.dispose()
        forget_socket(home)
        connect_to(before)
        use_config(None)
