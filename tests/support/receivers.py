"""Owns servers that tests post and mail to: real sockets on loopback, which keep what they get."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Posted:
    """One request that arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Hooks:
    """A web server: answers what it is told to, in turn, then 204."""

    url: str = ""
    posted: list[Posted] = field(default_factory=list)
    #: (status, headers, body) of the next answers.
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    #: Set to hold every answer back until then.
    held: threading.Event | None = None


@contextmanager
def hooks() -> Iterator[Hooks]:
    """The server, for the length of the block."""
    found = Hooks()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.posted.append(Posted(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            if found.held is not None:
                found.held.wait()
            status, headers, text = found.answers.pop(0) if found.answers else (204, {}, b"")
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        found.url = f"http://127.0.0.1:{port}/hooks?of=igny8"
        yield found
        if found.held is not None:
            found.held.set()


@contextmanager
def answering(statuses: Mapping[str, int]) -> Iterator[str]:
    """The address of a web server that answers each path with its status, for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        yield f"http://127.0.0.1:{port}"


@dataclass
class Mailbox:
    """A mail server: refuses recipients with the answers it is told, in turn, else takes them."""

    url: str = ""
    letters: list[bytes] = field(default_factory=list)
    refusals: list[bytes] = field(default_factory=list)


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """The server, for the length of the block."""
    found = Mailbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say(b"220 here")
            while line := self.rfile.readline():
                word = line.split(maxsplit=1)[0].upper()
                if word == b"DATA":
                    self._say(b"354 go on")
                    found.letters.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                    self._say(b"250 taken")
                elif word == b"RCPT" and found.refusals:
                    self._say(found.refusals.pop(0))
                else:
                    self._say(b"221 bye" if word == b"QUIT" else b"250 here")
                if word == b"QUIT":
                    return

        def _say(self, text: bytes) -> None:
            self.wfile.write(text + b"\r\n")

    with _serving(_MailServer(("127.0.0.1", 0), Handler)) as port:
        found.url = f"smtp://127.0.0.1:{port}"
        yield found


class _MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()
