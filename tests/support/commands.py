"""Owns long-running commands of the product as children of a test: `igny8 worker`, `beat`, `web`, started one by one.

Never: ends anything it did not start.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.support.sources import ROOT


class Commands:
    """What was started, by name. Use `commands`."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        """`folder` takes their logs."""
        self._folder = folder
        self._environ = environ
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self,
        name: str,
        *arguments: str,
        below: Sequence[str] = (),
        code: Path = ROOT,
        environ: Mapping[str, str] | None = None,
    ) -> int:
        """Start `igny8 ARGUMENTS`; its process id. `below`: what runs it; `code`: where its packages are."""
        folder = self._folder / "logs"
        folder.mkdir(exist_ok=True)
        with (folder / f"{name}.log").open("ab") as log:
            self._started[name] = subprocess.Popen(
                [*below, sys.executable, "-m", "pipeline.cli", *arguments],
                env={**self._environ, **_finding(code), **(environ or {})},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self._started[name].pid

    def call(
        self, *arguments: str, below: Sequence[str] = (), code: Path = ROOT, seconds: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run `igny8 ARGUMENTS` to its end."""
        return subprocess.run(
            [*below, sys.executable, "-m", "pipeline.cli", *arguments],
            env={**self._environ, **_finding(code)},
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def children(self, name: str) -> list[int]:
        """The process ids below it: a pool's."""
        return [child.pid for child in psutil.Process(self._started[name].pid).children(recursive=True)]

    def ask_to_stop(self, name: str) -> None:
        """SIGTERM, to this process alone."""
        self._started[name].send_signal(signal.SIGTERM)

    def wait(self, name: str, *, seconds: float = 60) -> int:
        """Its exit code; fails where it does not end."""
        try:
            return self._started[name].wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{name} did not end within {seconds} s\n{self.tail(name)}") from None

    def kill(self, name: str) -> None:
        """Kill -9, all that is below it too."""
        process = self._started.pop(name)
        below: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):
            below = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        for child in below:
            with suppress(psutil.NoSuchProcess):
                child.kill()

    def ended(self) -> list[str]:
        """Those that do not run any more."""
        return [name for name, process in self._started.items() if process.poll() is not None]

    def tail(self, name: str, *, characters: int = 4_000) -> str:
        """Its last lines."""
        return (self._folder / "logs" / f"{name}.log").read_text("utf-8", errors="replace")[-characters:]

    def tails(self) -> str:
        """The last lines of all, for a failure's message."""
        return "\n".join(f"--- {name}\n{self.tail(name)}" for name in self._started)

    def kill_all(self) -> None:
        """Kill -9 whatever is left, the last started first."""
        for name in reversed(list(self._started)):
            self.kill(name)


def _finding(code: Path) -> dict[str, str]:
    """The packages of that code before those of this tree, which has the tests."""
    return {"PYTHONPATH": os.pathsep.join(dict.fromkeys((str(code), str(ROOT))))}


@contextmanager
def commands(folder: Path, environ: Mapping[str, str]) -> Iterator[Commands]:
    """Commands for the length of the block."""
    started = Commands(folder, environ)
    try:
        yield started
    finally:
        started.kill_all()


def node_of(queues: str, pid: int) -> str:
    """What `igny8 worker --queues QUEUES` with that process id is called on the broker."""
    return f"{queues.replace(',', '-')}-{pid}@{socket.gethostname()}"


def plain_environ() -> dict[str, str]:
    """This process's environment with none of its own settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("IGNY8_")}
