"""Who works by keys alone: where the focus goes, where it comes back to, and what is done without a mouse."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.system.console.conftest import ADMIN, PASSWORD, Installation, log_in
from tests.system.console.looking import noted

SETTINGS = "/sites/1/settings/ai-automation"
#: Pages with dialogs, and what may be asked before something is done.
_PAGES = (
    *("/sites", "/sites/1", "/setup/add-keywords", "/writer/review", "/publisher/content-calendar"),
    *("/thinker/author-profiles", "/account/settings", "/account/plans", "/account/notifications"),
    *("/settings/ai-models", "/writer/approved?show=results"),
)
_OPENERS = "[data-open]:visible:enabled, [data-confirm]:visible:enabled, [data-palette]:visible"
_IN_DIALOG = "() => document.querySelector('dialog[open]')?.contains(document.activeElement) ?? false"
#: The element that has the focus is seen to have it: by a ring, by its caret, or by being the dialog itself.
_RING = """() => {
  const of = getComputedStyle(document.activeElement);
  const shows = document.activeElement.matches('dialog, input[type=text]');
  return shows || of.outlineStyle !== 'none' || of.boxShadow !== 'none';
}"""


@pytest.fixture(scope="module")
def admin(filled: Installation, browser: Browser) -> Iterator[Page]:
    """A page of somebody who may see every page."""
    context = noted(browser.new_context(viewport={"width": 1440, "height": 900}, base_url=filled.address))
    yield log_in(context.new_page(), ADMIN)
    context.close()


def _focused(page: Page) -> str:
    told: str = page.evaluate(
        "() => document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
    )
    return told.strip()


@pytest.mark.parametrize("address", _PAGES)
def test_a_dialog_takes_the_focus_shows_it_and_gives_it_back(admin: Page, address: str) -> None:
    admin.goto(address)
    openers = admin.locator(_OPENERS)
    for number in range(min(openers.count(), 8)):
        opener = openers.nth(number)
        name = opener.inner_text()
        opener.focus()
        admin.keyboard.press("Enter")
        expect(admin.locator("dialog[open]")).to_have_count(1)
        for _ in range(3):
            assert admin.evaluate(_IN_DIALOG), (address, name)
            admin.keyboard.press("Tab")
            if admin.evaluate("() => document.activeElement === document.body"):
                break
            assert admin.evaluate(_RING), (address, name, _focused(admin))
        admin.keyboard.press("Escape")
        expect(admin.locator("dialog[open]")).to_have_count(0)
        expect(opener).to_be_focused()


def test_menus_of_the_top_bar_open_by_a_key_and_give_the_focus_back(admin: Page) -> None:
    admin.goto("/help")
    for name in ("your account", "Still Water"):
        opener = admin.locator(".top").get_by_role("button", name=name)
        opener.focus()
        admin.keyboard.press("Enter")
        expect(admin.locator(":popover-open")).to_have_count(1)
        admin.keyboard.press("Tab")
        assert admin.evaluate("() => document.querySelector(':popover-open').contains(document.activeElement)")
        admin.keyboard.press("Escape")
        expect(admin.locator(":popover-open")).to_have_count(0)
        expect(opener).to_be_focused()


def test_an_article_is_moved_by_keys_pinned_and_put_back(page: Page, filled: Installation) -> None:
    page.goto("/publisher/content-calendar?site=1&kind=month")
    if not page.locator(".slot [data-drag]").count():
        with page.expect_navigation():
            page.get_by_role("link", name="After").click()
    chip = page.locator(".slot [data-drag]").first
    title, was = chip.locator(".chip-t").inner_text(), chip.evaluate("(one) => one.closest('.slot').dataset.at")
    chip.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    # A day on, as far down.
    said = page.locator("#say").inner_text()
    aside = page.locator(".slot.target")
    expect(aside).to_have_attribute("data-slot", said)
    assert (aside.get_attribute("data-at") or "")[:10] > was[:10]
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.locator("#say")).to_have_text("It stays where it was.")
    chip.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator(f".slot[data-slot='{said}'] [data-drag]", has_text=title)).to_be_focused()
    page.keyboard.press("Tab")
    assert _focused(page) == f"Pin {title}"
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator(".slot [data-drag]", has_text=title)).to_be_focused()
    told = []
    for _ in range(2):
        with page.expect_navigation():
            page.locator(".head-actions [data-undo]").press("Enter")
        told.append(page.locator("#toasts").inner_text())
        expect(page.locator(".head-actions [data-undo]")).to_be_focused()

    assert told[0] == "Taken back: pinned."
    assert told[1] in {"Taken back: moved.", "Taken back: swapped."}
    moved = page.locator(".slot", has=page.locator("[data-drag]", has_text=title))
    expect(moved).to_have_attribute("data-at", was)


def test_after_something_was_done_the_next_of_its_kind_has_the_focus(admin: Page, filled: Installation) -> None:
    for number in range(3):
        filled.igny8("users", "add", f"key-{number}@example.com", "--password-stdin", stdin=f"{PASSWORD}\n")
    admin.goto("/account/settings")
    row = admin.get_by_role("row", name="key-1@example.com")
    row.get_by_role("button", name="Let in no more").press("Enter")
    asked = admin.locator("dialog[open]")
    expect(asked.get_by_role("button", name="Leave it")).to_be_focused()
    admin.keyboard.press("Tab")
    expect(asked.get_by_role("button", name="Let in no more")).to_be_focused()
    with admin.expect_navigation():
        admin.keyboard.press("Enter")

    again = admin.get_by_role("row", name="key-1@example.com").get_by_role("button", name="Let in again")
    expect(again).to_be_focused()
    with admin.expect_navigation():
        admin.keyboard.press("Enter")
    expect(
        admin.get_by_role("row", name="key-1@example.com").get_by_role("button", name="Let in no more")
    ).to_be_focused()


def test_nobody_moves_articles_without_having_seen_which(page: Page, filled: Installation) -> None:
    page.goto(SETTINGS)
    slot = page.locator(".slot-edit input").first
    was = slot.input_value()
    slot.fill("06:10")
    slot.press("Enter")
    expect(page.locator("[data-moves-head]")).to_contain_text("Saving this moves")
    expect(page.get_by_role("radio", name="Move them")).to_be_focused()
    assert "06:10" not in json.dumps(filled.igny8("settings", "show", "1"))
    page.get_by_role("button", name="Discard").press("Enter")
    expect(page.locator(".unsaved")).to_be_hidden()
    expect(slot).to_have_value(was)


def test_an_hourly_run_has_a_minute(page: Page, filled: Installation) -> None:
    page.goto(SETTINGS)
    page.get_by_label("Frequency").select_option("hourly")
    minute = page.get_by_label("Minute", exact=True)
    expect(page.get_by_label("Time", exact=True)).to_be_hidden()
    minute.fill("75")
    expect(page.locator("[data-unsaved-what]")).to_have_text("Use a minute from 0 to 59.")
    minute.fill("25")
    minute.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Saved")

    told = filled.igny8("settings", "show", "1")["automation"]
    assert (told["frequency"], told["time"][-2:]) == ("hourly", "25")
    filled.igny8("settings", "set", "1", "automation.frequency=daily", "automation.time=02:00")


def test_who_may_only_look_reads_all_settings_and_changes_none(filled: Installation, browser: Browser) -> None:
    filled.igny8("users", "add", "looks@example.com", "--role", "viewer", "--password-stdin", stdin=f"{PASSWORD}\n")
    context = browser.new_context(base_url=filled.address)
    page = log_in(context.new_page(), "looks@example.com")
    page.goto(SETTINGS)
    expect(page.get_by_text("You may look at these settings.")).to_be_visible()
    expect(page.get_by_label("Batch size, stage 1")).to_be_disabled()
    page.locator("summary", has_text="More about runs").press("Enter")
    expect(page.get_by_label("Days without publishing")).to_be_visible()
    page.get_by_role("link", name="Address and health").press("Enter")
    expect(page).to_have_url(re.compile(r"/sites/1$"))
    context.close()


def test_enter_links_what_is_marked(page: Page, filled: Installation) -> None:
    [article, *_] = filled.igny8("content", "list", "1", "--status", "scheduled")
    page.goto(f"/writer/content/{article['id']}/edit")
    text = page.get_by_role("textbox", name="Text, as its readers will see it")
    text.locator("p").first.dblclick()
    page.get_by_role("button", name="Link").press("Enter")
    expect(page.get_by_label("Address", exact=True)).to_be_focused()
    page.keyboard.type("example.com/desks")
    page.keyboard.press("Enter")

    expect(text.locator("a")).to_have_attribute("href", "https://example.com/desks")
    page.on("dialog", lambda asked: asked.accept())
