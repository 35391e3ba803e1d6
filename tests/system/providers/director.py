"""Owns the way between the adapters and the stand-ins: it tells these what to answer, and deals the faults.

It passes on what it is given, byte by byte. Faults that a server can make, that server makes (it is told by a header);
only what is cut short, or lost, on its way back is so here.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from tests.system.providers.faults import Deck, Fault, Met
from tests.system.providers.servers import REQUEST_ID

#: Headers that belong to one connection.
_OF_A_CONNECTION: Final = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


@dataclass(frozen=True)
class Asked:
    """One request as it came, in the order in which they came."""

    number: int
    provider: str
    headers: Mapping[str, str]
    body: Any
    met: Met | None

    @property
    def request_id(self) -> str:
        """How the server's journal names it."""
        return f"request-{self.number}"


#: Makes a server ready for one request: the headers that tell it what to do.
Prepare = Callable[[Asked], Mapping[str, str]]


@dataclass(frozen=True)
class Route:
    """Where the requests of a provider go: what is below its name goes to `url`."""

    url: str
    prepare: Prepare


@dataclass
class Director:
    """The address that adapters are given, and all that was asked there."""

    deck: Deck | None
    asked: list[Asked] = field(default_factory=list)
    #: What went wrong in here: a test that finds any fails.
    problems: list[str] = field(default_factory=list)
    routes: dict[str, Route] = field(default_factory=dict)
    port: int = 0
    #: Requests that their server has not done with, whether or not anybody still waits for them.
    under_way: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, provider: str) -> str:
        """Where that provider is."""
        return f"http://127.0.0.1:{self.port}/{provider}"

    def note(self, provider: str, headers: Mapping[str, str], body: object) -> Asked:
        """Write the request down and deal its fault."""
        with self._lock:
            number = len(self.asked)
            met = self.deck.met_by(number) if self.deck else None
            asked = Asked(number, provider, headers, body, met)
            self.asked.append(asked)
            self.under_way += 1
            return asked

    def done(self) -> None:
        """A server is done with a request."""
        with self._lock:
            self.under_way -= 1


@contextmanager
def directing(deck: Deck | None) -> Iterator[Director]:
    """A director at work, for the length of the block; routes are added to it."""
    director = Director(deck)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(director))
    server.daemon_threads = True
    director.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield director
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(director: Director) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One connection of an adapter."""

        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            data = self.rfile.read(length)
            if len(data) < length:  # its sender was killed in the middle of it: nobody was asked.
                self.close_connection = True
                return
            _, provider, rest = self.path.split("/", 2)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = director.note(provider, headers, json.loads(data))
            try:
                answer = _passed_on(director.routes[provider], asked, f"/{rest}", data)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test is to show it
                director.problems.append(f"{asked.request_id} to {provider}: {error!r}")
                answer = None
            director.done()
            self.close_connection = True
            if answer is not None and not _is(asked.met, Fault.DISCONNECT):
                with suppress(ConnectionError):  # the adapter may be gone: that is what timeouts are for.
                    self._answer(answer, asked.met)

        def _answer(self, answer: _Answer, met: Met | None) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(answer.body[: len(answer.body) // 2] if _is(met, Fault.TRUNCATION) else answer.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _is(met: Met | None, fault: Fault) -> bool:
    """Whether that fault is made here, on the wire."""
    return met is not None and met.on_the_wire and met.fault is fault


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


def _passed_on(route: Route, asked: Asked, path: str, data: bytes) -> _Answer | None:
    """What the server answered; None where it closed the connection without a word."""
    told = {REQUEST_ID: asked.request_id, **route.prepare(asked)}
    kept = {name: value for name, value in asked.headers.items() if name not in _OF_A_CONNECTION}
    where = urlsplit(route.url)
    connection = http.client.HTTPConnection(where.netloc, timeout=60)
    try:
        connection.request("POST", path, data, {**kept, **told})
        response = connection.getresponse()
        headers = [(name, value) for name, value in response.getheaders() if name.lower() not in _OF_A_CONNECTION]
        return _Answer(response.status, headers, response.read())
    except ConnectionError:
        if asked.met is None or asked.met.fault is not Fault.DISCONNECT:
            raise
        return None
    finally:
        connection.close()
