"""The first six boxes of the plan's frontend checklist (part 7), one test each."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from pipeline.core.catalog import STAGES
from tests.system.console.conftest import Installation

SETTINGS = "/sites/1/settings/ai-automation"


def test_site_settings_ai_and_automation_loads_correctly(page: Page) -> None:
    answer = page.goto(SETTINGS)

    assert answer is not None
    assert answer.status == 200
    expect(page.get_by_role("heading", level=1, name="AI & Automation Settings")).to_be_visible()
    for name in ("Quick settings", "Stage configuration", "Publishing schedule"):
        expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.locator(".unsaved")).to_be_hidden()


def test_the_stage_matrix_displays_all_seven_stages(page: Page) -> None:
    page.goto(SETTINGS)
    rows = page.locator("table.matrix tbody tr")

    expect(rows).to_have_count(len(STAGES))
    for stage, row in zip(STAGES, rows.all(), strict=True):
        takes, _, makes = stage.name.partition(" → ")
        expect(row.get_by_role("rowheader")).to_contain_text(takes)
        expect(row.get_by_role("rowheader")).to_contain_text(makes)
        expect(row.get_by_label("Per-run limit, stage")).to_be_visible()
        expect(row.get_by_text("(local operation)")).to_have_count(0 if stage.has_ai else 1)
        expect(row.get_by_label("AI model, stage")).to_have_count(1 if stage.has_ai else 0)
        expect(row.get_by_label("Budget percent, stage")).to_have_count(1 if stage.has_ai else 0)


def test_the_testing_live_dropdown_works(page: Page, installation: Installation) -> None:
    page.goto(SETTINGS)
    choice = page.get_by_label("AI model, stage 4")
    expect(choice.get_by_role("option")).to_have_text(["Live", "Testing"])
    choice.select_option("testing")
    expect(page.locator('tr[data-stage="4"] .model')).to_have_attribute("data-model", "testing")
    choice.focus()
    expect(page.locator("#tip-4")).to_contain_text("100x cheaper. For testing only.")
    expect(page.locator("#tip-4")).to_contain_text("Not suitable for production content.")
    page.get_by_role("button", name="Save changes").first.click()
    expect(page.locator("#toasts")).to_contain_text("Saved")

    assert installation.igny8("settings", "show", "1")["stages"][3]["use_testing"] is True
    installation.igny8("settings", "set", "1", "stages.4.use_testing=false")


@pytest.mark.parametrize(("share", "total", "is_saved"), [("35", 95, True), ("40", 100, True), ("41", 101, False)])
def test_budget_shares_must_total_a_hundred_or_less(
    page: Page, installation: Installation, share: str, total: int, *, is_saved: bool
) -> None:
    page.goto(SETTINGS)
    page.get_by_label("Batch size, stage 1").fill("49")
    page.get_by_label("Budget percent, stage 4").fill(share)
    expect(page.locator("#budget-total")).to_contain_text(f"{total}%")
    page.get_by_role("button", name="Save changes").first.click()

    if is_saved:
        expect(page.locator("#toasts")).to_contain_text("Saved")
    else:
        expect(page.locator("#budget-msg")).to_contain_text("Take 1% off")
        expect(page.get_by_label("Budget percent, stage 4")).to_be_focused()
        page.get_by_role("button", name="Discard").click()
    installation.igny8("settings", "set", "1", "stages.4.budget_pct=40", "stages.1.batch_size=50")


def test_save_saves_all_settings_atomically(page: Page, installation: Installation) -> None:
    before = installation.igny8("settings", "show", "1")
    page.goto(SETTINGS)
    page.get_by_label("Per-run limit, stage 2").fill("3")
    page.get_by_label("Delay between stages").fill("1")
    page.get_by_label("Batch size, stage 1").fill("9999")
    page.get_by_role("button", name="Save changes").first.click()
    expect(page.locator("#errors")).to_contain_text("Nothing was saved")
    assert installation.igny8("settings", "show", "1") == before

    page.get_by_label("Batch size, stage 1").fill("30")
    page.get_by_role("button", name="Save changes").first.click()
    expect(page.locator("#toasts")).to_contain_text("Saved")
    after = installation.igny8("settings", "show", "1")
    assert (
        after["stages"][1]["per_run_limit"],
        after["stages"][0]["batch_size"],
        after["delays"]["between_stage"],
    ) == (
        3,
        30,
        1,
    )
    installation.igny8(
        "settings", "set", "1", "stages.2.per_run_limit=10", "stages.1.batch_size=50", "delays.between_stage=0"
    )


@pytest.fixture
def inner_pages(filled: Installation) -> dict[str, str]:
    """Address of an inner page -> the group of the side bar that it belongs to."""
    article, *_ = filled.igny8("content", "list", "1")
    run, *_ = filled.igny8("runs")
    return {
        f"/automation/runs/{run['run_id']}": "Automation",
        f"/writer/content/{article['id']}": "Writer",
        f"/writer/content/{article['id']}/edit": "Writer",
        "/planner/clusters": "Planner",
        "/publisher/content-calendar?kind=week": "Publisher",
    }


def test_the_side_bar_stays_open_on_inner_pages(page: Page, inner_pages: dict[str, str]) -> None:
    for address, group in inner_pages.items():
        page.goto(address)
        side = page.get_by_role("navigation", name="Main")
        expect(side.locator("details[open] summary")).to_have_text([re.compile(group)])
        expect(side.locator("details[open] [aria-current=page]")).to_have_count(1)
