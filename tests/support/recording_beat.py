"""A beat in a process of its own whose broker is a file: a line a message, which outlives any death of the process.

`python -m tests.support.recording_beat URL FILE [DIES_AFTER]`: ticks until nothing is due; with DIES_AFTER it kills
itself (SIGKILL) in the middle of the sending that would make one message more.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery import Celery

import stages  # noqa: F401 - a run asks every stage what waits for it
from pipeline.db.session import Database
from pipeline.engine import dispatch
from scheduler.beat import PipelineScheduler
from scheduler.outage import Outage
from scheduler.sending import Message

_QUIET_TICKS = 3


class FileBroker:
    """What both ways to the broker write to."""

    def __init__(self, path: Path, *, dies_after: int | None) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._dies_after = dies_after
        self.sent = 0
        self.outage = Outage("broker")
        self.may_send = True

    def write(self, task: str, arguments: Sequence[Any]) -> None:
        if self.sent == self._dies_after:
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(self._file, f"{task} {' '.join(str(value) for value in arguments)}\n".encode())
        self.sent += 1

    def send(self, messages: Sequence[Message]) -> int:
        for message in messages:
            self.write(message.task, message.arguments)
        return len(messages)

    def send_task(self, name: str, args: Sequence[Any], **_: Any) -> None:
        self.write(name, args)

    def probe(self) -> bool:
        return True

    def close(self) -> None:
        """There is nothing to close."""


@contextmanager
def _no_producer() -> Any:
    yield None


def main(url: str, path: str, dies_after: str | None = None) -> None:
    broker = FileBroker(Path(path), dies_after=None if dies_after is None else int(dies_after))
    dispatch.sending.producing = _no_producer
    dispatch.app.send_task = broker.send_task
    dispatch.watch_generation = lambda _: True
    database = Database(url)
    app = Celery("recording", broker="memory://", set_as_current=False)
    beat = PipelineScheduler(app, database=lambda: database, sender=broker)  # type: ignore[arg-type]  # it stands in for the broker
    beat._wake.clear()
    quiet = 0
    while quiet < _QUIET_TICKS:
        before = broker.sent
        beat._wake.clear()
        beat.tick()
        quiet = 0 if broker.sent > before else quiet + 1


if __name__ == "__main__":
    main(*sys.argv[1:])
