"""Owns asking the API in this process, server and network left out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI

from pipeline.db.session import Database
from pipeline.web.app import create_app
from pipeline.web.rates import Rates

#: Requests a minute that no measurement makes.
_MANY: Final = 1_000_000_000

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Backend:
    """A database; nothing is sent."""

    opened: Database

    def database(self) -> Database:
        """The measurement's."""
        return self.opened

    def send(self, stage_run_id: int) -> None:
        """Nothing is started here."""
        raise AssertionError(f"stage run {stage_run_id} was started")


def unhurried(database: Database) -> FastAPI:
    """The API on a database. Counting is part of what a request costs; being refused is not."""
    app = create_app(Backend(database))
    app.state.rates = Rates(_MANY)
    return app


def bearer(key: str) -> Headers:
    """Headers of who has that key."""
    return [(b"authorization", f"Bearer {key}".encode())]


async def asked(app: FastAPI, path: str, headers: Headers, count: int) -> bytes:
    """Ask so many times, one after the other; the last body."""
    body = b""
    for _ in range(count):
        body = await _exchanged(app, "GET", path, headers, lambda: iter(()))
    return body


def milliseconds(app: FastAPI, paths: Iterable[str], headers: Headers) -> list[float]:
    """What each of the requests took, one after the other."""
    seen = []
    for path in paths:
        began = time.perf_counter()
        asyncio.run(asked(app, path, headers, 1))
        seen.append((time.perf_counter() - began) * 1_000)
    return seen


async def posted(app: FastAPI, path: str, headers: Headers, chunks: Callable[[], Iterator[bytes]]) -> bytes:
    """Post a body in chunks, as a server hands it on; what was answered."""
    return await _exchanged(app, "POST", path, headers, chunks)


async def _exchanged(
    app: FastAPI, method: str, address: str, headers: Headers, chunks: Callable[[], Iterator[bytes]]
) -> bytes:
    body = b""
    coming = chunks()

    async def receive() -> MutableMapping[str, Any]:
        chunk = next(coming, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal body
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise AssertionError(f"{address} answered {message['status']}")
        body += message.get("body", b"")

    path, _, query = address.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
    }  # fmt: skip
    await app(scope, receive, send)
    return body
