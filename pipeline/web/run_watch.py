"""Owns who watches runs: one poller a process asks the database once a tick, however many listen, and tells each.

It starts with the first listener and stops with the last. A listener that is slow misses what was overtaken meanwhile:
what is sent is how far the run is, not what changed. Never: asks on the event loop; looks up who may listen.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import structlog
from anyio import CapacityLimiter, to_thread

from pipeline.db.session import DATABASE_AWAY, Database
from pipeline.services.run_progress import Progress, Watched, progress_of

#: A comment, so that proxies do not take silence for the end.
HEARTBEAT: Final = b": still here\n\n"
#: How long a browser waits before it comes again.
_COME_AGAIN: Final = b"retry: 2000\n\n"
_log = structlog.get_logger()


@dataclass(eq=False)
class _Listener:
    """One open stream: the last that was found for it, and whether it has to look."""

    watched: Watched
    #: None: the run is there no more.
    latest: Progress | None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, found: Progress | None) -> None:
        if found is None or self.latest is None or found.id != self.latest.id:
            self.latest = found
            self.changed.set()


class RunWatch:
    """The runs that somebody watches, and those who do; of one event loop."""

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
        self._listeners: set[_Listener] = set()
        self._poller: asyncio.Task[None] | None = None
        self._is_closed = False
        self._is_away = False

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

    async def listen(self, watched: Watched, first: Progress, *, last_id: str | None) -> AsyncGenerator[bytes]:
        """The events of a run, until it is over: `first` unless the listener has seen it, then whatever differs."""
        listener = self._join(_Listener(watched, first))
        try:
            yield _COME_AGAIN
            sent = last_id
            end = asyncio.get_running_loop().time() + self._life_seconds
            while listener.latest is not None and not self._is_closed:
                found = listener.latest
                if found.id != sent:
                    yield _event(found)
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

    def _join(self, listener: _Listener) -> _Listener:
        self._listeners.add(listener)
        if not self.is_polling:
            self._poller = asyncio.get_running_loop().create_task(self._poll())
        return listener

    def _leave(self, listener: _Listener) -> None:
        self._listeners.discard(listener)
        if not self._listeners and self._poller is not None:
            self._poller.cancel()
            self._poller = None

    async def _poll(self) -> None:
        # A thread of its own: that of a request is never waited for.
        limiter = CapacityLimiter(1)
        while True:
            await asyncio.sleep(self._tick_seconds)
            asked = {listener.watched for listener in self._listeners}
            found = await to_thread.run_sync(self._look, asked, limiter=limiter, abandon_on_cancel=True)
            if found is None:
                continue
            for listener in self._listeners:
                if listener.watched in asked:
                    listener.tell(found.get(listener.watched))

    def _look(self, asked: Collection[Watched]) -> dict[Watched, Progress] | None:
        """One question for all; None where the database is away: the streams stay, and the next tick asks again."""
        try:
            with self._database().reading() as session:
                found = progress_of(session, asked)
        except DATABASE_AWAY as error:
            if not self._is_away:
                _log.warning("web.runs_not_watched", error=type(error).__name__)
            self._is_away = True
            return None
        self._is_away = False
        return found


async def _is_set(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


def _event(found: Progress) -> bytes:
    return f"id: {found.id}\nevent: run\ndata: {found.text}\n\n".encode()
