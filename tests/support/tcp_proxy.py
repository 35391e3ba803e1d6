"""Owns a network that misbehaves: a proxy on loopback before a server, whose connections are cut, frozen or slowed.

It listens on a port of its own and passes everything on to a TCP port or a unix socket, until it is told otherwise.
Small enough to be read: nothing of it knows what is spoken.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

_BLOCK: Final = 65_536
_PATIENCE_SECONDS: Final = 10.0
#: Close with a reset, not with a goodbye.
_LINGER_NOT: Final = struct.pack("ii", 1, 0)
Answer = TypeVar("Answer")


class _Link:
    """One connection: the client's side, and the server's."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.sides = (client, server)
        #: Neither side hears of the other any more, and neither is told.
        self.is_frozen = False
        self._broke = asyncio.Event()

    def reset(self) -> None:
        """Both sides are told that it broke."""
        self._broke.set()
        for side in self.sides:
            with suppress(OSError):
                side.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            side.transport.abort()

    async def reset_comes(self) -> None:
        """Wait until they are told."""
        await self._broke.wait()


class TcpProxy:
    """The proxy; every method may be called from any thread."""

    def __init__(self, upstream: Path | int) -> None:
        """`upstream` is a unix socket, or a port on loopback. Use `tcp_proxy`."""
        self.upstream = upstream
        self._loop = asyncio.new_event_loop()
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        #: How long each answer, and each question, is under way.
        self.latency_seconds = 0.0
        self.port = 0
        #: How many connections were ever made, cut and frozen.
        self.made = self.cut = self.frozen = 0

    def open(self) -> None:
        """Listen (again, on the same port)."""
        self._do(self._open())

    def close(self) -> None:
        """Be away: nobody listens, and every connection is cut."""
        self._do(self._close())

    def reset(self) -> int:
        """Cut every connection with a reset; new ones are welcome. How many."""
        return self._do(self._reset())

    def freeze(self) -> int:
        """Every connection is half open from now on: what is said on it reaches nobody. New ones are well. How many."""
        return self._do(self._freeze())

    def run(self) -> None:
        """The loop's own thread."""
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def stop(self) -> None:
        """Close, and end the loop."""
        self.close()
        self._do(self._end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _do(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_SECONDS)

    async def _open(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._reset()

    async def _reset(self) -> int:
        links = list(self._links)
        for link in links:
            link.reset()
        self.cut += len(links)
        return len(links)

    async def _freeze(self) -> int:
        links = [link for link in self._links if not link.is_frozen]
        for link in links:
            link.is_frozen = True
        self.frozen += len(links)
        return len(links)

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._pass_on(reader, writer)
        finally:
            self._tasks.discard(task)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        self.made += 1
        link = _Link(writer, back)
        self._links.add(link)
        try:
            await asyncio.gather(self._pump(link, reader, back), self._pump(link, there, writer))
        finally:
            self._links.discard(link)
            for side in link.sides:
                side.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.upstream, Path):
            return await asyncio.open_unix_connection(str(self.upstream))
        return await asyncio.open_connection("127.0.0.1", self.upstream)

    async def _pump(self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_BLOCK):
                if self.latency_seconds:
                    await asyncio.sleep(self.latency_seconds)
                if not link.is_frozen:
                    writer.write(data)
                    await writer.drain()
        if link.is_frozen:
            await link.reset_comes()  # whoever is left hears nothing of the other's end.
        writer.close()


@contextmanager
def tcp_proxy(upstream: Path | int) -> Iterator[TcpProxy]:
    """A proxy that listens, for the length of the block."""
    proxy = TcpProxy(upstream)
    thread = threading.Thread(target=proxy.run, name="tcp-proxy", daemon=True)
    thread.start()
    try:
        proxy.open()
        yield proxy
    finally:
        proxy.stop()
        thread.join(_PATIENCE_SECONDS)
