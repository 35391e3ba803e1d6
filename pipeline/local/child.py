"""Owns one named child process: how it is started under its keeper, where it logs, how it is stopped and killed.

Never: decide when to start again; that is the supervisor's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from pipeline.core.errors import NotReadyError
from pipeline.private import close_to_others, private

_KEEPER: Final = Path(__file__).with_name("keeper.py")
_TAIL_LINES: Final = 20
_TAIL_BYTES: Final = 16_384
_LOG_BYTES_MAX: Final = 20_000_000
_POLL_SECONDS: Final = 0.05
_KILL_SECONDS: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class ChildSpec:
    """What to run under a name."""

    #: Shown to people; also the name of its log file.
    name: str
    #: Program and arguments.
    command: tuple[str, ...]
    #: The whole environment.
    environ: Mapping[str, str]
    #: Whether it does its work already; asked again and again after the start.
    ready: Callable[[], bool]
    #: How long it may take until `ready`.
    ready_seconds: float = 30.0
    #: How long it may take to stop before it is killed.
    grace_seconds: float = 10.0


class ChildNotReadyError(NotReadyError):
    """A child process did not start."""

    def __init__(self, name: str, reason: str, *, log: Path, tail: str) -> None:
        """Say which child, why, and what it wrote last."""
        self.name = name
        self.log = log
        self.tail = tail
        shown = "\n".join(f"  {line}" for line in tail.splitlines()) or "  (it wrote nothing)"
        super().__init__(f"{name} {reason}. Read {log}, then run `igny8 doctor`. Its last lines:\n{shown}")


class Child:
    """One run of a child; a restart is a new `Child`."""

    def __init__(self, spec: ChildSpec, *, logs: Path, held: tuple[int, ...] = ()) -> None:
        """Start it at once. `held` descriptors stay open until the last of its processes is gone."""
        self.spec = spec
        self.log = logs / f"{spec.name}.log"
        self.started = time.monotonic()
        self._lifeline: int | None = None
        self._log_start = 0
        self._keeper = self._start(held)

    def _start(self, held: tuple[int, ...]) -> subprocess.Popen[bytes]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        rotate(self.log)
        reading, self._lifeline = os.pipe()
        kept = (reading, *held)
        command = (sys.executable, "-I", "-S", str(_KEEPER), ",".join(map(str, kept)), "--", *self.spec.command)
        try:
            close_to_others(self.log)
            with open(self.log, "ab", opener=private) as output:
                self._log_start = output.tell()
                return subprocess.Popen(  # noqa: S603  # the project's own commands, no shell.
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=dict(self.spec.environ),
                    pass_fds=kept,
                    start_new_session=True,  # Ctrl-C reaches the supervisor only, which stops all in order.
                )
        finally:
            os.close(reading)

    @property
    def pid(self) -> int | None:
        """Process id of the program itself (not of its keeper); None before it runs and after it ended."""
        with suppress(psutil.Error):
            children = psutil.Process(self._keeper.pid).children()
            return children[0].pid if children else None
        return None

    def exit_code(self) -> int | None:
        """None while it runs; 128 + n where signal n ended it."""
        code = self._keeper.poll()
        if code is None:
            return None
        self._clear()
        return code if code >= 0 else 128 - code

    @property
    def age_seconds(self) -> float:
        """How long ago it was started."""
        return time.monotonic() - self.started

    def wait_ready(self) -> None:
        """Return when it is ready. Raises ChildNotReadyError when it ended or the time is over."""
        deadline = self.started + self.spec.ready_seconds
        while not self.spec.ready():
            code = self.exit_code()
            if code is not None:
                raise self._not_ready(f"ended at once (exit code {code})")
            if time.monotonic() > deadline:
                raise self._not_ready(f"was not ready within {self.spec.ready_seconds:g} s")
            time.sleep(_POLL_SECONDS)

    def _not_ready(self, reason: str) -> ChildNotReadyError:
        return ChildNotReadyError(self.spec.name, reason, log=self.log, tail=self.tail())

    def tail(self) -> str:
        """The last lines that this run wrote, not those of a run before."""
        with self.log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = self._log_start if self._log_start <= size else 0  # it was rotated meanwhile.
            file.seek(max(start, size - _TAIL_BYTES, 0))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-_TAIL_LINES:])

    def stop(self) -> None:
        """Ask it to stop, wait for its grace, then kill it and all below it."""
        with suppress(ProcessLookupError):
            self._keeper.terminate()
        try:
            self._keeper.wait(self.spec.grace_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        self._clear()

    def kill(self) -> None:
        """Kill it and all below it: the keeper does it when the lifeline closes, and is killed itself if it cannot."""
        self._close_lifeline()
        try:
            self._keeper.wait(_KILL_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill_group()
            self._keeper.wait()
        self._clear()

    def _clear(self) -> None:
        """After the end: nothing of its group may live on where the keeper itself was killed."""
        self._kill_group()
        self._close_lifeline()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._keeper.pid, signal.SIGKILL)

    def _close_lifeline(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None


def rotate(log: Path, *, bytes_max: int = _LOG_BYTES_MAX) -> None:
    """Keep one older file beside a log that grew too large; whoever writes it (appending) goes on undisturbed."""
    if not log.is_file() or log.stat().st_size <= bytes_max:
        return
    with log.open("rb+") as file:
        older_log = log.with_suffix(".log.1")
        close_to_others(older_log)
        with open(older_log, "wb", opener=private) as older:
            while block := file.read(1_048_576):
                older.write(block)
        file.truncate(0)
