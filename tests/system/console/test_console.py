"""The console as a person uses it, in a real browser on a stack that runs."""

from __future__ import annotations

import re
from datetime import date, timedelta

from playwright.sync_api import Page, expect

from tests.system.console.conftest import Installation

SETTINGS = "/sites/1/settings/ai-automation"


def _a_wednesday() -> date:
    """One whose week has not begun, behind all that a first run fills."""
    soon = date.today() + timedelta(days=14)  # noqa: DTZ011 - any day will do
    return soon + timedelta(days=(2 - soon.weekday()) % 7)


def test_a_wrong_password_is_said_and_nothing_is_lost(page: Page) -> None:
    page.get_by_role("button", name="your account").click()
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(re.compile("/login"))
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()

    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(page.get_by_label("E-mail address")).to_have_value("ada@example.com")
    page.goto(SETTINGS)
    expect(page).to_have_url(re.compile("/login"))


def test_one_put_saves_the_page_and_what_it_changed_is_there_again(page: Page, installation: Installation) -> None:
    page.goto(SETTINGS)
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(f"{asked.method} {asked.url.rpartition('/api/')[2]}"))
    page.get_by_label("Per-run limit, stage 4").fill("7")
    page.get_by_label("AI model, stage 6").select_option("testing")
    page.get_by_role("checkbox", name="Sat").check()
    expect(page.locator("[data-cap=weekly]")).to_have_text("18")
    expect(page.locator("[data-unsaved-n]")).to_have_text("3 unsaved changes")
    page.get_by_role("button", name="Save changes").last.click()

    expect(page.locator("#toasts")).to_contain_text("Saved")
    expect(page.locator(".unsaved")).to_be_hidden()
    assert [one for one in sent if one.startswith("PUT")] == ["PUT v1/sites/1/unified-settings/?schedule_change=reflow"]
    page.reload()
    expect(page.get_by_label("Per-run limit, stage 4")).to_have_value("7")
    expect(page.get_by_label("AI model, stage 6")).to_have_value("testing")
    stored = installation.igny8("settings", "show", "1")
    assert stored["publishing"]["publish_days"][-1] == "sat"


def test_a_budget_over_a_hundred_is_refused_before_it_is_sent(page: Page) -> None:
    page.goto(SETTINGS)
    page.get_by_label("Budget percent, stage 4").fill("90")

    expect(page.locator("#budget-total")).to_contain_text("150%")
    expect(page.locator("#budget-msg")).to_contain_text("Take 50% off")
    page.get_by_role("button", name="Save changes").first.click()
    expect(page.get_by_label("Budget percent, stage 4")).to_be_focused()
    page.get_by_role("button", name="Discard").click()
    expect(page.locator("#budget-total")).to_contain_text("100%")


def test_what_the_server_refuses_is_named_and_the_form_is_untouched(page: Page) -> None:
    page.goto(SETTINGS)
    page.get_by_label("Batch size, stage 1").fill("9999")
    page.get_by_role("textbox", name="Time", exact=True).fill("25:00")
    page.get_by_role("button", name="Save changes").first.click()

    expect(page.locator("#errors")).to_contain_text("Nothing was saved")
    expect(page.locator("#errors li")).to_have_count(2)
    expect(page.get_by_label("Batch size, stage 1")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Batch size, stage 1")).to_have_value("9999")
    page.get_by_role("button", name="Discard").click()


def test_a_stale_save_offers_the_difference(page: Page, installation: Installation) -> None:
    page.goto(SETTINGS)
    page.get_by_label("Delay between stages").fill("2")
    installation.igny8("settings", "set", "1", "stages.1.batch_size=40")
    page.get_by_role("button", name="Save changes").first.click()

    dialog = page.get_by_role("dialog", name="These settings changed while you edited")
    expect(dialog).to_contain_text("Stage 1 batch size")
    expect(dialog).to_contain_text("Delay between stages")
    dialog.get_by_role("button", name="Save this choice").click()
    expect(page.locator("#toasts")).to_contain_text("Saved")
    stored = installation.igny8("settings", "show", "1")
    assert (stored["stages"][0]["batch_size"], stored["delays"]["between_stage"]) == (40, 2)
    installation.igny8("settings", "set", "1", "delays.between_stage=0")


def test_reset_shows_what_changes_and_saves_nothing_by_itself(page: Page, installation: Installation) -> None:
    page.goto(SETTINGS)
    before = installation.igny8("settings", "show", "1")
    page.get_by_role("button", name="Reset to defaults").click()
    dialog = page.get_by_role("dialog", name="Reset to defaults?")
    count = dialog.locator("tbody tr").count()
    dialog.get_by_role("button", name=f"Reset {count} value").click()

    expect(page.locator("[data-unsaved-n]")).to_contain_text(f"{count} unsaved")
    assert installation.igny8("settings", "show", "1") == before
    page.get_by_role("button", name="Discard").click()


def test_a_file_with_bad_rows_is_told_row_by_row(page: Page) -> None:
    page.goto("/planner/keywords")
    body = "Keyword,Volume\nquiet canoe,70\n,12\nlake swimming,many\nquiet canoe,70\n"
    page.locator("[type=file]").set_input_files({"name": "lake.csv", "mimeType": "text/csv", "buffer": body.encode()})

    report = page.locator(".drop-report")
    expect(report).to_contain_text("rows imported")
    expect(report.locator("tbody tr")).not_to_have_count(0)
    report.get_by_role("link", name="Show the list").click()
    page.get_by_label("Holding").fill("quiet")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("rowheader", name="quiet canoe")).to_have_count(1)


