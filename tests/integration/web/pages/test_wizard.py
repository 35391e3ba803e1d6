"""The setup wizard shows what is next by what is there, and nothing that cannot be done yet."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from pipeline.core.roles import Role
from pipeline.core.states import ContentStatus, RunStatus
from pipeline.models import Content, Keyword, Run, SiteAutomationSettings
from pipeline.services import beginnings, sites
from pipeline.services.beginnings import Step
from tests.support.api import Api
from tests.support.builders import make_keywords
from tests.support.console import browser


@pytest.fixture
def client(sqlite_api: Api) -> TestClient:
    """An owner's browser."""
    return browser(sqlite_api, Role.OWNER)


def _step(client: TestClient, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    [found] = re.findall(r'id="wizard" data-step="(\w+)"', answer.text)
    assert answer.text.count('aria-current="step"') == 1
    return str(found)


def _new_site(api: Api) -> int:
    with api.database.transaction() as session:
        now = api.database.now()
        return sites.add_site(session, account_id=api.mine.account_id, name="Lake", timezone="UTC", now=now).id


def test_each_step_follows_from_what_is_there(sqlite_api: Api, client: TestClient) -> None:
    site_id = _new_site(sqlite_api)
    here = f"/setup/wizard?site={site_id}"
    assert _step(client, here) == "keywords"
    with sqlite_api.database.transaction() as session:
        make_keywords(
            session,
            site=sites.get_site(session, account_id=sqlite_api.mine.account_id, site_id=site_id),
            texts=["lake"],
        )
    assert _step(client, here) == "plan"
    with sqlite_api.database.transaction() as session:
        session.query(SiteAutomationSettings).filter_by(site_id=site_id).one().version = 2
    assert _step(client, here) == "run"
    assert _step(client, f"{here}&step=plan") == "plan"


def test_a_live_run_is_shown_with_its_stages_and_an_article_when_it_is_over(
    sqlite_api: Api, client: TestClient
) -> None:
    here = f"/setup/wizard?site={sqlite_api.mine.site_id}"
    told = client.get(here).text
    assert f'data-live="{sqlite_api.mine.run_id}"' in told
    assert told.count("<progress") == 7
    with sqlite_api.database.transaction() as session:
        session.get_one(Run, sqlite_api.mine.run_id).status = RunStatus.COMPLETED

    told = client.get(here).text
    assert "Your first article is there" in told
    assert "How to stand" in told
    assert "Europe/Berlin" in told


def test_nobody_skips_a_step_and_everybody_goes_back(sqlite_api: Api, client: TestClient) -> None:
    here = f"/setup/wizard?site={_new_site(sqlite_api)}"

    assert [_step(client, f"{here}&step={step}") for step in ("site", "keywords", "plan", "run", "article")] == [
        "site",
        "keywords",
        "keywords",
        "keywords",
        "keywords",
    ]
    assert client.get(f"{here}&step=dance").status_code == 404


def test_one_more_site_begins_at_the_beginning(client: TestClient) -> None:
    assert _step(client, "/setup/wizard?new=true") == "site"


def test_an_empty_account_is_led_there_by_every_page(sqlite_api: Api, client: TestClient) -> None:
    answer = sqlite_api.client.delete(f"/api/v1/sites/{sqlite_api.mine.site_id}?drafts=keep")
    assert answer.status_code == 200, answer.text

    assert _step(client, "/setup/wizard") == "site"
    assert client.get("/planner/keywords").headers["location"] == "/"
    assert 'href="/setup/wizard">' in client.get("/").text
    viewer = browser(sqlite_api, Role.VIEWER).get("/").text
    assert "Ask an owner" in viewer
    assert "/setup/wizard" not in viewer


def test_a_run_that_made_nothing_says_why_and_what_to_do(sqlite_api: Api, client: TestClient) -> None:
    with sqlite_api.database.transaction() as session:
        run = session.get_one(Run, sqlite_api.mine.run_id)
        run.status, run.reason = RunStatus.FAILED, "Nothing could be asked."
        session.get_one(Content, sqlite_api.mine.content_id).status = ContentStatus.REJECTED

    told = client.get(f"/setup/wizard?site={sqlite_api.mine.site_id}").text
    assert "made no article" in told
    assert "Nothing could be asked." in told
    assert "Run now" in told


def test_the_article_nearest_to_its_readers_is_the_first(sqlite_api: Api) -> None:
    with sqlite_api.database.transaction() as session:
        site = sites.get_site(session, account_id=sqlite_api.mine.account_id, site_id=sqlite_api.mine.site_id)
        session.get_one(Run, sqlite_api.mine.run_id).status = RunStatus.COMPLETED
        found = beginnings.beginning_of(session, site)
        assert (found.step, found.article.id if found.article else 0) == (Step.ARTICLE, sqlite_api.mine.content_id)
        assert found.slot_at is not None
        assert found.scheduled == 1
        assert found.reaches(Step.SITE)


def test_what_a_deleted_keyword_was_does_not_count(sqlite_api: Api) -> None:
    site_id = _new_site(sqlite_api)
    with sqlite_api.database.transaction() as session:
        site = sites.get_site(session, account_id=sqlite_api.mine.account_id, site_id=site_id)
        [keyword] = make_keywords(session, site=site, texts=["lake"])
        session.get_one(Keyword, keyword.id).deleted_at = sqlite_api.database.now()
        session.flush()
        assert beginnings.beginning_of(session, site).step is Step.KEYWORDS
