"""Owns how often one network address is answered while nobody knows who is behind it.

What a stranger asks is counted by where it comes from, and past the limit refused before its body is read and before
the database is asked anything. Whoever was known a short while ago is answered all the same: an address may be that of
a proxy, which they share with strangers. Each web process counts for itself (see `rates`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from hashlib import sha256
from ipaddress import IPv6Address, ip_network
from typing import Final

from limits.storage import MemoryStorage
from starlette.requests import HTTPConnection

from pipeline.core.errors import TooManyRequestsError
from pipeline.web import cookies

_MINUTE: Final = 60
#: How long who was known counts as known where strangers are refused.
_KNOWN_SECONDS: Final = 600
_MOST_KNOWN: Final = 10_000
#: Whoever has one IPv6 address has its whole network.
_IPV6_NETWORK_BITS: Final = 64


def secret_of(headers: Mapping[str, str], found: Mapping[str, str]) -> str | None:
    """What says who asks: the key of the header, or else the token of the log-in's cookie; None: nothing does."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme:
        return (key.strip() or None) if scheme.casefold() == "bearer" else None
    return found.get(cookies.COOKIE) or None


def address_of(connection: HTTPConnection) -> str:
    """The address that a request comes from, as far as one person has it to themselves."""
    host = connection.client.host if connection.client else ""
    if ":" not in host:
        return host
    address = IPv6Address(host.partition("%")[0])
    return str(address.ipv4_mapped or ip_network((address, _IPV6_NETWORK_BITS), strict=False))


class Strangers:
    """Counts of one process."""

    def __init__(self, most_a_minute: int) -> None:
        """So many requests of strangers are answered an address within a minute; 0: any number."""
        self._most = most_a_minute
        self._counts = MemoryStorage()
        self._known: dict[bytes, float] = {}

    def count(self, address: str) -> None:
        """Count what a stranger asked. TooManyRequestsError where it is one too many."""
        if self._most and self._counts.incr(address, _MINUTE) > self._most:
            raise self._refused(address)

    def let_in(self, address: str, secret: str) -> None:
        """Before `secret` is looked up. TooManyRequestsError where strangers asked too often, and it is not known."""
        if self._most and self._counts.get(address) >= self._most and not self._is_known(secret):
            raise self._refused(address)

    def know(self, secret: str) -> None:
        """Remember that it was found."""
        if not self._most:
            return
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[_hash_of(secret)] = time.monotonic() + _KNOWN_SECONDS

    def forget(self, secret: str, address: str) -> None:
        """It is not known, or no longer: count it. TooManyRequestsError where it is one too many."""
        self._known.pop(_hash_of(secret), None)
        self.count(address)

    def _is_known(self, secret: str) -> bool:
        return self._known.get(_hash_of(secret), 0) > time.monotonic()

    def _refused(self, address: str) -> TooManyRequestsError:
        seconds = max(1, int(self._counts.get_expiry(address) - time.time()) + 1)
        told = f"That are more than {self._most:,} requests of unknown callers from your address within a minute."
        return TooManyRequestsError(f"{told} Wait {seconds} seconds, then go on.", retry_after_seconds=seconds)


def _hash_of(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "replace")).digest()
