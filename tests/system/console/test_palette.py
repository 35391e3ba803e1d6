"""Search and commands, on any page, by keyboard and by pointer."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.system.console.conftest import Installation
from tests.system.console.looking import faults_of


@pytest.fixture
def palette(page: Page, filled: Installation) -> Page:
    """The keywords' page, the palette open."""
    page.goto("/planner/keywords")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Search, or a command")).to_be_focused()
    return page


def test_it_is_a_combobox_that_axe_finds_nothing_wrong_with(palette: Page) -> None:
    field = palette.get_by_role("combobox", name="Search, or a command")
    for _ in range(2):
        assert faults_of(palette) == []
        chosen = palette.locator(f"#{field.get_attribute('aria-activedescendant')}")
        expect(chosen).to_have_attribute("aria-selected", "true")
        field.fill("desk")
        expect(palette.get_by_role("group", name="Keywords")).to_be_visible()


def test_a_page_is_two_words_away(palette: Page) -> None:
    palette.keyboard.type("calendar")
    expect(palette.locator("#palette [aria-selected=true]")).to_contain_text("Content Calendar")
    palette.keyboard.press("Enter")
    expect(palette).to_have_url(re.compile("/publisher/content-calendar"))


def test_what_is_called_so_is_found_and_opened(palette: Page, filled: Installation) -> None:
    article, *_ = filled.igny8("content", "list", "1")
    palette.keyboard.type(article["title"][:20])
    expect(palette.get_by_role("group", name="Articles").get_by_role("option").first).to_contain_text(
        article["title"][:20]
    )
    palette.get_by_role("group", name="Articles").get_by_role("option").filter(has_text=article["title"]).first.click()
    expect(palette.get_by_role("heading", level=1)).to_have_text(article["title"])


def test_a_keyword_is_shown_in_its_list(palette: Page) -> None:
    keyword = palette.get_by_role("rowheader").nth(3).inner_text()
    palette.keyboard.type(keyword)
    palette.get_by_role("group", name="Keywords").get_by_role("option").filter(has_text=keyword).first.click()
    expect(palette.get_by_role("rowheader").first).to_have_text(keyword)


def test_arrows_go_round_and_escape_gives_the_focus_back(palette: Page) -> None:
    palette.keyboard.press("ArrowUp")
    expect(palette.locator("#palette [aria-selected=true]")).to_have_text(
        palette.locator("#palette [role=option]").last.inner_text()
    )
    palette.keyboard.press("ArrowDown")
    expect(palette.locator("#palette [role=option]").first).to_have_attribute("aria-selected", "true")
    palette.keyboard.press("Escape")
    expect(palette.get_by_role("combobox", name="Search, or a command")).to_be_hidden()
    palette.get_by_role("button", name="Search or jump to").click()
    expect(palette.get_by_role("combobox", name="Search, or a command")).to_be_focused()


def test_commands_are_done(palette: Page) -> None:
    palette.keyboard.type("theme")
    palette.keyboard.press("Enter")
    expect(palette.locator("html")).to_have_attribute("data-bs-theme", "dark")
    palette.keyboard.press("Control+k")
    palette.keyboard.type("run now")
    palette.keyboard.press("Enter")
    expect(palette.get_by_role("heading", level=1, name="Run now")).to_be_visible()


def test_where_nothing_is_called_so_it_says_what_to_try(palette: Page) -> None:
    palette.keyboard.type("zzz nothing")
    expect(palette.get_by_text("Nothing is called so.")).to_be_visible()


def test_what_people_wrote_is_text_there_too(palette: Page, filled: Installation) -> None:
    filled.igny8("site", "set", "1", "--name", "<img src=x onerror=alert(1)>")
    palette.keyboard.type("<img")
    expect(palette.get_by_role("group", name="Sites")).to_contain_text("<img src=x onerror=alert(1)>")
    assert palette.locator("#palette img").count() == 0
    filled.igny8("site", "set", "1", "--name", "Still Water")
