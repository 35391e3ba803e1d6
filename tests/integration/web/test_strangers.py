"""Whoever is not known is answered so often an address, and then costs neither a look-up nor the reading of a body."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from starlette.testclient import TestClient

from pipeline import asgi
from pipeline.config import Config, config, use_config
from pipeline.core.errors import TooManyRequestsError
from pipeline.secrets import METRICS_TOKEN, ensure_secrets
from pipeline.web import app as web_app
from pipeline.web import strangers as strangers_module
from pipeline.web.strangers import Strangers
from tests.support.api import Api, FakeBackend, statements_of, the_app

MOST = 3
UNKNOWN = {"Authorization": "Bearer igny8_nobodyhasthiskey"}


@pytest.fixture
def few(sqlite_api: Api) -> Iterator[Api]:
    """An app that answers three strangers a minute."""
    the_app().state.strangers = Strangers(MOST)
    yield sqlite_api
    the_app().state.strangers = Strangers(0)


def _from(address: str) -> TestClient:
    return TestClient(the_app(), raise_server_exceptions=False, client=(address, 50_000))


def _statuses(client: TestClient, *, times: int = MOST + 1, path: str = "/api/v1/sites", **more: Any) -> list[int]:
    return [client.get(path, **more).status_code for _ in range(times)]


def test_a_key_that_nobody_has_is_looked_up_so_often_and_then_refused_unseen(few: Api) -> None:
    client = _from("192.0.2.1")

    before = _statuses(client, times=MOST, headers=UNKNOWN)
    with statements_of(few.database) as statements:
        refused = client.get("/api/v1/sites", headers=UNKNOWN)

    assert before == [401] * MOST
    assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert "unknown callers" in refused.json()["detail"]
    assert statements == []


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer "}])
def test_who_says_nothing_costs_the_database_nothing(few: Api, headers: dict[str, str]) -> None:
    client = _from("192.0.2.2")

    with statements_of(few.database) as statements:
        statuses = [client.put(few.settings_path, json={}, headers=headers).status_code for _ in range(MOST + 1)]

    assert statuses == [401] * MOST + [429]
    assert statements == []


def test_a_body_of_somebody_who_is_refused_is_not_read(few: Api) -> None:
    client = _from("192.0.2.3")
    _statuses(client)
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "path": "/api/v1/login",
        "query_string": b"", "headers": [(b"content-length", b"900000")], "client": ("192.0.2.3", 50_000),
    }  # fmt: skip
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError("the body was asked for")

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(the_app()(scope, receive, send))

    assert sent[0]["status"] == 429


def test_who_was_known_is_answered_from_an_address_whose_strangers_are_refused(few: Api) -> None:
    client, known, fresh = _from("192.0.2.4"), few.key(), few.key()
    first = _statuses(client, times=1, headers=known)

    strangers = _statuses(client, headers=UNKNOWN)

    assert (first, strangers[-1]) == ([200], 429)
    assert _statuses(client, times=2, headers=known) == [200, 200]
    assert _statuses(client, times=1, headers=fresh) == [429]
    assert _statuses(_from("192.0.2.5"), times=1, headers=fresh) == [200]


def test_who_was_known_long_ago_or_is_no_longer_is_a_stranger(few: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    client = _from("192.0.2.6")
    made = few.client.post("/api/v1/api-keys", json={"role": "owner"}).json()
    revoked, known = {"Authorization": f"Bearer {made['key']}"}, few.key()
    for headers in (revoked, known):
        _statuses(client, times=1, headers=headers)
    few.client.post(f"/api/v1/api-keys/{made['id']}/revoke")

    assert _statuses(client, headers=revoked) == [401] * MOST + [429]
    assert _statuses(client, times=1, headers=known) == [200]
    monkeypatch.setattr(strangers_module, "_KNOWN_SECONDS", -1)
    _statuses(client, times=1, headers=known)
    assert _statuses(client, times=1, headers=known) == [429]


def test_addresses_are_counted_apart_and_an_ipv6_network_as_one(few: Api) -> None:
    statuses = [_statuses(_from(f"192.0.2.{last}"), times=1)[0] for last in range(10, 20)]
    network = [_statuses(_from(f"2001:db8::{last:x}"), times=1)[0] for last in range(1, MOST + 2)]

    assert statuses == [401] * 10
    assert network == [401] * MOST + [429]
    assert _statuses(_from("2001:db8:0:1::1"), times=1) == [401]
    assert _statuses(_from("::ffff:192.0.2.10"), times=MOST) == [401] * (MOST - 1) + [429]


def test_secret_addresses_and_metrics_are_counted_too(few: Api) -> None:
    right = {"Authorization": f"Bearer {ensure_secrets(config().home)[METRICS_TOKEN]}"}
    scraper = _from("192.0.2.30")

    assert _statuses(_from("192.0.2.31"), path="/feeds/guess.ics") == [404] * MOST + [429]
    assert _statuses(scraper, times=1, path="/metrics", headers=right) == [200]
    assert _statuses(scraper, path="/metrics", headers=UNKNOWN) == [401] * MOST + [429]
    assert _statuses(scraper, times=1, path="/metrics", headers=right) == [200]


def test_health_is_told_as_often_as_it_is_asked_and_looked_up_once_a_second(few: Api) -> None:
    client = _from("192.0.2.40")
    the_app().state.healthy_until = 0

    with statements_of(few.database) as statements:
        statuses = [client.get(path).status_code for path in ("/healthz", "/livez") * 10]

    assert statuses == [200] * 20
    assert len(statements) <= 2


def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers_module, "_MOST_KNOWN", 10)
    counted = Strangers(1)

    for number in range(100):
        counted.know(f"key {number}")

    assert len(counted._known) <= 10
    counted.count("here")
    counted.let_in("here", "key 99")
    with pytest.raises(TooManyRequestsError):
        counted.let_in("here", "key 1")


@pytest.mark.parametrize(
    ("trusted", "statuses"),
    [(None, [401] * MOST + [429] * 2), (("192.0.2.0/24",), [401] * 5), (("198.51.100.7",), [401] * MOST + [429] * 2)],
)
def test_only_a_proxy_that_is_named_says_whom_a_request_is_from(
    sqlite_api: Api, monkeypatch: pytest.MonkeyPatch, trusted: tuple[str, ...] | None, statuses: list[int]
) -> None:
    use_config(Config(home=config().home, trusted_proxies=trusted, strangers_a_minute=MOST))
    try:
        monkeypatch.setattr(asgi, "app", web_app.create_app(FakeBackend(sqlite_api.database)))
        served = asgi._server().config
    finally:
        use_config(None)
    served.load()
    client = TestClient(served.loaded_app, client=("192.0.2.50", 50_000))

    found = [client.get("/api/v1/me", headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code for n in range(5)]

    assert found == statuses
