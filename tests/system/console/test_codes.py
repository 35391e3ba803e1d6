"""One-time codes as a person has them: set up by a picture, asked for at log-in, replaced by a recovery code."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from pyotp import TOTP

from tests.system.console.conftest import PASSWORD, Installation, log_in
from tests.system.console.looking import Complaints, faults_of, noted, refused

CAREFUL = "careful@example.com"


@pytest.fixture
def careful(installation: Installation, browser: Browser) -> Iterator[Page]:
    """A page of somebody who likes one-time codes."""
    installation.igny8("users", "add", CAREFUL, "--password-stdin", stdin=f"{PASSWORD}\n")
    context = noted(browser.new_context(viewport={"width": 1440, "height": 900}, base_url=installation.address))
    opened = context.new_page()
    complaints = Complaints()
    complaints.listen_to(opened)
    yield log_in(opened, CAREFUL)
    context.close()
    # What a log-in without its code is answered, the browser calls an error.
    assert [one for one in complaints.seen if "401" not in one and "422" not in one] == []


def test_from_the_picture_to_a_log_in_with_a_recovery_code(careful: Page, installation: Installation) -> None:
    page = careful
    page.get_by_role("button", name="your account").click()
    page.get_by_role("link", name="Password and codes").click()
    page.get_by_label("Your password").fill("wrong")
    page.get_by_role("button", name="Set up an app").click()
    expect(page.get_by_role("alert").filter(has_text="not your password")).to_be_visible()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Set up an app").click()
    expect(page.get_by_role("img", name="QR code for your app")).to_be_visible()
    assert page.locator(".qr").evaluate("(picture) => picture.naturalWidth") > 0
    assert (faults_of(page), refused(page)) == ([], [])

    app = TOTP(page.locator("code.secret").inner_text().replace(" ", ""))
    page.get_by_label("Code", exact=True).fill(app.now())
    page.get_by_role("button", name="Turn codes on").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    expect(page.locator(".codes li")).to_have_count(10)
    assert faults_of(page) == []
    codes = page.locator(".codes li").all_inner_texts()
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_text("10 recovery codes")).to_be_visible()
    assert faults_of(page) == []

    page.get_by_role("button", name="your account").click()
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("E-mail address").fill(CAREFUL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_label("Code of your app")).to_be_focused()
    assert faults_of(page) == []
    page.keyboard.type("000000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("This code is wrong")
    page.get_by_label("Code of your app").fill(codes[0])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()

    told = installation.igny8("users", "totp-reset", CAREFUL)
    assert told["was_on"] is True
    page.reload()
    log_in(page, CAREFUL)
