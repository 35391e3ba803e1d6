"""What the frame of every page says, and pages of the account, of settings and of automation."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import update

from pipeline.core.money import ucr
from pipeline.core.roles import Role, Scope
from pipeline.core.states import KeywordStatus, RunStatus
from pipeline.models import AiCall, Keyword, Run, User
from pipeline.services import api_keys, second_factors
from pipeline.services import credits as ledger
from pipeline.web.pages.pace import Paces
from tests.support.api import Api, statements_of, the_app
from tests.support.calls import settled_call
from tests.support.console import addresses, browser

pytestmark = pytest.mark.usefixtures("seven_stages")


def _html(api: Api, address: str, role: Role = Role.PLATFORM_ADMIN) -> str:
    return str(browser(api, role).get(address).text)


def _text(api: Api, address: str, role: Role = Role.PLATFORM_ADMIN) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", _html(api, address, role)).split())


def test_the_top_bar_says_how_long_the_credits_last(api: Api) -> None:
    def told(role: Role = Role.OWNER) -> str:
        the_app().state.paces = Paces()
        return re.search(r'class="credits".*?</(?:a|span)>', _html(api, "/help", role))[0]  # type: ignore[index]

    before = told()
    call_id = settled_call(api, api.mine, charge=ucr(1_000))
    with api.database.transaction() as session:
        session.execute(update(AiCall).where(AiCall.id == call_id).values(resolved_at=api.database.now()))
        left = ledger.balance(session, api.mine.account_id).available_ucr

    assert "about" not in before
    assert f"credits · about {left * 14 // ucr(1_000)} days" in told()
    assert 'href="/account/usage"' in told()
    assert "/account/usage" not in told(Role.EDITOR)


def test_the_pace_is_asked_for_once_a_minute(api: Api) -> None:
    client = browser(api)
    client.get("/help")

    with statements_of(api.database) as statements:
        client.get("/help")

    assert not [one for one in statements if "sum(ai_calls.charged_amount)" in one]


def test_an_owner_turns_off_the_codes_of_who_lost_them(sqlite_api: Api) -> None:
    act = f"DELETE /api/v1/users/{sqlite_api.mine.user_id}/second-factor"
    without = _html(sqlite_api, "/account/settings", Role.OWNER)
    with sqlite_api.database.transaction() as session:
        user = session.get_one(User, sqlite_api.mine.user_id)
        second_factors.begin(session, user, b"secret", now=sqlite_api.database.now())
        second_factors.confirm(session, user, secret=b"secret", step=1, now=sqlite_api.database.now())

    shown = _html(sqlite_api, "/account/settings", Role.OWNER)

    assert act not in without
    assert act in shown
    assert "logs in with codes" in shown


def test_who_looks_at_the_people_is_offered_no_way_to_lock_themselves_out(sqlite_api: Api) -> None:
    client = browser(sqlite_api, Role.OWNER)
    me = client.get("/api/v1/me").json()["user_id"]

    shown = client.get("/account/settings").text

    assert f"/api/v1/users/{me}/disable" not in shown
    assert f"/api/v1/users/{sqlite_api.mine.user_id}/disable" in shown


def test_a_key_says_what_it_reaches(sqlite_api: Api) -> None:
    now = sqlite_api.database.now()
    with sqlite_api.database.transaction() as session:
        own: dict[str, Any] = {"account_id": sqlite_api.mine.account_id, "role": Role.VIEWER, "now": now}
        api_keys.make_key(session, name="planner", scopes=(Scope.CALENDAR,), site_ids=[sqlite_api.mine.site_id], **own)

    told = _text(sqlite_api, "/account/settings")

    assert re.search(r"planner \S+ Viewer Calendar, desks ", told)
    assert "All of the API, every site" in told


def test_who_may_not_change_settings_reads_them(sqlite_api: Api) -> None:
    address = f"/sites/{sqlite_api.mine.site_id}/settings/ai-automation"
    shown = {role: _html(sqlite_api, address, role) for role in (Role.VIEWER, Role.EDITOR)}

    for role, html in shown.items():
        assert " inert" not in html
        assert ("Save changes" in html.partition('class="unsaved"')[0]) is (role is Role.EDITOR)
        assert ("You may look at these settings" in html) is (role is Role.VIEWER)


def test_the_button_follows_the_forecast(sqlite_api: Api) -> None:
    with sqlite_api.database.transaction() as session:
        session.execute(update(Run).values(status=RunStatus.COMPLETED, finished_at=sqlite_api.database.now()))

    for address in ("/automation/overview", "/automation/run"):
        shown = _html(sqlite_api, address, Role.EDITOR)
        assert 0 < shown.index("/automation/forecast?") < shown.index('data-act="POST /api/v1/sites/'), address


def test_a_stage_that_would_do_nothing_names_no_model(sqlite_api: Api) -> None:
    with sqlite_api.database.transaction() as session:
        session.execute(update(Run).values(status=RunStatus.COMPLETED, finished_at=sqlite_api.database.now()))
        session.execute(update(Keyword).values(status=KeywordStatus.CLUSTERED))
    html = _html(sqlite_api, "/automation/forecast")

    rows = re.findall(r"<tr[^>]*><th[^>]* scope=\"row\".*?</tr>", html, re.DOTALL)
    assert [">Local</td>" in row for row in rows] == [False, False, True, False, False, False, True]


def test_a_note_stands_where_whoever_reads_the_article_finds_it(sqlite_api: Api) -> None:
    content_id = sqlite_api.mine.content_id
    address = f"/writer/content/{content_id}"
    before = _text(sqlite_api, address)
    answer = sqlite_api.client.post(f"/api/v1/content/{content_id}/reject", json={"note": "Off <b>topic</b>."})
    assert answer.status_code == 200, answer.text

    html, told = _html(sqlite_api, address), _text(sqlite_api, address, Role.VIEWER)

    assert "What people decided" not in before
    assert "Rejected by key" in told
    assert "“Off &lt;b&gt;topic&lt;/b&gt;.”" in html
    assert "To have it after all, delete it" in html
    assert "To have it after all" not in told


def test_a_page_that_tells_a_time_names_its_zone(sqlite_api: Api) -> None:
    api = sqlite_api
    client = browser(api)
    prompt = {"text": "Write in {language}."}
    assert api.client.put("/api/v1/prompts/keywords_to_clusters", json=prompt).status_code == 200
    unnamed = []
    for address in addresses(api.mine.ids):
        main = re.search(r"<main.*</main>", client.get(address).text, re.DOTALL)
        told = re.sub(r"<datalist.*?</datalist>|<[^>]+>", " ", main[0], flags=re.DOTALL) if main else ""
        if re.search(r"\b[A-Z][a-z]{2} \d{1,2} [A-Z][a-z]{2}, \d\d:\d\d", told) and "Europe/Berlin" not in told:
            unnamed.append(address)

    assert unnamed == []


def test_what_a_run_gave_up_says_where_it_is_tried_again(sqlite_api: Api) -> None:
    with sqlite_api.database.transaction() as session:
        session.execute(update(Keyword).values(status=KeywordStatus.NEEDS_ATTENTION))

    assert "Needs attention A run gave it up. Retry it in that run" in _text(sqlite_api, "/planner/keywords")
    assert "Retry it in that run" not in _text(sqlite_api, "/planner/clusters")
