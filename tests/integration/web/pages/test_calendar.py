"""How the calendar shows what stands on it: late, long published, on weekdays that have no slot. And who only looks."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select, update

from pipeline.core.roles import Role
from pipeline.core.states import ContentStatus
from pipeline.models import CalendarSlot, Content, Site
from tests.support.api import Api
from tests.support.console import browser

_PAGE = "/publisher/content-calendar"


def _put(api: Api, ago: timedelta) -> datetime:
    """My article on a slot so long ago; when that was, on the clock of its site."""
    at = api.database.now() - ago
    with api.database.transaction() as session:
        there = at.astimezone(ZoneInfo(session.get_one(Site, api.mine.site_id).timezone))
        of_mine = CalendarSlot.content_id == api.mine.content_id
        moved = {"slot_at": at, "local_date": there.date(), "local_time": f"{there:%H:%M}"}
        session.execute(update(CalendarSlot).where(of_mine).values(moved))
    return there


def _title(api: Api) -> str:
    with api.database.transaction() as session:
        return str(session.scalar(select(Content.title).where(Content.id == api.mine.content_id)))


def test_what_is_overdue_stands_out(sqlite_api: Api) -> None:
    day = f"?at={_put(sqlite_api, timedelta(minutes=30)).date()}"
    late = browser(sqlite_api, Role.OWNER).get(_PAGE + day).text
    assert "data-late" in late
    assert ", overdue" in late
    with sqlite_api.database.transaction() as session:
        session.get_one(Content, sqlite_api.mine.content_id).status = ContentStatus.NEEDS_ATTENTION
    assert "data-late" not in browser(sqlite_api, Role.OWNER).get(_PAGE + day).text


def test_a_week_that_is_published_is_told_by_day_and_its_articles_stand_in_the_week(sqlite_api: Api) -> None:
    day = f"?at={_put(sqlite_api, timedelta(days=14)).date()}"
    with sqlite_api.database.transaction() as session:
        session.get_one(Content, sqlite_api.mine.content_id).status = ContentStatus.PUBLISHED
    month = browser(sqlite_api, Role.OWNER).get(_PAGE + day).text
    week = browser(sqlite_api, Role.OWNER).get(f"{_PAGE}{day}&kind=week").text

    assert "1 published" in month
    assert _title(sqlite_api) not in month
    assert _title(sqlite_api) in week


def test_weekdays_without_a_slot_are_narrow_and_those_with_one_are_not(sqlite_api: Api) -> None:
    there = _put(sqlite_api, timedelta(days=14))
    week = browser(sqlite_api, Role.OWNER).get(f"{_PAGE}?at={there.date()}&kind=week").text

    assert {int(day) for day in re.findall(r"thin-(\d)", week)} == set(range(1, 8)) - {there.isoweekday()}


def test_who_may_not_change_the_settings_reads_them_and_finds_nothing_to_save(sqlite_api: Api) -> None:
    address = f"/sites/{sqlite_api.mine.site_id}/settings/ai-automation"
    viewer = browser(sqlite_api, Role.VIEWER).get(address).text
    editor = browser(sqlite_api, Role.EDITOR).get(address).text

    assert '<fieldset class="looked-at" disabled>' in viewer
    assert "Editors and owners change them." in viewer
    assert '<fieldset class="looked-at">' in editor
    assert "Editors and owners change them." not in editor
