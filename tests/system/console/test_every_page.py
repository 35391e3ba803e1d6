"""Every page that there is, found by its route: readable by all, whole at any width, steady, light, and quiet.

A page that is added is looked at without a word here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from tests.support.console import page_paths
from tests.system.console.conftest import ADMIN, Installation, log_in
from tests.system.console.looking import (
    MOST_FIRST_BYTES,
    MOST_LATER_BYTES,
    MOST_SHIFT,
    THEMES,
    WIDTHS,
    Complaints,
    beyond_the_window,
    faults_of,
    noted,
    open_at,
    refused,
    settle,
    shifted,
    weighed,
)

#: Pages that stand in several states: each is one more page.
_STATES = [
    "/setup/wizard?new=true",
    "/setup/wizard?site=1&step=site",
    "/setup/wizard?site=1&step=keywords",
    "/setup/wizard?site=1&step=plan",
    "/setup/wizard?site=1&step=run",
    "/publisher/content-calendar?kind=week",
    "/publisher/content-calendar?kind=list",
    "/planner/keywords?text=nothing-is-called-so",
    "/nope",
]
_PATHS = sorted(page_paths() | set(_STATES))


@pytest.fixture(scope="module")
def ids(filled: Installation) -> dict[str, int]:
    """Name of what a path has -> an id that is there."""
    article, *_ = [one for one in filled.igny8("content", "list", "1") if one["status"] == "scheduled"]
    run, *_ = filled.igny8("runs")
    return defaultdict(lambda: 1, site_id=1, content_id=article["id"], run_id=run["run_id"])


@pytest.fixture(scope="module")
def admin(filled: Installation, browser: Browser) -> Iterator[Page]:
    """A page of somebody who may see every page."""
    context = noted(browser.new_context(viewport={"width": 1440, "height": 900}, base_url=filled.address))
    yield log_in(context.new_page(), ADMIN)
    context.close()


def _address(path: str, ids: dict[str, int]) -> str:
    return re.sub(r"\{(\w+)(?::int)?\}", lambda found: str(ids[found[1]]), path)


def _is_whole(page: Page, address: str) -> bool:
    """Whether it is a page, and neither a part of one nor the way to another."""
    page.goto(address)
    is_document: bool = page.evaluate("document.doctype !== null")
    return is_document and urlsplit(page.url).path == urlsplit(address).path


@pytest.mark.parametrize("path", _PATHS)
def test_a_page_is_readable_whole_steady_and_quiet(admin: Page, ids: dict[str, int], path: str) -> None:
    address = _address(path, ids)
    if not _is_whole(admin, address):
        return
    complaints = Complaints()
    page = admin.context.new_page()
    complaints.listen_to(page)
    page.goto("/livez")
    wrong: dict[str, object] = {}
    for theme in THEMES:
        for width in WIDTHS:
            open_at(page, address, theme=theme, width=width)
            seen = {
                "axe": faults_of(page),
                "beyond the window": beyond_the_window(page),
                "refused by its policy": refused(page),
                "shifted": shifted(page) if shifted(page) > MOST_SHIFT else None,
            }
            wrong |= {f"{what}, {theme}, {width}": found for what, found in seen.items() if found}
    page.close()
    # What is no page is told so by a page; the browser calls that an error.
    noise = [one for one in complaints.seen if "404 (Not Found)" not in one]

    assert (wrong, noise) == ({}, [])


@pytest.mark.parametrize("path", _PATHS)
def test_every_dialog_of_a_page_is_readable(admin: Page, ids: dict[str, int], path: str) -> None:
    address = _address(path, ids)
    if not _is_whole(admin, address):
        return
    wrong = {}
    for theme in THEMES:
        open_at(admin, address, theme=theme, width=390)
        for name in admin.locator("dialog[id]").evaluate_all("(all) => all.map((one) => one.id)"):
            admin.evaluate("(name) => document.getElementById(name).showModal()", name)
            found = faults_of(admin, f"#{name}")
            if found:
                wrong[f"{name}, {theme}"] = found
            admin.evaluate("(name) => document.getElementById(name).close()", name)

    assert wrong == {}


@pytest.mark.parametrize("path", _PATHS)
def test_a_page_is_light(admin: Page, ids: dict[str, int], path: str, browser: Browser) -> None:
    address = _address(path, ids)
    if not _is_whole(admin, address):
        return
    context = browser.new_context(storage_state=admin.context.storage_state(), base_url=admin.url)
    page = context.new_page()
    with weighed(page) as first:
        page.goto(address)
        settle(page)
    with weighed(page) as later:
        page.goto(address)
        settle(page)
    context.close()

    assert sum(first.values()) <= MOST_FIRST_BYTES, first
    assert sum(later.values()) <= MOST_LATER_BYTES, later
