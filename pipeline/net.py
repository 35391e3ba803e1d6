"""Owns requests to addresses that customers set: none reaches a private network, none follows a redirect.

The address that was checked is the one that is connected to, so that a name cannot be resolved twice to two places.
Never: retries; redirects; credentials; an answer kept longer than its caller asked for.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from pipeline.core.errors import InvalidValueError, PipelineError

MOST_URL_CHARACTERS: Final = 2_000
#: What is kept of an answer.
_KEPT_BYTES: Final = 2_000
_PORTS: Final = {"http": 80, "https": 443}
_LARGEST_PORT: Final = 65_535
#: All of IPv6 that was given to anybody in the open network; what is outside translates, or stays within a site.
_UNICAST: Final = ipaddress.ip_network("2000::/3")
#: Kept for protocols, or for what clouds tell their own machines: given to nobody, though Python calls them global.
_KEPT: Final = tuple(
    ipaddress.ip_network(network) for network in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "3fff::/20")
)
#: Addresses that a network translates to IPv4 (RFC 6052).
_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")


class UnreachableError(PipelineError):
    """The address could not be reached."""


class NoAnswerError(UnreachableError):
    """It was sent, but no whole answer came: nobody knows what became of it."""


class TooLongError(PipelineError):
    """The answer is longer than anything that was asked for."""


class PrivateAddressError(PipelineError):
    """The address lies in a private network."""


@dataclass(frozen=True)
class Answer:
    """What was answered: the status, the headers by lower-case name, the first characters of the body."""

    status: int
    headers: Mapping[str, str]
    text: str


def checked_url(url: str) -> str:
    """The address without white space around it. InvalidValueError unless it is http(s) with a host, no user in it."""
    url = url.strip()
    # Before it is read: reading takes the square of the marks in a host.
    if len(url) > MOST_URL_CHARACTERS:
        raise InvalidValueError(_not_an_address(url))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidValueError(_not_an_address(url)) from None
    has_strange = any(character.isspace() or not character.isprintable() for character in url)
    if parts.scheme not in _PORTS or not parts.hostname or has_strange:
        raise InvalidValueError(_not_an_address(url))
    if parts.username is not None or parts.password is not None:
        raise InvalidValueError("An address may hold no user and no password: they would stand in logs. Remove them.")
    if port is not None and not 0 < port <= _LARGEST_PORT:
        raise InvalidValueError(_not_an_address(url))
    return url


def askable_url(url: str) -> str:
    """As `checked_url`, of a host that can be looked up: for an address that is to be kept. InvalidValueError.

    It is read as the HTTP client of the providers' SDKs reads it, and written as names are that are looked up.
    """
    import httpx2

    url = checked_url(url)
    try:
        httpx2.URL(url).raw_host.decode().encode("idna")
    except (httpx2.InvalidURL, UnicodeError):
        host = _shortened(urlsplit(url).hostname or "")
        raise InvalidValueError(
            f"{host!r} is neither the name of a host nor an IP address. Names have 1 to 63 characters between two "
            "dots, IPv4 addresses four numbers from 0 to 255. Correct it; a name that only browsers read (with an "
            "emoji, say) is given in its ASCII form, which begins with xn--."
        ) from None
    return url


def leads_elsewhere(before: str, after: str) -> bool:
    """Whether it is another host or port, or one that everybody on the way reads; empty: nobody's."""
    import httpx2

    if before == after:
        return False
    try:
        old, new = httpx2.URL(before), httpx2.URL(after)
    except httpx2.InvalidURL:  # Kept since before hosts were looked at.
        return True
    return (old.raw_host, old.port) != (new.raw_host, new.port) or (old.scheme, new.scheme) == ("https", "http")


@dataclass(frozen=True)
class Limits:
    """How long one request may take, and how much of its answer is taken."""

    #: Of connecting, and then again of everything else.
    timeout_seconds: float
    most_bytes: int = _KEPT_BYTES
    #: Whether what is longer is an error; else its beginning is the answer.
    must_be_whole: bool = False


def post(url: str, body: bytes, *, headers: Mapping[str, str], timeout_seconds: float, allow_private: bool) -> Answer:
    """Post once, connecting and talking each within `timeout_seconds`; whatever status is answered is an answer.

    UnreachableError where none came, PrivateAddressError where the host is in a private network.
    """
    limits = Limits(timeout_seconds)
    return request("POST", url, body, headers=headers, limits=limits, allow_private=allow_private)


