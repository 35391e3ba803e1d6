"""Owns a set of named children: starts them in order, restarts what dies, stops all in the opposite order.

No orphan stays: every child runs under a keeper that kills it when this process is gone, however it went.
Never: know what the children are.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from pipeline.local.child import Child, ChildSpec, rotate
from pipeline.logs import get_logger

log = get_logger(__name__)

_TICK_SECONDS: Final = 0.2
#: A shell starts background jobs with SIGINT ignored: it is listened to again here.
_LIKE_CTRL_C: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """How long until a child is started again: doubled from death to death, forgotten once it lived a while."""

    base_seconds: float = 0.5
    max_seconds: float = 30.0
    #: A child that lived this long counts as healthy.
    reset_seconds: float = 60.0

    def delay_seconds(self, deaths: int) -> float:
        """Pause after the n-th death in a row (n from 1)."""
        return min(self.max_seconds, self.base_seconds * 2.0 ** min(deaths - 1, 32))


@dataclass(frozen=True, kw_only=True)
class ChildStatus:
    """A child as a person sees it."""

    name: str
    #: Process id of the program; None while it is down.
    pid: int | None
    restarts: int
    log: Path


class _Slot:
    """A child's place: the run that lives in it, or when the next one is due."""

    def __init__(self, child: Child) -> None:
        self.child: Child | None = child
        self.spec = child.spec
        self.restarts = 0
        self.deaths = 0
        self.due = 0.0


class Supervisor:
    """Keeps children alive from `start` to `stop`; a thread of its own watches them."""

    def __init__(self, *, logs: Path, backoff: Backoff | None = None, held: tuple[int, ...] = ()) -> None:
        """`logs` is the folder of the children's logs; `held` descriptors stay open until every child is gone."""
        self._logs = logs
        self._backoff = backoff or Backoff()
        self._held = held
        self._slots: list[_Slot] = []
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self, *specs: ChildSpec) -> None:
        """Start children side by side and wait until each is ready; from then on they are restarted whenever they die.

        Raises ChildNotReadyError with the end of its log; nothing of these children is left then.
        """
        children: list[Child] = []
        try:
            for spec in specs:
                children.append(Child(spec, logs=self._logs, held=self._held))  # noqa: PERF401  # one by one: all that started are killed below.
            for child in children:
                child.wait_ready()
                log.info("child_ready", child=child.spec.name, seconds=round(child.age_seconds, 1))
        except BaseException:
            for child in children:
                child.kill()
            raise
        with self._lock:
            self._slots += [_Slot(child) for child in children]
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
                self._watcher.start()

    def statuses(self) -> tuple[ChildStatus, ...]:
        """Every child, in the order of their start."""
        with self._lock:
            return tuple(
                ChildStatus(
                    name=slot.spec.name,
                    pid=slot.child.pid if slot.child else None,
                    restarts=slot.restarts,
                    log=self._logs / f"{slot.spec.name}.log",
                )
                for slot in self._slots
            )

    def _watch(self) -> None:
        while not self._stopping.wait(_TICK_SECONDS):
            with self._lock:
                for slot in self._slots:
                    if not self._stopping.is_set():
                        self._look_after(slot)

    def _look_after(self, slot: _Slot) -> None:
        if slot.child is None:
            if time.monotonic() >= slot.due:
                self._start_again(slot)
            return
        code = slot.child.exit_code()
        if code is None:
            rotate(slot.child.log)
            return
        slot.deaths = 1 if slot.child.age_seconds >= self._backoff.reset_seconds else slot.deaths + 1
        slot.child = None
        self._put_off(slot, reason=f"exit code {code}")

    def _start_again(self, slot: _Slot) -> None:
        try:
            slot.child = Child(slot.spec, logs=self._logs, held=self._held)
        except OSError as error:  # no memory, no process, no disk: that may pass.
            slot.deaths += 1
            self._put_off(slot, reason=str(error))
        else:
            slot.restarts += 1

    def _put_off(self, slot: _Slot, *, reason: str) -> None:
        delay = self._backoff.delay_seconds(slot.deaths)
        slot.due = time.monotonic() + delay
        log.warning("child_died", child=slot.spec.name, reason=reason, restart_in_seconds=round(delay, 1))

    def wait(self) -> None:
        """Block until a KeyboardInterrupt: Ctrl-C, or what `signals_interrupt` makes one."""
        with suppress(KeyboardInterrupt):
            threading.Event().wait()

    def stop(self) -> None:
        """Stop all, the last started first, each with its grace; a KeyboardInterrupt meanwhile kills the rest."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
        children = [slot.child for slot in reversed(self._slots) if slot.child is not None]
        try:
            for child in children:
                child.stop()
                log.info("child_stopped", child=child.spec.name)
        except KeyboardInterrupt:
            log.warning("children_killed")
        finally:
            for child in children:
                child.kill()
            self._slots.clear()


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP raise KeyboardInterrupt like Ctrl-C does. Without effect outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _interrupt) for number in _LIKE_CTRL_C}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
