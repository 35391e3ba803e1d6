from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from pipeline.core.errors import InvalidValueError
from pipeline.net import PrivateAddressError, askable_url, checked_url, leads_elsewhere, pinned_address

PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "0.0.0.0",  # noqa: S104 - an address that is refused
    "100.64.0.1",
    "224.0.0.1",
    "[::1]",
    "[fe80::1]",
    "[fd00::1]",
    "[::ffff:10.0.0.1]",
    "[2002:0a00:0001::]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::1]",
    "[::7f00:1]",
    "[::ffff:0:10.0.0.1]",
    "[fec0::1]",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.0.192",
    "168.63.129.16",
    "192.88.99.1",
    "[3fff::1]",
    "[::ffff:192.0.0.192]",
    "[64:ff9b::a83f:8110]",
]


def _names_mean(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def resolve(_host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.mark.parametrize("host", PRIVATE)
def test_an_address_in_a_private_network_is_refused(host: str) -> None:
    with pytest.raises(PrivateAddressError, match="private network"):
        pinned_address(urlsplit(f"http://{host}/"), allow_private=False)


def test_a_laboratory_may_allow_them() -> None:
    assert pinned_address(urlsplit("http://127.0.0.1/"), allow_private=True) == "127.0.0.1"


@pytest.mark.parametrize("host", ["93.184.216.34", "[2606:4700:4700::1111]", "[64:ff9b::5db8:d822]"])
def test_a_public_address_is_the_one_to_connect_to(host: str) -> None:
    assert pinned_address(urlsplit(f"https://{host}/"), allow_private=False) == host.strip("[]")


def test_a_name_with_a_public_and_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _names_mean(monkeypatch, "93.184.216.34", "10.0.0.1")

    with pytest.raises(PrivateAddressError, match=r"hooks\.example lies in a private network"):
        pinned_address(urlsplit("https://hooks.example/"), allow_private=False)


@pytest.mark.parametrize("url", ["https://example.com/x", " http://example.com:8080 ", "https://example.com/?a=b#c"])
def test_web_addresses_are_allowed(url: str) -> None:
    assert checked_url(url) == url.strip()


@pytest.mark.parametrize(
    "url",
    ["", "example.com", "ftp://example.com", "https://", "http://a b.example", "https://example.com:99999",
     "https://example.com/\r\nX-Evil:1", "https://example.com:0", "https://[::1", "https://e.example/" + "x" * 2_000],
)  # fmt: skip
def test_what_is_no_web_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(InvalidValueError, match=r"Use one like https://example\.com/hooks"):
        checked_url(url)


def test_an_address_with_a_password_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="no user and no password") as refused:
        checked_url("https://me:secret@example.com/")

    assert "secret" not in refused.value.message


@pytest.mark.timeout(20)
def test_an_address_made_to_cost_time_costs_none() -> None:
    with pytest.raises(InvalidValueError, match="at most 2000 characters"):
        checked_url("https://a" + "\u0301" * 60_000 + "\u0327" * 60_000 + "@example.com/")


@pytest.mark.parametrize(
    "host",
    ["example.com", "my_ollama", "example.com.", "münchen.example", "xn--n3h.net", "192.168.1.30", "[::1]",
     "[fe80::1%eth0]", "a" * 63 + ".example"],
)  # fmt: skip
def test_hosts_that_can_be_looked_up_are_allowed(host: str) -> None:
    assert askable_url(f" http://{host}:11434/v1 ") == f"http://{host}:11434/v1"


@pytest.mark.parametrize(
    "host", ["192.168.1.300", "☃.net", "ｅxample.com", "[v1.x]", "a..b", ".", "．com", "a" * 64 + ".example"]
)
def test_what_is_no_host_is_refused_with_what_is_allowed(host: str) -> None:
    with pytest.raises(InvalidValueError, match=r"is neither the name of a host nor an IP address\. .* Correct it"):
        askable_url(f"http://{host}:11434/v1")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("https://a.example/v1", "https://A.example:443/v2", False),
        ("http://a.example/v1", "https://a.example/v1", False),
        ("https://münchen.example", "https://xn--mnchen-3ya.example", False),
        ("", "", False),
        ("https://a.example/v1", "http://a.example/v1", True),
        ("https://a.example/v1", "https://a.example:8443/v1", True),
        ("https://a.example/v1", "https://a.example.evil.example/v1", True),
        ("https://a.example/v1", "", True),
        ("", "https://a.example/v1", True),
        ("http://192.168.1.300/v1", "http://192.168.1.30/v1", True),
    ],
)
def test_another_host_or_port_or_one_without_tls_is_elsewhere(before: str, after: str, *, expected: bool) -> None:
    assert leads_elsewhere(before, after) is expected
