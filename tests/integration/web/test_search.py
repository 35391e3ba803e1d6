"""`GET /search`: what is called so, within account, sites and scopes, with the page that shows it."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.core.roles import Role, Scope
from pipeline.services import sites
from tests.support.api import Api, statements_of
from tests.support.builders import make_keywords
from tests.support.console import browser


def _found(api: Api, text: str, headers: dict[str, str] | None = None, **more: Any) -> list[dict[str, Any]]:
    answer = api.client.get("/api/v1/search", params={"q": text, **more}, headers=headers)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_what_is_found_has_a_page_that_shows_it(api: Api) -> None:
    client = browser(api)
    for text in ("desk", "how to stand", "standing", f"run {api.mine.run_id}"):
        for item in _found(api, text):
            shown = client.get(item["page"])
            assert shown.status_code == (303 if item["kind"] == "site" else 200), item
            if item["kind"] != "site":
                assert item["text"].replace("&", "&amp;") in shown.text, item


def test_nothing_of_another_account_is_found(api: Api) -> None:
    mine, others = _found(api, "desk"), _found(api, "desk", api.other.headers)

    assert mine
    assert {item["site_id"] for item in mine} == {api.mine.site_id}
    assert {item["site_id"] for item in others} == {api.other.site_id}
    assert [item for item in _found(api, f"run {api.other.run_id}") if item["kind"] == "run"] == []


def test_who_is_narrowed_finds_nothing_elsewhere(api: Api) -> None:
    told = api.client.post("/api/v1/sites", json={"name": "Second", "timezone": "UTC"}).json()
    with api.database.transaction() as session:
        second = sites.get_site(session, account_id=api.mine.account_id, site_id=told["id"])
        make_keywords(session, site=second, texts=["desk of the second"])
    narrowed = api.key(Role.VIEWER, site_ids=[told["id"]])

    assert {item["site_id"] for item in _found(api, "desk", narrowed)} == {told["id"]}
    assert {item["site_id"] for item in _found(api, "s", narrowed)} == {told["id"]}
    assert {item["site_id"] for item in _found(api, "desk")} == {api.mine.site_id, told["id"]}


def test_a_key_finds_what_its_scopes_reach(api: Api) -> None:
    both = api.key(Role.VIEWER, scopes=(Scope.SITES, Scope.CONTENT))

    assert {item["kind"] for item in _found(api, "how", both)} <= {"site", "article"}
    assert {item["kind"] for item in _found(api, "desk", both)} == {"site"}


@pytest.mark.parametrize("params", [{"q": "x" * 201}, {"q": "a\x00"}, {"q": "a", "limit": 21}])
def test_what_cannot_be_looked_for_is_refused(sqlite_api: Api, params: dict[str, Any]) -> None:
    assert sqlite_api.client.get("/api/v1/search", params=params).status_code == 422


def test_who_looks_for_nothing_finds_nothing(sqlite_api: Api) -> None:
    assert _found(sqlite_api, "") == []
    assert sqlite_api.client.get("/api/v1/search").json() == {"items": []}


def test_a_search_asks_a_bounded_number_of_statements(sqlite_api: Api) -> None:
    for number in range(8):
        sqlite_api.client.post("/api/v1/sites", json={"name": f"Site {number}", "timezone": "UTC"})
    with statements_of(sqlite_api.database) as seen:
        _found(sqlite_api, "armchair")

    assert len(seen) < 32
