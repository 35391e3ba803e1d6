"""Owns the processes of a measurement: started, waited for, stopped; the CPU time and memory of all below them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_STOP_SECONDS = 30


class Processes:
    """Children of one measurement by name. `others` work for it too and were started elsewhere: their process ids."""

    def __init__(self, logs: Path, *, others: Mapping[str, int] | None = None) -> None:
        """Logs are written below `logs`."""
        self._logs = logs
        self._others = dict(others or {})
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, name: str, command: Sequence[str], *, environ: Mapping[str, str], ready: Callable[[], bool]
    ) -> None:
        """Start a child and wait until it is ready; RuntimeError with its log where it ends instead."""
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            child = subprocess.Popen(command, env=dict(environ), stdout=output, stderr=output)
        self._children[name] = child
        while not ready():
            if child.poll() is not None:
                raise RuntimeError(f"{name} ended:\n{log.read_text()[-2_000:]}")
            time.sleep(0.05)

    def cpu_seconds(self) -> dict[str, float]:
        """CPU time of each child and all below it, those that ended included, and of this process ("driver")."""
        roots = {name: child.pid for name, child in self._children.items()} | self._others
        return {"driver": time.process_time(), **{name: _spent_below(pid) for name, pid in roots.items()}}

    def peak_megabytes(self, name: str) -> float:
        """The most resident memory that a child and those below it had, each at its own peak."""
        root = psutil.Process(self._children[name].pid)
        return sum(_peak_kilobytes(process.pid) for process in (root, *root.children(recursive=True))) / 1024

    def stop(self) -> None:
        """Stop the last started first."""
        for child in reversed(self._children.values()):
            child.terminate()
            try:
                child.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


@contextmanager
def processes(logs: Path, *, others: Mapping[str, int] | None = None) -> Iterator[Processes]:
    """Processes that are gone after the block."""
    logs.mkdir(parents=True, exist_ok=True)
    started = Processes(logs, others=others)
    try:
        yield started
    finally:
        started.stop()


def _spent_below(pid: int) -> float:
    root = psutil.Process(pid)
    return sum(_spent(process) for process in (root, *root.children(recursive=True)))


def _spent(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0


def _peak_kilobytes(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0
