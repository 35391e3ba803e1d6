"""A new account as a new user would set it up: from the log-in to its first article on its slot, by keyboard too."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.system.console.conftest import PASSWORD, Installation, log_in
from tests.system.console.looking import Complaints, faults_of, noted, refused

NEW = "new@example.com"


@pytest.fixture(scope="module")
def new_account(installation: Installation) -> Installation:
    """The installation with an account that has an owner, some credits and nothing else."""
    installation.igny8("account", "add", "newcomers")
    installation.igny8("credits", "grant", "500", "--account", "newcomers", "--note", "welcome")
    asked = ("users", "add", NEW, "--role", "owner", "--account", "newcomers", "--password-stdin")
    installation.igny8(*asked, stdin=f"{PASSWORD}\n")
    return installation


@pytest.fixture
def newcomer(new_account: Installation, browser: Browser) -> Iterator[Page]:
    """A page of somebody whose account has nothing yet."""
    context = noted(browser.new_context(viewport={"width": 1440, "height": 900}, base_url=new_account.address))
    opened = context.new_page()
    complaints = Complaints()
    complaints.listen_to(opened)
    yield log_in(opened, NEW)
    context.close()
    # What is refused with a sentence, the browser calls an error.
    assert [one for one in complaints.seen if "422" not in one] == []


def _step(page: Page, name: str) -> None:
    """The step that is shown is this one, readable, and nothing of it is refused."""
    expect(page.locator("[aria-current=step]")).to_contain_text(name)
    assert faults_of(page, "main") == []
    assert refused(page) == []


def test_a_new_account_comes_to_its_first_article_by_keyboard_alone(newcomer: Page) -> None:
    newcomer.get_by_role("link", name="Set up a site").press("Enter")
    _step(newcomer, "Your site")
    expect(newcomer.get_by_role("textbox", name="Name", exact=True)).to_be_focused()
    newcomer.keyboard.type("Lake")
    newcomer.get_by_label("Time zone").fill("Europe/Nowhere")
    newcomer.keyboard.press("Enter")
    expect(newcomer.get_by_role("alert")).to_contain_text("time zone")
    expect(newcomer.get_by_label("Time zone")).to_be_focused()
    expect(newcomer.get_by_role("textbox", name="Name", exact=True)).to_have_value("Lake")
    newcomer.get_by_label("Time zone").fill("Europe/Berlin")
    newcomer.keyboard.press("Enter")

    _step(newcomer, "Keywords")
    newcomer.get_by_label("Keywords, one a line").fill("lake swimming\ncold water\nwild camping by a lake\nquiet canoe")
    newcomer.get_by_role("button", name="Add them").press("Enter")
    expect(newcomer.get_by_role("status").filter(has_text="4 keywords added")).to_be_visible()
    expect(newcomer.get_by_role("link", name="Go on")).to_be_focused()
    newcomer.keyboard.press("Enter")

    _step(newcomer, "The plan")
    newcomer.get_by_role("radio", name="Conservative").press("Space")
    newcomer.get_by_label("Publishing times").fill("09:00, 25:00")
    newcomer.get_by_role("button", name="Save and go on").press("Enter")
    expect(newcomer.get_by_role("alert")).to_contain_text("25:00")
    expect(newcomer.get_by_label("Publishing times")).to_be_focused()
    newcomer.get_by_label("Publishing times").fill("09:00, 15:30")
    expect(newcomer.locator("[data-capacity]")).to_have_text("10 articles a week")
    newcomer.keyboard.press("Enter")

    _step(newcomer, "First run")
    expect(newcomer.get_by_text("Articles go to")).to_be_visible()
    newcomer.get_by_role("button", name="Run now").press("Enter")
    expect(newcomer.get_by_role("heading", name="is working")).to_be_visible()
    expect(newcomer.locator(".wizard-stages li")).to_have_count(7)

    expect(newcomer.get_by_role("heading", name="Your first article is there")).to_be_visible(timeout=120_000)
    expect(newcomer.get_by_role("heading", name="It has its slot")).to_be_visible(timeout=60_000)
    expect(newcomer.locator(".first-slot")).to_contain_text(re.compile(r"Publishes on \w{3} \d+ \w{3}, (09:00|15:30)"))
    expect(newcomer.locator(".first-slot")).to_contain_text("Europe/Berlin")
    _step(newcomer, "First article")


def test_it_is_gone_on_with_where_it_was_left(newcomer: Page) -> None:
    newcomer.goto("/setup/wizard?new=true")
    newcomer.get_by_role("textbox", name="Name", exact=True).fill("Pond")
    newcomer.get_by_role("button", name="Add the site").click()
    expect(newcomer).to_have_url(re.compile(r"step=keywords"))
    here = newcomer.url.partition("&step")[0]
    newcomer.goto("/")
    newcomer.get_by_role("region", name="Pond").get_by_role("link", name="Set it up").click()
    _step(newcomer, "Keywords")

    newcomer.locator("[type=file]").set_input_files(
        {"name": "pond.csv", "mimeType": "text/csv", "buffer": b"Keyword,Volume\nfrogs,70\n,12\nfrogs,70\n"}
    )
    report = newcomer.locator(".drop-report")
    expect(report).to_contain_text("1 keyword added")
    expect(report).to_contain_text("Line 3")
    newcomer.goto(here)
    _step(newcomer, "The plan")
    newcomer.goto(f"{here}&step=article")
    _step(newcomer, "The plan")


def test_a_site_that_does_not_answer_is_no_dead_end(newcomer: Page) -> None:
    newcomer.goto("/setup/wizard?new=true")
    newcomer.get_by_role("textbox", name="Name", exact=True).fill("Away")
    newcomer.get_by_role("radio", name="A site of yours").check()
    newcomer.get_by_role("textbox", name="Address").fill("https://still-water.invalid")
    newcomer.get_by_label("User name").fill("ann")
    newcomer.get_by_label("Application password").fill("abcd efgh ijkl mnop")
    newcomer.get_by_role("button", name="Add the site").click()
    expect(newcomer.get_by_text("took no article yet")).to_be_visible(timeout=60_000)
    assert faults_of(newcomer, "main") == []
    expect(newcomer.get_by_role("button", name="Save and test again")).to_be_focused()
    newcomer.get_by_role("radio", name="A folder").check()
    newcomer.get_by_role("button", name="Save and test again").click()
    _step(newcomer, "Keywords")
