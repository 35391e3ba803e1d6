"""Owns meddling with the broker's queues from outside: messages are taken away, copied, kept back and given again.

`Thief` takes messages as a worker does that dies before it wrote down that it has them. `Copier` sees each message
that is sent and sends it twice more, later, in another order; some it keeps until it is told to give them back. Both
speak to a broker of the Redis protocol. `Replayer` does the same where nobody can look over the broker's shoulder: it
sends whatever rows have ever been sent for.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from random import Random
from typing import Any, Final, Self
from uuid import uuid4

import redis
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.engine import dispatch, sending
from pipeline.engine.app import app
from pipeline.engine.dispatch import Chain
from pipeline.local.workers import QUEUES
from pipeline.models import Lane, Publication, StageRun
from tests.faults.harness.processes import Processes

#: The queues that work is sent to.
WORK: Final = tuple(queue for queue in QUEUES if queue != "canary")
#: How long a copy is kept at most, and which part of them is kept for good.
_MOST_SECONDS: Final = 2.0
_KEPT_PART: Final = 0.2


class _Background:
    """A thread of its own. A context: it works inside it."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)

    def _work(self) -> None:
        raise NotImplementedError


class Thief(_Background):
    """Takes up to `most` messages, at pauses that the seed chooses."""

    def __init__(self, processes: Processes, *, most: int, seed: str, pause_seconds: float = 0.6) -> None:
        super().__init__()
        self._client = _client(processes)
        self._most, self._pause_seconds = most, pause_seconds
        self._random = Random(seed)
        #: How many it took.
        self.taken = 0

    def _work(self) -> None:
        while self.taken < self._most and not self._ended.wait(self._random.uniform(0, self._pause_seconds)):
            # As kombu does: a plain BRPOP. What comes after it, the entry in `unacked`, never does.
            if self._client.brpop(WORK, timeout=1):
                self.taken += 1


class _Again(_Background):
    """Sends what is seen twice more, each at an instant of its own within seconds, or when it is told to."""

    def __init__(self, *, seed: str) -> None:
        super().__init__()
        self._random = Random(seed)
        self._due: list[tuple[float, Any]] = []
        self._kept: list[Any] = []
        self._lock = threading.Lock()
        self._sender = threading.Thread(target=self._send, daemon=True)
        #: How many messages were seen, and how many copies were sent.
        self.seen = self.copies = 0

    def __enter__(self) -> Self:
        self._sender.start()
        return super().__enter__()

    def __exit__(self, *arguments: object) -> None:
        super().__exit__(*arguments)
        self._sender.join(10)

    def give_back(self) -> int:
        """Send what was kept, now: long after all it spoke of. How many."""
        with self._lock:
            kept, self._kept = self._kept, []
        for message in kept:
            self._push(message)
        return len(kept)

    def _keep(self, message: Any) -> None:
        self.seen += 1
        with self._lock:
            for _ in range(2):
                if self._random.random() < _KEPT_PART:
                    self._kept.append(message)
                else:
                    self._due.append((time.monotonic() + self._random.uniform(0, _MOST_SECONDS), message))

    def _send(self) -> None:
        while not self._ended.wait(0.02):
            now = time.monotonic()
            with self._lock:
                due = [one for one in self._due if one[0] <= now]
                self._due = [one for one in self._due if one[0] > now]
            for _, message in sorted(due, key=lambda one: one[0]):
                self._push(message)

    def _push(self, message: Any) -> None:
        raise NotImplementedError


class Copier(_Again):
    """Sends each message that the broker was given twice more."""

    def __init__(self, processes: Processes, *, seed: str) -> None:
        super().__init__(seed=seed)
        self._watching, self._client = _client(processes), _client(processes)
        self._sent: set[str] = set()
        self._watcher: Any = None

    def __enter__(self) -> Self:
        self._watcher = self._watching.monitor()
        self._watcher.__enter__()
        return super().__enter__()

    def __exit__(self, *arguments: object) -> None:
        self._ended.set()
        self._client.ping()  # the last command that is waited for.
        super().__exit__(*arguments)
        self._watching.close()

    def _work(self) -> None:
        while not self._ended.is_set():
            self._see(self._watcher.next_command()["command"])

    def _see(self, command: str) -> None:
        words = command.split(" ", 2)
        if len(words) < 3 or words[0].upper() != "LPUSH" or words[1] not in WORK:
            return
        # The server shows bytes as C does.
        message = words[2].encode().decode("unicode_escape").encode("latin-1")
        if _tag(message) not in self._sent:
            self._keep((words[1], message))

    def _push(self, message: tuple[str, bytes]) -> None:
        """The same task, under a delivery tag of its own: a tag is the transport's, not the message's."""
        queue, told = message[0], json.loads(message[1])
        told["properties"]["delivery_tag"] = tag = str(uuid4())
        self._sent.add(tag)
        self._client.lpush(queue, json.dumps(told))
        self.copies += 1


class Replayer(_Again):
    """Sends again what rows may ever have been sent for: every ticket of a lane, every stage, every publication."""

    def __init__(self, processes: Processes, *, seed: str) -> None:
        super().__init__(seed=seed)
        self._database = processes.database
        self._known: set[Any] = set()

    def _work(self) -> None:
        while not self._ended.wait(0.05):
            with self._database.reading() as session:
                found = [*_chains(session), *session.scalars(select(Publication.id))]
            for message in found:
                if message not in self._known:
                    self._known.add(message)
                    self._keep(message)

    def _push(self, message: Chain | int) -> None:
        if isinstance(message, Chain):
            dispatch.publish([message])
        else:
            with sending.producing() as producer:
                app.send_task("publications.publish", args=(message,), producer=producer, retry=False)
        self.copies += 1


def _chains(session: Session) -> Iterator[Chain]:
    stages = session.execute(select(StageRun.id, StageRun.key)).all()
    for row in stages:
        yield Chain(row.id, row.key, admitted=False)
        yield Chain(row.id, row.key, admitted=True)
    keys = {row.id: row.key for row in stages}
    for lane in session.execute(select(Lane.stage_run_id, Lane.number, Lane.ticket)):
        for ticket in range(lane.ticket + 1):
            yield Chain(lane.stage_run_id, keys[lane.stage_run_id], admitted=True, lane=lane.number, ticket=ticket)


def copier(processes: Processes, *, seed: str) -> Copier | Replayer:
    """The one of the two that the broker allows."""
    kind = Replayer if processes.backend.name == "rabbitmq" else Copier
    return kind(processes, seed=seed)


def _tag(message: bytes) -> str:
    return str(json.loads(message)["properties"]["delivery_tag"])


def _client(processes: Processes) -> redis.Redis:
    """A connection of its own, on which a wait for a message is no failure."""
    client: redis.Redis = processes.backend.client(socket_timeout=None)
    return client