def request(
    method: str, url: str, body: bytes | None, *, headers: Mapping[str, str], limits: Limits, allow_private: bool
) -> Answer:
    """Ask once on a connection of its own; whatever status is answered is an answer.

    UnreachableError where nothing was sent, NoAnswerError where something was and no whole answer came, TooLongError,
    PrivateAddressError where the host is in a private network.
    """
    parts = urlsplit(checked_url(url))
    connection = _connection(parts, pinned_address(parts, allow_private=allow_private), limits.timeout_seconds)
    target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    is_sent, is_late = False, threading.Event()
    try:
        connection.connect()
        with _cut_after(connection.sock, limits.timeout_seconds, is_late):
            is_sent = True
            # As a browser would send it: the request line is ASCII.
            connection.request(method, quote(target, safe="!#$%&'()*+,/:;=?@[]~"), body=body, headers=dict(headers))
            with connection.getresponse() as response:
                kept = _read(response, limits)
                named = {name.lower(): value for name, value in response.getheaders()}
                if limits.must_be_whole and is_late.is_set():
                    raise TimeoutError
    except (OSError, HTTPException, ValueError) as error:
        failure = NoAnswerError if is_sent else UnreachableError
        late = f" within {limits.timeout_seconds:g} s" if is_late.is_set() else f": {_said(error)}"
        raise failure(f"{parts.hostname} did not answer{late}.") from None
    finally:
        connection.close()
    return Answer(response.status, named, kept.decode(errors="replace"))


def _read(response: HTTPResponse, limits: Limits) -> bytes:
    """The body. IncompleteRead where it breaks off, which nothing but a whole body tells."""
    if not limits.must_be_whole:
        return response.read(limits.most_bytes)
    declared = response.length
    kept = response.read(limits.most_bytes + 1)
    if len(kept) > limits.most_bytes:
        raise TooLongError(f"An answer had more than {limits.most_bytes:,} bytes.")
    if declared is not None and len(kept) < declared:
        raise IncompleteRead(kept, declared - len(kept))
    return kept


def pinned_address(parts: SplitResult, *, allow_private: bool) -> str:
    """The one IP address to connect to. UnreachableError for an unknown name, PrivateAddressError for a private one."""
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, parts.port or _PORTS[parts.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnreachableError(f"There is no host {host}: {_said(error)}.") from None
    addresses = [str(entry[4][0]) for entry in found]
    # All of them: a name with a public and a private address is no mistake.
    if not allow_private and not all(_is_public(address) for address in addresses):
        raise PrivateAddressError(
            f"{host} lies in a private network, where nothing is sent. Use a public address, or set "
            "IGNY8_ALLOW_PRIVATE_SITES=1 where everybody may reach what this installation reaches."
        )
    return addresses[0]


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    embedded = _embedded(found)
    if embedded is not None:
        return _is_public(str(embedded))
    if isinstance(found, ipaddress.IPv6Address) and found not in _UNICAST:
        return False
    if any(found in network for network in _KEPT):
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def _embedded(found: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to, through whatever translates."""
    if isinstance(found, ipaddress.IPv4Address):
        return None
    if found in _TRANSLATED:
        return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found.ipv4_mapped or found.sixtofour


def _connection(parts: SplitResult, address: str, timeout_seconds: float) -> HTTPConnection:
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    if parts.scheme == "https":
        return _PinnedHttps(host, port, address=address, timeout_seconds=timeout_seconds)
    return _Pinned(host, port, address=address, timeout_seconds=timeout_seconds)


class _Pinned(HTTPConnection):
    """A connection to one address, whatever its host's name means by now."""

    def __init__(self, host: str, port: int, *, address: str, timeout_seconds: float) -> None:
        super().__init__(host, port, timeout=timeout_seconds)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), self.timeout)


class _PinnedHttps(HTTPSConnection):
    """The same over TLS; the certificate is the name's."""

    def __init__(self, host: str, port: int, *, address: str, timeout_seconds: float) -> None:
        self._trust = ssl.create_default_context()
        super().__init__(host, port, timeout=timeout_seconds, context=self._trust)
        self._address = address

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._trust.wrap_socket(plain, server_hostname=self.host)


@contextmanager
def _cut_after(sock: socket.socket, seconds: float, is_late: threading.Event) -> Iterator[None]:
    """End the connection at the deadline, however slowly its other end goes on; `is_late` is set then."""

    def cut() -> None:
        is_late.set()
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _said(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__).strip().rstrip(".") or "no reason"


def _not_an_address(url: str) -> str:
    allowed = f"Use one like https://example.com/hooks, at most {MOST_URL_CHARACTERS} characters."
    return f"{_shortened(url)!r} is no address. {allowed}"


def _shortened(text: str) -> str:
    return f"{text[:80]}…" if len(text) > len(text[:80]) else text
