"""Owns the processes under fault: broker, worker and beat as children of the test, killed with -9 and started again.

Never: ends anything it did not start. A child's keeper kills it when the test itself is gone.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import psutil
import redis

from pipeline.config import Config, load_config, use_config
from pipeline.engine.app import app, connect_to
from pipeline.local.broker import broker_child, forget_socket, prepare_socket
from pipeline.local.child import Child, ChildSpec
from pipeline.local.stack import beat_child, worker_child
from tests.faults.harness import JOURNAL_VARIABLE
from tests.support.processes import wait_until

ROOT: Final = Path(__file__).parents[3]
#: In the order they are started in.
NAMES: Final = ("broker", "worker", "beat")
#: Leases and resends of a second or two, so that a death is noticed within the test.
SHORT_TIMES: Final = {
    "IGNY8_LEASE_SECONDS": "1.5",
    "IGNY8_LEASE_RENEW_SECONDS": "0.5",
    "IGNY8_RESEND_SECONDS": "1",
    "IGNY8_RESEND_MAX_SECONDS": "2",
    "IGNY8_HELD_WAIT_SECONDS": "0.2",
    # Nothing is drafted at a site meanwhile: publishing has tests of its own.
    "IGNY8_DRAFT_AHEAD_SECONDS": "1",
    # A death of an item alone costs an attempt: many deaths must not look like a bad item.
    "IGNY8_ITEM_ATTEMPTS": "20",
    "IGNY8_WORKER_THREADS": "8",
    "IGNY8_STAGES": "tests.faults.journaling_stages",
}


class Processes:
    """The three of them. Use `running_processes`."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.journal = config.home / "journal"
        self._children: dict[str, Child] = {}
        #: How often each was killed.
        self.kills = dict.fromkeys(NAMES, 0)

    def start(self, *names: str) -> None:
        """Start these, not waiting until they are ready."""
        for name in names:
            self._children[name] = Child(self._spec(name), logs=self.config.home / "logs")

    def wait_ready(self, *names: str) -> None:
        """Wait until these do their work; fails with their last lines."""
        for name in names:
            self._children[name].wait_ready()

    def kill(self, *names: str) -> None:
        """Kill -9 exactly these programs, all before any of them is waited for."""
        pids = {name: self._pid(name) for name in names}
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)
        for name in names:
            child = self._children[name]
            code = wait_until(child.exit_code)
            assert code == 128 + signal.SIGKILL, f"{name} ended with {code} before it was killed\n{self.tails()}"
            self.kills[name] += 1

    def _pid(self, name: str) -> int:
        pid = wait_until(lambda: self._children[name].pid)
        assert pid is not None
        return pid

    def restart(self, *names: str) -> None:
        """Start again what was killed: the broker at once, the others without waiting for each other."""
        ordered = [name for name in NAMES if name in names]
        self.start(*ordered)
        if "broker" in ordered:
            self.wait_ready("broker")

    def flush_broker(self) -> None:
        """FLUSHALL: the broker lives and has lost everything."""
        with self.broker_client() as client:
            client.flushall()

    def queued(self, queue: str) -> list[bytes]:
        """The messages of a queue that nobody took yet."""
        with self.broker_client() as client:
            return list(client.lrange(queue, 0, -1))

    def broker_client(self) -> redis.Redis:
        """A connection of its own."""
        return redis.Redis(unix_socket_path=str(prepare_socket(self.config.home)))

    def died(self) -> list[str]:
        """Those that ended by themselves: nobody killed them."""
        return [name for name, child in self._children.items() if child.exit_code() is not None]

    def tails(self) -> str:
        """The last lines of each, for a failure's message."""
        return "\n".join(f"--- {name} (killed {self.kills[name]} times)\n{self._tail(name)}" for name in NAMES)

    def _tail(self, name: str) -> str:
        return self._children[name].tail() if name in self._children else "(not started)"

    def stop(self) -> None:
        """Kill all that is left, the last started first, and see that nothing of it lives."""
        left = [psutil.Process(child.pid) for child in self._children.values() if child.pid]
        for child in reversed(self._children.values()):
            child.kill()
        self._children.clear()
        assert not any(process.is_running() for process in left)

    def _spec(self, name: str) -> ChildSpec:
        make = {"broker": broker_child, "worker": worker_child, "beat": beat_child}[name]
        spec = make(self.config)
        extra = {"PYTHONPATH": str(ROOT), JOURNAL_VARIABLE: str(self.journal)}
        return replace(spec, environ={**spec.environ, **extra})


@contextmanager
def running_processes(home: Path, *, database_url: str) -> Iterator[Processes]:
    """All three ready; this process is configured as they are, for the length of the block."""
    config = load_config({"IGNY8_HOME": str(home), "IGNY8_DATABASE_URL": database_url, **SHORT_TIMES})
    before = app.conf.broker_url
    processes = Processes(config)
    use_config(config)
    try:
        processes.start("broker")
        processes.wait_ready("broker")
        connect_to(config.broker_address)
        processes.start("worker", "beat")
        processes.wait_ready("worker", "beat")
        yield processes
    finally:
        processes.stop()
        forget_socket(home)
        connect_to(before)
        use_config(None)
