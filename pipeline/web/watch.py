"""Owns who watches: one poller a process asks the database once a tick, however many listen, and tells each.

It starts with the first listener and stops with the last. A listener that is slow misses what was overtaken meanwhile:
what is sent is how a thing is, not what changed. Never: asks on the event loop; looks up who may listen.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Collection, Hashable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Final, Generic, Protocol, TypeVar

import structlog
from anyio import CapacityLimiter, to_thread
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session
from starlette.types import Receive, Scope, Send

from pipeline.db.session import DATABASE_AWAY, Database
from pipeline.web.errors import problem

#: A comment, so that proxies do not take silence for the end.
HEARTBEAT: Final = b": still here\n\n"
#: How long a browser waits before it comes again.
_COME_AGAIN: Final = b"retry: 2000\n\n"
#: After a look that took so long, this many times as long is rested: it shares its process with every page.
_REST: Final = 2.0
_FULL: Final = "Too many watch runs at once. Come again in half a minute, or ask for the run itself."
_log = structlog.get_logger()


class Told(Protocol):
    """What is told of a thing at a time."""

    @property
    def id(self) -> str:
        """Two that say the same have one, whichever process says it."""

    @property
    def is_over(self) -> bool:
        """Whether nothing follows."""


KeyT = TypeVar("KeyT", bound=Hashable)
ToldT = TypeVar("ToldT", bound=Told)


@dataclass(eq=False)
class _Listener(Generic[KeyT, ToldT]):
    """One open stream: the last that was found for it, and whether it has to look."""

    watched: KeyT
    #: None: the thing is there no more.
    latest: ToldT | None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, found: ToldT | None) -> None:
        if found is None or self.latest is None or found.id != self.latest.id:
            self.latest = found
            self.changed.set()


class Watch(ABC, Generic[KeyT, ToldT]):
    """The things that somebody watches, and those who do; of one event loop."""

    def __init__(
        self,
        database: Callable[[], Database],
        *,
        tick_seconds: float = 1.0,
        heartbeat_seconds: float = 15.0,
        life_seconds: float = 600.0,
        most: int = 1_000,
    ) -> None:
        """A stream lives `life_seconds`: who still listens then comes again, and is looked at again.

        No more than `most` are open at once.
        """
        self._database = database
        self._tick_seconds = tick_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._life_seconds = life_seconds
        self._most = most
        self._listeners: set[_Listener[KeyT, ToldT]] = set()
        self._poller: asyncio.Task[None] | None = None
        self._is_closed = False
        self._is_away = False

    @abstractmethod
    def look(
        self, session: Session, asked: Collection[KeyT], *, known: Mapping[KeyT, ToldT], now: datetime
    ) -> dict[KeyT, ToldT]:
        """How each of `asked` is now; what is not there is left out. `known`: what was told last."""

    @abstractmethod
    def event(self, found: ToldT) -> bytes:
        """What is sent of it."""

    @property
    def listening(self) -> int:
        """How many streams are open."""
        return len(self._listeners)

    @property
    def is_full(self) -> bool:
        """Whether there is room for no further stream."""
        return self.listening >= self._most

    @property
    def is_polling(self) -> bool:
        """Whether the database is asked."""
        return self._poller is not None and not self._poller.done()

    async def listen(self, watched: KeyT, first: ToldT, *, last_id: str | None) -> AsyncGenerator[bytes]:
        """The events of a thing, until it is over: `first` unless the listener has seen it, then whatever differs."""
        listener = self._join(_Listener(watched, first))
        try:
            yield _COME_AGAIN
            sent = last_id
            end = asyncio.get_running_loop().time() + self._life_seconds
            while listener.latest is not None and not self._is_closed:
                found = listener.latest
                if found.id != sent:
                    yield self.event(found)
                    sent = found.id
                left = end - asyncio.get_running_loop().time()
                if found.is_over or left <= 0:
                    return
                if not await _is_set(listener.changed, min(left, self._heartbeat_seconds)):
                    yield HEARTBEAT
                listener.changed.clear()
        finally:
            self._leave(listener)

    def close(self) -> None:
        """End every stream, and take no more: the process is asked to stop. From any thread."""
        self._is_closed = True
        if self._poller is not None:
            with suppress(RuntimeError):  # The loop is gone, and its streams with it.
                self._poller.get_loop().call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for listener in self._listeners:
            listener.changed.set()

    def _join(self, listener: _Listener[KeyT, ToldT]) -> _Listener[KeyT, ToldT]:
        self._listeners.add(listener)
        if not self.is_polling:
            self._poller = asyncio.get_running_loop().create_task(self._poll())
        return listener

    def _leave(self, listener: _Listener[KeyT, ToldT]) -> None:
        self._listeners.discard(listener)
        if not self._listeners and self._poller is not None:
            self._poller.cancel()
            self._poller = None

    async def _poll(self) -> None:
        # A thread of its own: that of a request is never waited for.
        limiter = CapacityLimiter(1)
        took = 0.0
        while True:
            await asyncio.sleep(max(self._tick_seconds, _REST * took))
            asked = {listener.watched for listener in self._listeners}
            known = {each.watched: each.latest for each in self._listeners if each.latest is not None}
            began = time.monotonic()
            found = await to_thread.run_sync(self._look, asked, known, limiter=limiter, abandon_on_cancel=True)
            took = time.monotonic() - began
            if found is None:
                continue
            for listener in self._listeners:
                if listener.watched in asked:
                    listener.tell(found.get(listener.watched))

    def _look(self, asked: Collection[KeyT], known: Mapping[KeyT, ToldT]) -> dict[KeyT, ToldT] | None:
        """One look for all; None where there was none: the streams stay, and the next tick looks again."""
        try:
            database = self._database()
            with database.reading() as session:
                found = self.look(session, asked, known=known, now=database.now())
        except DATABASE_AWAY as error:
            if not self._is_away:
                _log.warning("web.runs_not_watched", error=type(error).__name__)
            self._is_away = True
            return None
        except Exception:  # noqa: BLE001 - one thing that cannot be told must not silence all that are watched
            _log.exception("web.watch_broke")
            return None
        self._is_away = False
        return found


async def _is_set(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


class Stream(StreamingResponse, Generic[KeyT, ToldT]):
    """The stream of one thing; whoever goes away leaves the watch."""

    media_type = "text/event-stream"

    def __init__(self, watch: str, watched: KeyT, first: ToldT, *, last_id: str | None) -> None:
        """Nothing is listened to before the response is sent; `watch` is what the app's state calls it."""
        super().__init__((), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._name, self._watched, self._first, self._last_id = watch, watched, first, last_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what the watch tells, until the thing is over or nobody listens."""
        watch: Watch[KeyT, ToldT] = getattr(scope["app"].state, self._name)
        if watch.is_full:
            refused = problem(HTTPStatus.SERVICE_UNAVAILABLE, _FULL, headers={"Retry-After": "30"})
            await refused(scope, receive, send)
            return
        async with aclosing(watch.listen(self._watched, self._first, last_id=self._last_id)) as events:
            self.body_iterator = events
            await super().__call__(scope, receive, send)


def event_of(found: Told, name: str, data: str) -> bytes:
    """One server-sent event; `data` of any number of lines."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines())
    return f"id: {found.id}\nevent: {name}\n{lines}\n".encode()
