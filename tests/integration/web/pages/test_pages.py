"""What every page keeps: who is let in, whose rows are shown, and what a browser may do with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.config import load_config, use_config
from pipeline.core.modules import Module
from pipeline.core.roles import Role
from pipeline.services.settings import FIELDS
from pipeline.services.settings.modules import switch_account
from pipeline.web.pages.log_in import local
from pipeline.web.pages.menu import paths
from tests.support.api import Api
from tests.support.console import addresses, browser, page_paths, stranger

#: It shows nothing of anybody, and the other leads elsewhere.
_NO_PAGES = {"/login", "/switch"}
#: What of the account is not told to who reaches some sites only.
_OF_OWNERS = {
    "/account/settings",
    "/account/plans",
    "/account/usage",
    "/account/webhooks/{webhook_id}",
    "/setup/wizard",
    "/thinker/prompts",
    "/thinker/author-profiles",
}
_OF_THE_ACCOUNT = _OF_OWNERS | {"/account/notifications"}
_OF_THE_PLATFORM = {"/settings/ai-models"}


def _pages(api: Api) -> list[str]:
    return [address for address in addresses(api.mine.ids) if address not in _NO_PAGES]


def _filled(api: Api, paths: set[str]) -> set[str]:
    return {path.format(**api.mine.ids) for path in paths}


def test_who_is_not_known_is_asked_to_log_in_and_led_back(sqlite_api: Api) -> None:
    client = stranger(sqlite_api)

    for headers in ({}, {"Cookie": "igny8_log_in=wrong"}, sqlite_api.mine.headers):
        asked = [client.get(address, headers=headers) for address in _pages(sqlite_api)]
        assert {answer.status_code for answer in asked} == {303}
        assert all(answer.headers["location"].startswith("/login?next=%2F") for answer in asked)
    assert client.get("/login").status_code == 200


def test_every_page_opens_and_lets_no_foreign_or_inline_script_in(api: Api) -> None:
    client = browser(api)
    for address in _pages(api):
        answer = client.get(address)
        assert (address, answer.status_code) == (address, 200)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "'unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert not re.findall(r"<script(?![^>]* src=)|\son\w+=|\sstyle=|javascript:", answer.text), address


def test_another_accounts_rows_are_not_there(api: Api) -> None:
    client = browser(api)
    for path in {path for path in page_paths() if "{" in path}:
        address = re.sub(r"\{(\w+)(?::int)?\}", lambda found: str(api.other.ids[found[1]]), path)
        answer = client.get(address)
        assert (path, answer.status_code) == (path, 404)
        assert "How to stand" not in answer.text
    assert client.get(f"/switch?site={api.other.site_id}").status_code == 404


def test_roles_see_what_is_theirs(sqlite_api: Api) -> None:
    kinds = {role: browser(sqlite_api, role) for role in Role}
    pages = _pages(sqlite_api)
    refused = {role: {page for page in pages if client.get(page).status_code == 403} for role, client in kinds.items()}

    of_owners = _filled(sqlite_api, _OF_OWNERS)
    edits = {page for page in pages if page.endswith("/edit")}
    assert refused[Role.PLATFORM_ADMIN] == set()
    assert refused[Role.OWNER] == _OF_THE_PLATFORM
    assert refused[Role.EDITOR] == _OF_THE_PLATFORM | of_owners
    assert refused[Role.VIEWER] == _OF_THE_PLATFORM | of_owners | edits


def test_who_reaches_some_sites_is_told_nothing_of_the_account(api: Api) -> None:
    narrowed = browser(api, Role.EDITOR, site_ids=[api.mine.site_id])

    for address in _pages(api):
        answer = narrowed.get(address)
        if address in _filled(api, _OF_THE_ACCOUNT | _OF_THE_PLATFORM):
            assert (address, answer.status_code) == (address, 403)
        else:
            assert (address, answer.status_code) == (address, 200)
            assert 'class="credits"' not in answer.text
            assert "takes no articles" not in answer.text
    nowhere = browser(api, Role.VIEWER, site_ids=[])
    with_ids = {address for address in _pages(api) if re.search(r"/\d", address)} - _filled(api, _OF_THE_ACCOUNT)
    assert {nowhere.get(address).status_code for address in with_ids if not address.endswith("/edit")} == {404}


def test_a_run_leads_to_its_tasks_whoever_may_run_the_installation(
    sqlite_api: Api, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(lambda: use_config(None))
    use_config(load_config({"IGNY8_HOME": str(tmp_path), "IGNY8_FLOWER_URL": "https://flower.example/"}))
    address = f"/automation/runs/{sqlite_api.mine.run_id}"
    link = f'href="https://flower.example/runs/{sqlite_api.mine.run_id}/tasks"'

    shown = {role: link in browser(sqlite_api, role).get(address).text for role in Role}

    assert shown == {role: role is Role.PLATFORM_ADMIN for role in Role}


def test_a_reader_who_may_not_change_is_shown_no_way_to(sqlite_api: Api) -> None:
    client = browser(sqlite_api, Role.VIEWER)

    for address in _pages(sqlite_api):
        told = client.get(address).text
        assert "data-act=" not in re.sub(r"<dialog.*?</dialog>", "", told, flags=re.DOTALL), address


def test_the_settings_page_has_every_setting(sqlite_api: Api) -> None:
    told = browser(sqlite_api).get(f"/sites/{sqlite_api.mine.site_id}/settings/ai-automation").text
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
        "///evil.example/x",
        "http://[",
        "//[",
    ],
)
def test_nobody_is_led_away_after_logging_in(sqlite_api: Api, address: str) -> None:
    assert local(address) == "/"
    assert 'data-next="/"' in stranger(sqlite_api).get("/login", params={"next": address}).text


def test_a_module_that_is_off_is_not_in_the_side_bar(sqlite_api: Api) -> None:
    client = browser(sqlite_api)
    before = client.get("/").text
    with sqlite_api.database.transaction() as session:
        switch_account(session, sqlite_api.mine.account_id, {Module.PLANNER.value: False})

    after = client.get("/").text
    assert 'href="/planner/keywords"' in before
    assert 'href="/planner/keywords"' not in after


def test_the_side_bar_leads_to_pages_that_are_there(sqlite_api: Api) -> None:
    assert set(paths()) <= page_paths()


def test_what_people_wrote_is_text_on_every_page(api: Api) -> None:
    marked = "<img src=x onerror=alert(1)>'\""
    answer = api.client.patch(f"/api/v1/sites/{api.mine.site_id}", json={"name": marked})
    assert answer.status_code == 200, answer.text

    client = browser(api)
    for address in _pages(api):
        assert "<img src=x" not in client.get(address).text, address


_HUGE = 2**63


@pytest.mark.parametrize(
    "address",
    [
        "/nope",
        "/writer/content/abc",
        f"/writer/content/{_HUGE}",
        f"/automation/runs/{_HUGE}",
        f"/automation/runs/{_HUGE}/parts",
        f"/sites/{_HUGE}/settings/ai-automation",
        f"/switch?site={_HUGE}",
        f"/planner/keywords?after={_HUGE}",
        f"/automation/runs?before={_HUGE}",
        "/automation/runs?before=0",
        "/publisher/content-calendar?kind=x",
        "/publisher/content-calendar?at=tomorrow",
        "/planner/keywords?text=%00",
        f"/planner/keywords?text={'x' * 300}",
    ],
)
def test_where_there_is_no_page_a_page_says_so(api: Api, address: str) -> None:
    answer = browser(api).get(address)

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "There is no such page." in answer.text


def test_what_others_put_behind_an_address_does_no_harm(sqlite_api: Api) -> None:
    assert browser(sqlite_api).get("/planner/keywords?utm_source=mail").status_code == 200
    assert sqlite_api.client.get("/api/v1/runs?utm_source=mail").status_code == 422


def test_the_site_in_the_address_counts_before_the_one_looked_at_last(sqlite_api: Api) -> None:
    told = sqlite_api.client.post("/api/v1/sites", json={"name": "Other site", "timezone": "UTC"})
    client = browser(sqlite_api)
    client.get(f"/switch?site={told.json()['id']}")

    assert f'id="keywords" data-site="{told.json()["id"]}"' in client.get("/planner/keywords").text
    there = client.get(f"/planner/keywords?site={sqlite_api.mine.site_id}").text
    assert f'id="keywords" data-site="{sqlite_api.mine.site_id}"' in there
    assert f'name="site" value="{sqlite_api.mine.site_id}"' in there


def test_the_side_bar_leads_nobody_to_what_they_may_not_see(sqlite_api: Api) -> None:
    people = [browser(sqlite_api, role) for role in Role]
    people.append(browser(sqlite_api, Role.OWNER, site_ids=[sqlite_api.mine.site_id]))
    for client in people:
        offered = set(re.findall(r'class="side-(?:leaf|item)" href="([^"]+)"', client.get("/").text))
        assert offered
        assert {client.get(path).status_code for path in offered} == {200}
