"""Owns the wire under every adapter: one attempt that ends by the clock, however slowly its other side goes on.

The official SDKs are given a client made here, so that all are bounded alike: seconds and bytes, no redirect, no proxy
and no user from the environment, nothing compressed. Never: retries; what an answer means.
"""

from __future__ import annotations

import ssl
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpcore2
import httpx2

from pipeline import tracing
from pipeline.ai.names import addresses_of

#: To reach an address of a provider; the answer has all the time of the question.
_CONNECT_SECONDS: Final = 5.0
_LEAST_SECONDS: Final = 0.001
_SUCCESS: Final = range(200, 300)
#: What is written at once, so that a side that reads slowly is noticed.
_PIECE_BYTES: Final = 65_536
#: Connections that are kept for the next call of the same provider; servers end those that idle, some after 5 s.
_KEPT_CONNECTIONS: Final = 16
_KEPT_SECONDS: Final = 2.0
#: What is read of an answer without success, whatever may be read of another.
_MOST_REFUSAL_BYTES: Final = 200_000
#: Headers, interim answers and the like, and pieces of an answer: crumbs cost far more time than bytes.
_MOST_FRAME_BYTES: Final = 500_000
_MOST_CHUNKS: Final = 20_000


@dataclass
class Exchange:
    """One attempt: until when it may last, how much it may bring, and how far it has come."""

    deadline: float
    most_bytes: int
    #: What has come by now, with all that is around the answer.
    read_bytes: int = 0
    #: Whether a byte of the request has left.
    sent: bool = False
    #: The status of the answer, from its first line on.
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    too_much: bool = False

    @property
    def is_over(self) -> bool:
        """Whether its time is up."""
        return time.monotonic() >= self.deadline

    @property
    def refused(self) -> int | None:
        """The status of an answer without success."""
        return None if self.status is None or self.status in _SUCCESS else self.status

    def note_read(self, size: int) -> None:
        """Count what has come; ReadError where it is more than an answer and what is around it."""
        self.read_bytes += size
        if self.read_bytes > _MOST_FRAME_BYTES + (0 if self.status is None else self.most_bytes):
            self.too_much = True
            raise httpcore2.ReadError

    def left(self, wanted_seconds: float | None = None) -> float:
        """How long the next step may take: no longer than what is left, and never nothing at all."""
        left = max(self.deadline - time.monotonic(), _LEAST_SECONDS)
        return left if wanted_seconds is None else min(left, wanted_seconds)


_CURRENT: ContextVar[Exchange] = ContextVar("exchange")


@contextmanager
def exchange(*, seconds: float, most_bytes: int) -> Iterator[Exchange]:
    """One attempt of this thread: whatever its client does inside is measured and bounded by it."""
    begun = Exchange(time.monotonic() + seconds, most_bytes)
    token = _CURRENT.set(begun)
    try:
        yield begun
    finally:
        _CURRENT.reset(token)


def client() -> httpx2.Client:
    """A client for any number of threads; it works inside an `exchange` only."""
    transport = _Transport()
    made = httpx2.Client(
        transport=transport,
        timeout=None,
        follow_redirects=False,
        trust_env=False,
        # What a provider would have remembered of one call is not told with another.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        headers={"accept-encoding": "identity"},
    )
    # A provider that is opened anew, with another key, leaves its old client to whoever still waits for an answer.
    weakref.finalize(made, transport.close)
    return made


@cache
def _trust() -> ssl.SSLContext:
    """Whom this machine trusts: read once, since it is hundreds of certificates."""
    return ssl.create_default_context()


def _of_trace() -> list[tuple[bytes, bytes]]:
    """The header that says which span asks, where providers are told."""
    return [(name.encode(), value.encode()) for name, value in tracing.header_for_others().items()]


class _Transport(httpx2.BaseTransport):
    """What httpx2's own does, over connections that know the exchange they work for."""

    def __init__(self) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_trust(),
            max_connections=None,
            max_keepalive_connections=_KEPT_CONNECTIONS,
            keepalive_expiry=_KEPT_SECONDS,
            network_backend=_Backend(),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        current, url = _CURRENT.get(), request.url
        assert isinstance(request.stream, httpx2.SyncByteStream)  # noqa: S101 - the client is a synchronous one
        asked = httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=[*request.headers.raw, *_of_trace()],
            content=request.stream,
            extensions=request.extensions,
        )
        with _told():
            answer = self._pool.handle_request(asked)
        # What is compressed although nobody asked for it stays so: it could become anything.
        headers = httpx2.Headers([header for header in answer.headers if header[0].lower() != b"content-encoding"])
        current.status, current.headers = answer.status, headers
        return httpx2.Response(
            answer.status, headers=headers, stream=_Body(answer, current), extensions=answer.extensions
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx2.SyncByteStream):
    """The body of an answer, as far as it is read."""

    def __init__(self, answer: httpcore2.Response, current: Exchange) -> None:
        self._answer = answer
        self._current = current

    def __iter__(self) -> Iterator[bytes]:
        size, most = 0, self._current.most_bytes
        if self._current.refused is not None:
            most = min(most, _MOST_REFUSAL_BYTES)
        with _told():
            for number, chunk in enumerate(self._answer.iter_stream()):
                size += len(chunk)
                if size > most or number > _MOST_CHUNKS:
                    self._current.too_much = True
                    raise httpx2.ReadError("the answer is too long")
                yield chunk

    def close(self) -> None:
        with suppress(httpcore2.NetworkError):
            self._answer.close()


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong under it, in the words that the SDKs know."""
    try:
        yield
    except httpcore2.TimeoutException as error:
        raise httpx2.ReadTimeout(str(error)) from None
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol, OSError) as error:
        raise httpx2.ReadError(str(error)) from None


class _Backend(httpcore2.SyncBackend):
    """Connections that are made within seconds, to whichever address of a name answers."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the exchange says how long
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        current = _CURRENT.get()
        try:
            untried = addresses_of(host, port, seconds=current.left())
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(str(error)) from None
        while True:
            address = untried.pop(0)
            # A share each: one that is dead leaves time for the next.
            seconds = current.left() / (len(untried) + 1)
            try:
                made = super().connect_tcp(address, port, min(seconds, _CONNECT_SECONDS), local_address, socket_options)
                return _Stream(made)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if current.is_over or not untried:
                    raise


class _Stream(httpcore2.NetworkStream):
    """A connection whose every step ends with the exchange that it works for."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the exchange says how long
        current = _CURRENT.get()
        if current.is_over:
            raise httpcore2.ReadTimeout
        data = self._inner.read(max_bytes, current.left())
        current.note_read(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the exchange says how long
        current = _CURRENT.get()
        current.sent = True
        for start in range(0, len(buffer), _PIECE_BYTES):
            if current.is_over:
                raise httpcore2.WriteTimeout
            self._inner.write(buffer[start : start + _PIECE_BYTES], current.left())

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the exchange says how long
    ) -> httpcore2.NetworkStream:
        seconds = _CURRENT.get().left(_CONNECT_SECONDS)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, seconds))

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
