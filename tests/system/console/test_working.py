"""What people do with keywords and articles all day, in a real browser on a stack that runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.processes import wait_until
from tests.system.console.conftest import Installation


@pytest.fixture(scope="module")
def articles(installation: Installation) -> Iterator[Installation]:
    """The installation, with articles that wait for somebody's yes."""
    installation.igny8("settings", "set", "1", "publishing.auto_approval_enabled=false")
    done = installation.igny8("run", "1", "--wait")
    assert done["status"] == "completed", done
    yield installation
    installation.igny8("settings", "set", "1", "publishing.auto_approval_enabled=true")


def test_keywords_of_the_library_are_added_and_duplicates_told(page: Page, installation: Installation) -> None:
    page.goto("/setup/add-keywords?site=1")
    page.get_by_text("Food & Drink").click()
    page.get_by_role("link", name="Coffee").click()
    expect(page.locator("[data-picked-count]")).to_have_text("None chosen")
    page.get_by_label("Choose filter coffee ratio").check()
    page.get_by_label("Choose cold brew at home").check()
    page.get_by_role("button", name="Add to Still Water").click()
    expect(page.locator("#toasts")).to_contain_text("2 keywords added.")
    page.get_by_label("Choose all that are shown").check()
    page.get_by_role("button", name="Add to Still Water").click()

    expect(page.locator("#toasts")).to_contain_text("14 keywords added, 2 were there already.")
    words = {word["text"]: word for word in installation.igny8("keywords", "list", "1", "--limit", "1000")}
    assert words["cold brew at home"]["volume"] is None
    assert words["cold brew at home"]["intent"] == "informational"


def test_many_articles_are_decided_at_once_with_a_note(page: Page, articles: Installation) -> None:
    page.goto("/writer/review?site=1")
    waiting = page.locator("[data-pick]").count()
    page.locator("[data-pick]").nth(0).check()
    page.locator("[data-pick]").nth(1).check()
    with page.expect_navigation():
        page.locator("[data-picked]").get_by_role("button", name="Approve").click()
    expect(page.locator("[data-pick]")).to_have_count(waiting - 2)
    page.locator("[data-pick]").nth(0).check()
    page.locator("[data-picked]").get_by_role("button", name="Reject").click()
    dialog = page.get_by_role("dialog", name="Reject the chosen articles?")
    dialog.get_by_label("Why, for whoever reads it later").fill("Off topic.")
    with page.expect_navigation():
        dialog.get_by_role("button", name="Reject them").click()

    expect(page.locator("[data-pick]")).to_have_count(waiting - 3)
    rejected = articles.igny8("content", "list", "1", "--status", "rejected")
    assert len(rejected) == 1


def test_an_article_is_edited_as_it_will_be_read(page: Page, articles: Installation) -> None:
    [article, *_] = articles.igny8("content", "list", "1", "--status", "review")
    page.goto(f"/writer/content/{article['id']}/edit")
    text = page.get_by_role("textbox", name="Text, as its readers will see it")
    text.locator("p").first.click()
    page.keyboard.press("Control+Home")
    page.keyboard.type("Words of a person. ")
    page.get_by_role("button", name="Quote").click()
    expect(page.get_by_role("button", name="Quote")).to_have_attribute("aria-pressed", "true")
    with page.expect_navigation():
        page.get_by_role("button", name="Save the article").click()

    expect(page.locator(".prose blockquote")).to_contain_text("Words of a person.")
    expect(page.get_by_text("What it said before")).to_be_visible()


def test_an_article_is_taken_off_the_calendar_by_a_key_and_put_back(page: Page, articles: Installation) -> None:
    page.goto("/writer/review?site=1")
    page.locator("[data-pick]").nth(0).check()
    with page.expect_navigation():
        page.locator("[data-picked]").get_by_role("button", name="Approve").click()
    # What is still without a slot would take the one that is set free, and no undo gives that back.
    wait_until(lambda: _all_have_slots(page), seconds=90)
    if not page.locator(".slot [data-drag]").count():
        with page.expect_navigation():
            page.get_by_role("link", name="After").click()
    chip = page.locator(".slot [data-drag]").first
    title = chip.locator(".chip-t").inner_text()
    chip.focus()
    with page.expect_navigation():
        page.keyboard.press("Delete")
    held_back = page.locator("[data-queue] li", has_text=title)
    expect(held_back).to_contain_text("Held back by a person")
    expect(page.locator("#toasts")).to_contain_text("Taken off the calendar.")
    with page.expect_response("**/calendar/undo") as undone:
        page.locator("#toasts").get_by_role("button", name="Undo").click()

    assert undone.value.ok, undone.value.text()
    expect(held_back).to_have_count(0)


def _all_have_slots(page: Page) -> bool:
    page.goto("/publisher/content-calendar?site=1&kind=list")
    return page.locator("[data-queue] li").count() == 0


def test_a_group_of_the_menu_that_was_opened_stays_so(page: Page) -> None:
    page.goto("/help")
    planner = page.locator(".side-group", has_text="Planner")
    expect(planner).not_to_have_attribute("open", "")
    planner.locator("summary").click()
    page.goto("/sites")

    expect(planner).to_have_attribute("open", "")
    planner.locator("summary").click()
    page.goto("/help")
    expect(planner).not_to_have_attribute("open", "")
