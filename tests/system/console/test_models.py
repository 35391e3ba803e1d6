"""The models page as whoever runs the installation uses it, in a real browser on a stack that runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.system.console.conftest import ADMIN, Installation, log_in
from tests.system.console.looking import noted

_THOUGHTS = "Tokens it may think before it writes"


@pytest.fixture
def models_page(installation: Installation, browser: Browser) -> Iterator[Page]:
    """The page, with a text model that is nobody's default."""
    installation.igny8(
        *("models", "set", "thinker", "--provider", "offline", "--type", "text"), "--tokens-per-credit", "100"
    )
    context = noted(browser.new_context(viewport={"width": 1440, "height": 900}, base_url=installation.address))
    opened = log_in(context.new_page(), ADMIN)
    opened.goto("/settings/ai-models")
    yield opened
    context.close()
    installation.igny8("models", "retire", "thinker")


def _set_in_dialog(page: Page, tokens: str, *, shows: str) -> None:
    """Open the dialog of the model, which shows what counts, and save another number."""
    page.get_by_role("button", name="Change thinker").click()
    field = page.get_by_role("dialog", name="Set a model").get_by_label(_THOUGHTS)
    expect(field).to_have_value(shows)
    field.fill(tokens)
    with page.expect_navigation():
        page.get_by_role("button", name="Set the model").click()


def _thinks(installation: Installation) -> int:
    listed = installation.igny8("models", "list")
    (found,) = [model["thinking_tokens"] for model in listed if model["name"] == "thinker"]
    return int(found)


def test_how_much_a_model_may_think_is_set_and_shown(models_page: Page, installation: Installation) -> None:
    row = models_page.get_by_role("row").filter(has_text="thinker")
    expect(row).not_to_contain_text("thinks up to")

    _set_in_dialog(models_page, "4000", shows="0")
    expect(row).to_contain_text("thinks up to 4,000 tokens")
    assert _thinks(installation) == 4_000

    _set_in_dialog(models_page, "0", shows="4000")
    expect(row).not_to_contain_text("thinks up to")
    assert _thinks(installation) == 0
