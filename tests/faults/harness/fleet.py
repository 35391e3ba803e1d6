"""Owns processes of any number under fault: servers, workers, beats and APIs by name, each with its own surroundings.

A name is a kind and, of a second one, a number: `worker`, `worker2`. Never: ends anything it did not start.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import psutil

from pipeline.config import Config, load_config, use_config
from pipeline.engine.app import app, connect_to
from pipeline.local.broker import forget_socket
from pipeline.local.child import Child, ChildSpec
from pipeline.local.stack import beat_child, worker_child
from pipeline.local.web import web_child
from tests.faults.harness import JOURNAL_VARIABLE
from tests.faults.harness.backends import Backend, backend
from tests.faults.harness.processes import ROOT, SHORT_TIMES
from tests.faults.harness.provider_journal import ProviderJournal
from tests.support.processes import wait_until

_KINDS: Final[Mapping[str, Callable[[Config], ChildSpec]]] = {
    "worker": worker_child,
    "beat": beat_child,
    "web": web_child,
}


class Fleet:
    """The processes. Use `fleet`."""

    def __init__(self, config: Config, standing_on: Backend) -> None:
        """`config` is how the test reaches everything, its servers those of the backend."""
        self.config = config
        self.backend = standing_on
        #: How its processes reach everything: through a bad network, perhaps.
        self.seen = config
        self.journal = ProviderJournal(config.home / "journal")
        self._children: dict[str, Child] = {}
        #: Variables of one process, by its name.
        self.environs: dict[str, dict[str, str]] = {}
        #: Where the code of a process is, where that is not this tree.
        self.roots: dict[str, Path] = {}

    def start(self, *names: str) -> None:
        """Start these side by side and wait until they do their work; fails with their last lines."""
        self.start_soon(*names)
        for name in names:
            self._children[name].wait_ready()

    def start_soon(self, *names: str) -> None:
        """Start these and wait for nothing."""
        for name in names:
            self._children[name] = Child(self._spec(name), logs=self.config.home / "logs")

    def pid(self, name: str) -> int:
        """The process id of the program itself."""
        pid = wait_until(lambda: self._children[name].pid)
        assert pid is not None
        return pid

    def kill(self, *names: str) -> None:
        """Kill -9 exactly these programs, all before any of them is waited for."""
        pids = [self.pid(name) for name in names]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for name in names:
            assert self._ended(name) == 128 + signal.SIGKILL, self.tails()

    def terminate(self, name: str, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and wait until it has: its exit code."""
        os.kill(self.pid(name), number)
        return self._ended(name)

    def died(self) -> list[str]:
        """Those that ended by themselves: nobody ended them."""
        return [name for name, child in self._children.items() if child.exit_code() is not None]

    def tails(self) -> str:
        """The last lines of each, for a failure's message."""
        return "\n".join(f"--- {name}\n{child.tail()}" for name, child in self._children.items())

    def stop(self) -> None:
        """Kill all that is left, the last started first, and see that nothing of it lives."""
        left = [psutil.Process(child.pid) for child in self._children.values() if child.pid]
        for child in reversed(self._children.values()):
            child.kill()
        self._children.clear()
        assert not any(process.is_running() for process in left)

    def _ended(self, name: str) -> int:
        child = self._children[name]
        code = wait_until(lambda: None if child.exit_code() is None else (child.exit_code(),), seconds=60)
        assert code is not None
        del self._children[name]
        assert code[0] is not None
        return code[0]

    def _spec(self, name: str) -> ChildSpec:
        own = self.environs.get(name, {})
        if name in self.backend.servers:
            spec = self.backend.spec(name, self.config)
            return replace(spec, environ={**spec.environ, **own})
        kind = re.sub(r"\d+$", "", name)
        spec = _KINDS[kind](self.seen)
        root = self.roots.get(name, ROOT)
        environ = {**spec.environ, "PYTHONPATH": str(root), JOURNAL_VARIABLE: str(self.journal.path), **own}
        command = spec.command
        if kind == "worker":
            node = command[command.index("-n") + 1]
            command = tuple(word.replace("worker-", f"{name}-") if word == node else word for word in command)
            spec = replace(spec, ready=_answers_as(node.replace("worker-", f"{name}-")))
        if root != ROOT:  # Celery looks for an app where it is started.
            command = ("/bin/sh", "-c", 'cd "$0" && exec "$@"', str(root), *command)
        return replace(spec, name=name, command=command, environ=environ)


def _answers_as(node: str) -> Callable[[], bool]:
    def ready() -> bool:
        from pipeline.engine.app import workers_answering

        return node in workers_answering(node=node)

    return ready


@contextmanager
def fleet(
    home: Path,
    *,
    on: str = "embedded",
    seen: Mapping[str, str] | None = None,
    environs: Mapping[str, dict[str, str]] | None = None,
    **variables: str,
) -> Iterator[Fleet]:
    """The servers of the backend `on`, and no other process yet; this process is configured as they are.

    `seen`: variables that processes are given in the place of the test's own. `environs`: of one process or server.
    """
    standing_on = backend(on, home)
    own = {"IGNY8_HOME": str(home), "IGNY8_DATABASE_URL": standing_on.database_url, **SHORT_TIMES, **variables}
    if standing_on.broker_url is not None:
        own["IGNY8_BROKER_URL"] = standing_on.broker_url
    config = load_config(own)
    found = Fleet(config, standing_on)
    found.environs.update(environs or {})
    before = app.conf.broker_url
    use_config(config)
    try:
        for server in standing_on.servers:
            found.start(server)
        connect_to(config.broker_address)
        found.seen = load_config({**own, **(seen or {})})
        yield found
    finally:
        found.stop()
        forget_socket(home)
        connect_to(before)
        use_config(None)
