"""What single pages show: library, plans, help, images, publishing, a site, deliveries, usage, runs."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from pipeline.config import config, use_config
from pipeline.core.roles import Role
from pipeline.core.states import (
    ContentStatus,
    DeliveryStatus,
    ImagePromptStatus,
    ItemStatus,
    KeywordStatus,
    PublicationStatus,
    RunStatus,
    StageRunStatus,
)
from pipeline.models import (
    CalendarSlot,
    Content,
    Delivery,
    ImagePrompt,
    Keyword,
    Publication,
    Run,
    Site,
    StageItem,
    StageRun,
)
from pipeline.services import credits as ledger
from pipeline.services import keyword_library, plans
from tests.support.api import Api
from tests.support.console import browser


def _text(api: Api, address: str, role: Role = Role.PLATFORM_ADMIN, **more: Any) -> str:
    answer = browser(api, role).get(address, **more)
    assert answer.status_code == 200, answer.text
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def _html(api: Api, address: str, role: Role = Role.PLATFORM_ADMIN) -> str:
    return str(browser(api, role).get(address).text)


def test_an_empty_library_says_who_fills_it(sqlite_api: Api) -> None:
    assert "Import a file of keywords for an industry" in _text(sqlite_api, "/setup/add-keywords")
    assert "Whoever runs the installation fills it." in _text(sqlite_api, "/setup/add-keywords", Role.EDITOR)


def test_the_library_shows_a_sector_and_says_that_figures_are_guesses(api: Api) -> None:
    with api.database.transaction() as session:
        keyword_library.add_starting_set(session)
        shelf = next(shelf for shelf in keyword_library.shelves(session) if shelf.sector == "Coffee")

    told = _text(api, f"/setup/add-keywords?sector={shelf.sector_id}")
    assert "espresso machine for beginners about 2,000 about 52 Commercial" in told
    assert "Searches and difficulty are guesses, written 28 Nov 2026" in told
    found = _text(api, f"/setup/add-keywords?sector={shelf.sector_id}&text=grinder", Role.VIEWER)
    assert "hand grinder for espresso" in found
    assert "espresso machine for beginners" not in found


def test_plans_show_what_is_offered_what_is_used_and_every_movement(api: Api) -> None:
    now = api.database.now()
    with api.database.transaction() as session:
        by: dict[str, Any] = {"by": api.mine.account_id, "actor": "ann", "now": now}
        plans.set_plan(session, "Studio", {"price_cents": 4_950, "currency": "EUR", "most_sites": 3}, **by)
        plans.set_package(session, "Small", {"amount": 500_000_000}, **by)
        ledger.grant(session, account_id=api.mine.account_id, amount_ucr=5_000_000, key="g", note="A gift", now=now)

    told = _text(api, "/account/plans")
    assert "Studio 49.50 EUR a month Up to 3 sites Any number of people" in told
    assert "Small 500.0 No price is told Book it" in told
    assert "Grant A gift 5.0" in told
    assert "A gift" not in _text(api, "/account/plans?kind=refund", Role.OWNER)
    assert "Book it" not in _text(api, "/account/plans", Role.OWNER)


def test_help_leads_to_pages_that_are_there(sqlite_api: Api) -> None:
    client = browser(sqlite_api)
    links = set(re.findall(r'href="(/[^"]*)"', re.sub(r"<nav class=\"side\".*?</nav>", "", client.get("/help").text)))

    pages = {link for link in links if not link.startswith(("/static", "/api", "/switch"))}
    assert len(pages) > 8
    assert {link: client.get(link).status_code for link in pages} == dict.fromkeys(pages, 200)


@pytest.mark.parametrize(
    ("status", "of", "may"),
    [
        (ImagePromptStatus.DONE, ContentStatus.REVIEW, True),
        (ImagePromptStatus.NEW, ContentStatus.REVIEW, False),
        (ImagePromptStatus.DONE, ContentStatus.APPROVED, False),
    ],
)
def test_an_image_is_drawn_again_where_it_may(
    sqlite_api: Api, status: ImagePromptStatus, of: ContentStatus, *, may: bool
) -> None:
    with sqlite_api.database.transaction() as session:
        session.execute(update(ImagePrompt).values(status=status))
        session.execute(update(Content).values(status=of))

    shown = _html(sqlite_api, "/writer/images")
    assert (f"/content/{sqlite_api.mine.content_id}/images/0/regenerate" in shown) is may
    assert f"/api/v1/images/{sqlite_api.mine.image_id}" in shown
    assert f"/api/v1/images/{sqlite_api.other.image_id}" not in shown


def test_what_is_to_be_published_stands_where_it_belongs(api: Api) -> None:
    def told() -> str:
        return _text(api, "/writer/approved", Role.VIEWER)

    before = told()
    with api.database.transaction() as session:
        at = api.database.now() - timedelta(minutes=90)
        mine = CalendarSlot.content_id == api.mine.content_id
        session.execute(update(CalendarSlot).where(mine).values(slot_at=at))
    late = browser(api, Role.OWNER).get("/writer/approved").text
    with api.database.transaction() as session:
        content = session.get_one(Content, api.mine.content_id)
        content.status = ContentStatus.NEEDS_ATTENTION
        publication = session.scalars(select(Publication).where(Publication.content_id == content.id)).one()
        publication.status, publication.due_at = PublicationStatus.NEEDS_ATTENTION, None
        publication.error = "It answered 500."
    stuck = browser(api, Role.EDITOR).get("/writer/approved").text

    assert "Scheduled move them on the calendar Article Status Slot How to stand" in before
    assert "Overdue by 1 h 30 min" in late
    assert "It answered 500." in stuck
    assert "Overdue by" not in stuck


def test_what_is_published_stands_with_its_address_and_how_it_differs(api: Api) -> None:
    with api.database.transaction() as session:
        session.get_one(Content, api.mine.content_id).status = ContentStatus.PUBLISHED
        of_mine = Publication.content_id == api.mine.content_id
        publication = session.scalars(select(Publication).where(of_mine)).one()
        publication.status, publication.published_at = PublicationStatus.PUBLISHED, api.database.now()
        publication.remote_url, publication.drift = "javascript:alert(1)", "edited"

    shown = _html(api, "/writer/approved?show=results")
    assert "Somebody edited it there." in shown
    assert 'href="javascript' not in shown
    with api.database.transaction() as session:
        session.execute(update(Publication).values(remote_url="https://desks.example/stand"))
    assert 'href="https://desks.example/stand"' in _html(api, "/writer/approved?show=results", Role.OWNER)


def test_a_site_says_how_it_was_found_and_shows_no_credentials(api: Api) -> None:
    with api.database.transaction() as session:
        site = session.get_one(Site, api.mine.site_id)
        site.sync_status, site.sync_error, site.credentials = "failing", "It answered 401.", b"k:hidden words"

    told = _text(api, f"/sites/{api.mine.site_id}")
    assert "Does not take articles" in told
    assert "It answered 401." in told
    assert "Application password (set; empty: as it is, while the address is of the same host)" in told
    shown = _html(api, f"/sites/{api.mine.site_id}", Role.OWNER)
    assert "hidden words" not in shown
    assert "Delete the site" in shown
    assert "Delete the site" not in _html(api, f"/sites/{api.mine.site_id}", Role.EDITOR)


def test_the_form_of_providers_says_for_which_address_a_key_is_kept(api: Api) -> None:
    shown = _html(api, "/settings/ai-models", Role.PLATFORM_ADMIN)

    assert "Key (empty: as it is, while the address is of the same host)" in shown


def test_a_delivery_that_was_given_up_may_be_sent_again(api: Api) -> None:
    address = f"/account/webhooks/{api.mine.webhook_id}"
    again = f"/deliveries/{api.mine.delivery_id}/redeliver"

    waits = _html(api, address)
    with api.database.transaction() as session:
        row = session.get_one(Delivery, api.mine.delivery_id)
        row.status, row.due_at, row.last_answer = DeliveryStatus.GIVEN_UP, None, "It answered 500."
    given_up = _html(api, address, Role.OWNER)

    assert again not in waits
    assert again in given_up
    assert "It answered 500." in given_up


def test_usage_draws_a_bar_for_each_of_thirty_days(sqlite_api: Api) -> None:
    shown = _html(sqlite_api, "/account/usage")

    assert len(re.findall(r'<rect class="bar-live"', shown)) == 30
    assert "style=" not in shown


def test_what_failed_in_a_run_may_be_retried_one_by_one(sqlite_api: Api) -> None:
    mine = sqlite_api.mine
    with sqlite_api.database.transaction() as session:
        of_run = (StageRun.run_id == mine.run_id, StageRun.number == 1)
        stage = session.scalars(select(StageRun).where(*of_run)).one()
        stage.status, stage.due_at = StageRunStatus.COMPLETED_WITH_ERRORS, None
        session.get_one(Keyword, mine.keyword_id).status = KeywordStatus.NEEDS_ATTENTION
        item = StageItem(stage_run_id=stage.id, position=1, subject_id=mine.keyword_id, status=ItemStatus.FAILED)
        item.error = "The answer did not fit."
        session.add(item)
        session.get_one(Run, mine.run_id).status = RunStatus.COMPLETED_WITH_ERRORS

    shown = _html(sqlite_api, f"/automation/runs/{mine.run_id}")
    assert "The answer did not fit." in shown
    bodies = re.findall(rf'data-act="POST /api/v1/runs/{mine.run_id}/retry"(?: data-body="([^"]*)")?', shown)
    assert {body.replace("&#34;", '"') for body in bodies} == {
        "", '{"stage": 1}', f'{{"item": {mine.keyword_id}, "stage": 1}}',
    }  # fmt: skip
    assert "/retry" not in _html(sqlite_api, f"/automation/runs/{mine.run_id}", Role.VIEWER)


def test_what_was_deleted_is_listed_to_be_restored(sqlite_api: Api) -> None:
    mine = sqlite_api.mine
    assert sqlite_api.client.delete(f"/api/v1/content/{mine.content_id}").status_code == 200

    shown = _html(sqlite_api, "/writer/content?status=deleted")
    assert f'data-act="POST /api/v1/content/{mine.content_id}/restore"' in shown
    assert f'href="/writer/content/{mine.content_id}"' not in shown


def test_an_article_says_what_it_said_before_and_where_it_stands(sqlite_api: Api) -> None:
    mine = sqlite_api.mine
    changed = sqlite_api.client.patch(f"/api/v1/content/{mine.content_id}", json={"title": "How to sit"})
    assert changed.status_code == 200
    with sqlite_api.database.transaction() as session:
        session.execute(update(Publication).values(remote_url="https://desks.example/stand"))

    shown = _html(sqlite_api, f"/writer/content/{mine.content_id}")
    assert f"/content/{mine.content_id}/versions/1/restore" in shown
    assert 'href="https://desks.example/stand"' in shown


def test_a_schedule_is_paused_and_resumed_from_the_overview(sqlite_api: Api) -> None:
    mine = sqlite_api.mine
    schedule = f"/api/v1/sites/{mine.site_id}/schedule"
    document = sqlite_api.client.get(sqlite_api.settings_path).json()
    document["automation"]["enabled"] = True
    assert sqlite_api.client.put(sqlite_api.settings_path, json=document).status_code == 200

    runs_by_itself = _html(sqlite_api, "/automation/overview")
    paused = sqlite_api.client.post(f"{schedule}/pause").json()
    twice = sqlite_api.client.post(f"{schedule}/pause").status_code
    is_paused = _html(sqlite_api, "/automation/overview")
    resumed = sqlite_api.client.post(f"{schedule}/resume").json()

    assert f"{schedule}/pause" in runs_by_itself
    assert f"{schedule}/resume" in is_paused
    assert (paused["next_run_at"], paused["paused_reason"], twice) == (None, "a person paused it", 409)
    assert (resumed["paused_at"], resumed["next_run_at"] is not None) == (None, True)
    assert sqlite_api.client.get(schedule).json() == resumed


def test_the_history_is_filtered(sqlite_api: Api) -> None:
    assert f"Run {sqlite_api.mine.run_id} " in _text(sqlite_api, "/automation/runs?status=queued&by=manual")
    assert "No run is like that" in _text(sqlite_api, "/automation/runs?status=failed", Role.OWNER)
    assert f"Run {sqlite_api.mine.run_id} " in _text(sqlite_api, "/automation/runs?status=nonsense", Role.EDITOR)


def test_operators_are_led_to_flower_and_nobody_else(sqlite_api: Api) -> None:
    use_config(config().model_copy(update={"flower_url": "http://127.0.0.1:5555"}))

    assert 'href="http://127.0.0.1:5555"' in _html(sqlite_api, "/automation/overview")
    assert "5555" not in _html(sqlite_api, "/automation/overview", Role.OWNER)
    use_config(None)
