"""What every page keeps: who is let in, whose rows are shown, and what a browser may do with it."""

from __future__ import annotations

import re

import pytest

from pipeline.core.modules import Module
from pipeline.core.roles import Role
from pipeline.services.settings import FIELDS
from pipeline.services.settings.modules import switch_account
from pipeline.web.pages.log_in import local
from pipeline.web.pages.menu import paths
from tests.support.api import Api
from tests.support.console import addresses, page_paths, reader

#: They show nothing of anybody, or lead elsewhere.
_OPEN = {"/login"}
_LEADS_ON = {"/switch"}


def test_who_is_not_known_is_asked_to_log_in_and_led_back(sqlite_api: Api) -> None:
    browser = reader(sqlite_api)
    asked = {address: browser.get(address) for address in addresses(sqlite_api.mine.ids) if address not in _OPEN}

    found = {address: (answer.status_code, answer.headers.get("location", "")) for address, answer in asked.items()}
    closed = {address: told for address, told in found.items() if address != "/switch"}
    assert {status for status, _ in closed.values()} == {303}
    assert all(where.startswith("/login?next=%2F") for _, where in closed.values())
    assert browser.get("/login").status_code == 200


def test_every_page_opens_and_lets_no_foreign_or_inline_script_in(api: Api) -> None:
    for address in addresses(api.mine.ids):
        if address in _LEADS_ON:
            continue
        answer = api.client.get(address)
        assert (address, answer.status_code) == (address, 200)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "'unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert not re.findall(r"<script(?![^>]* src=)|\son\w+=|\sstyle=|javascript:", answer.text), address


def test_another_accounts_rows_are_not_there(api: Api) -> None:
    theirs = {path for path in page_paths() if "{" in path}
    for path in theirs:
        address = re.sub(r"\{(\w+)(?::int)?\}", lambda found: str(api.other.ids[found[1]]), path)
        answer = api.client.get(address)
        assert (path, answer.status_code) == (path, 404)
        assert "How to stand" not in answer.text
    assert api.client.get(f"/switch?site={api.other.site_id}").status_code == 404


def test_a_reader_who_may_not_change_is_shown_no_way_to(sqlite_api: Api) -> None:
    headers = sqlite_api.key(Role.VIEWER)
    pages = [address for address in addresses(sqlite_api.mine.ids) if address not in _LEADS_ON | _OPEN]

    for address in pages:
        told = sqlite_api.client.get(address, headers=headers).text
        assert "data-act=" not in re.sub(r"<dialog.*?</dialog>", "", told, flags=re.DOTALL), address


def test_the_settings_page_has_every_setting(sqlite_api: Api) -> None:
    told = sqlite_api.client.get(f"/sites/{sqlite_api.mine.site_id}/settings/ai-automation").text
    there = set(re.findall(r'(?:name|data-list)="([a-z_]+\.[a-z0-9_.]+)"', told))

    assert set(FIELDS) - there == set()


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
        "x",
        "/a\nb",
        "\t//evil.example",
    ],
)
def test_nobody_is_led_away_after_logging_in(sqlite_api: Api, address: str) -> None:
    assert local(address) == "/"
    assert 'data-next="/"' in reader(sqlite_api).get("/login", params={"next": address}).text


def test_a_module_that_is_off_is_not_in_the_side_bar(sqlite_api: Api) -> None:
    before = sqlite_api.client.get("/").text
    with sqlite_api.database.transaction() as session:
        switch_account(session, sqlite_api.mine.account_id, {Module.PLANNER.value: False})

    after = sqlite_api.client.get("/").text
    assert 'href="/planner/keywords"' in before
    assert 'href="/planner/keywords"' not in after


def test_the_side_bar_leads_to_pages_that_are_there(sqlite_api: Api) -> None:
    assert set(paths()) <= page_paths()


def test_what_people_wrote_is_text_on_every_page(api: Api) -> None:
    marked = "<img src=x onerror=alert(1)>'\""
    answer = api.client.patch(f"/api/v1/sites/{api.mine.site_id}", json={"name": marked})
    assert answer.status_code == 200, answer.text

    for address in addresses(api.mine.ids):
        if address not in _LEADS_ON:
            assert "<img src=x" not in api.client.get(address).text, address
