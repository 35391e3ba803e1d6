"""Pages go compressed where the browser takes it, and two of the same page are not always of one length."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.console import browser


def _raw(api: Api, accepted: str) -> Any:
    client = browser(api)
    with client.stream("GET", "/", headers={"Accept-Encoding": accepted}) as answer:
        return answer.headers, b"".join(answer.iter_raw())


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.8", "GZIP"])
def test_a_page_goes_compressed(sqlite_api: Api, accepted: str) -> None:
    headers, body = _raw(sqlite_api, accepted)

    assert headers["content-encoding"] == "gzip"
    assert headers["vary"] == "Accept-Encoding"
    assert b"<!doctype html>" in gzip.decompress(body)


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "identity"])
def test_who_does_not_take_it_gets_it_plain(sqlite_api: Api, accepted: str) -> None:
    headers, body = _raw(sqlite_api, accepted)

    assert "content-encoding" not in headers
    assert body.startswith(b"<!doctype html>")


def test_how_long_a_page_is_tells_nothing_of_it(sqlite_api: Api) -> None:
    client = browser(sqlite_api)
    seen = set()
    for _ in range(20):
        with client.stream("GET", "/sites", headers={"Accept-Encoding": "gzip"}) as answer:
            seen.add(len(b"".join(answer.iter_raw())))

    assert len(seen) > 5


def test_files_go_compressed_too(sqlite_api: Api) -> None:
    answer = sqlite_api.client.get("/static/console.css", headers={"Accept-Encoding": "gzip"})

    assert answer.headers["content-encoding"] == "gzip"
    assert "--primary" in answer.text