def test_a_run_is_watched_to_its_end_and_its_articles_are_dragged(page: Page, installation: Installation) -> None:
    page.goto("/automation/overview")
    page.get_by_role("button", name="Run now").click()
    expect(page).to_have_url(re.compile(r"/automation/runs/\d+"))
    expect(page.locator("[data-stream-word]")).to_have_text("Live")
    # Nothing but the stream turns the page.
    expect(page.locator("h1 .st-done, h1 .st-failed")).to_be_visible(timeout=120_000)
    expect(page.locator("#stage-7 summary .st-done")).to_be_visible()
    page.locator("#stage-4 summary").click()
    expect(page.locator("#stage-4 .items tbody tr").first).to_be_visible()

    wednesday = _a_wednesday()
    [article, *_] = [one for one in installation.igny8("content", "list", "1") if one["status"] == "scheduled"]
    installation.igny8("calendar", "move", str(article["id"]), "--to", f"{wednesday} 09:00")
    page.goto(f"/publisher/content-calendar?kind=week&at={wednesday}")
    name, where = article["title"], f"{wednesday} 18:00"
    chip = page.locator(f'.chip[data-id="{article["id"]}"]')
    chip.locator(".chip-main").drag_to(page.locator(f'.slot[data-at="{where}"]'))
    expect(page.locator("#toasts")).to_contain_text("Moved")
    expect(page.locator(f'.slot[data-at="{where}"]')).to_contain_text(name)
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("Taken back")
    expect(page.locator(f'.slot[data-at="{where}"]')).to_contain_text("free")


def test_an_article_is_edited_and_nothing_typed_is_lost(page: Page, installation: Installation) -> None:
    [article, *_] = installation.igny8("content", "list", "1")
    page.goto(f"/writer/content/{article['id']}/edit")
    page.get_by_label("Excerpt").fill("Typed while somebody else saved.")
    installation.igny8("content", "edit", str(article["id"]), "--excerpt", "Saved meanwhile.")
    page.get_by_role("button", name="Save the article").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody saved this meanwhile")

    cookies = page.context.cookies()
    page.context.clear_cookies(name="igny8_log_in")
    page.get_by_role("button", name="Save the article").click()
    expect(page.get_by_role("alert")).to_contain_text("not logged in any more")
    expect(page.get_by_label("Excerpt")).to_have_value("Typed while somebody else saved.")
    page.context.add_cookies([cookie for cookie in cookies if cookie["name"] == "igny8_log_in"])  # type: ignore[misc]
    page.get_by_role("button", name="Save the article").click()
    expect(page).to_have_url(re.compile(rf"/writer/content/{article['id']}$"))
    stored = installation.igny8("content", "show", str(article["id"]))
    assert stored["excerpt"] == "Typed while somebody else saved."


def test_a_deletion_is_asked_about_first(page: Page) -> None:
    page.goto("/planner/keywords?text=quiet")
    row = page.get_by_role("row", name="quiet canoe")
    row.get_by_role("button", name="Delete quiet canoe").click()
    page.get_by_role("dialog").get_by_role("button", name="Leave it").click()
    expect(row).to_be_visible()
    row.get_by_role("button", name="Delete quiet canoe").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete it").click()
    expect(row).to_have_count(0)
