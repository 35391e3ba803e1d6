"""Owns `/publisher/content-calendar`: a month or a week of a site's slots, and what stands on none of them."""

from __future__ import annotations

import calendar as months
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query

from pipeline.core.calendar import slot_wall_time
from pipeline.core.roles import Scope
from pipeline.core.states import ContentStatus
from pipeline.services import calendar, feeds, publishing_lists, stuck
from pipeline.services.calendar import Day
from pipeline.web.pages.views import Page, View, page

router = APIRouter()
_A_WEEK: Final = timedelta(days=7)
#: Status of the content -> how the design calls it, its picture, its word.
_CHIPS: Final[Mapping[ContentStatus, tuple[str, str, str]]] = {
    ContentStatus.SCHEDULED: ("pending", "clock", "scheduled"),
    ContentStatus.READY: ("budget", "clock", "ready to be published by you"),
    ContentStatus.PUBLISHING: ("running", "loader", "publishing now"),
    ContentStatus.PUBLISHED: ("done", "check", "published"),
    ContentStatus.NEEDS_ATTENTION: ("failed", "alert", "needs attention"),
}
_OTHERS: Final = ("pending", "clock", "waiting")

Month = Annotated[str | None, Query(pattern=r"^\d{4}-\d{2}(-\d{2})?$")]
Kind = Literal["month", "week", "list"]


@router.get("/publisher/content-calendar", include_in_schema=False)
@page(Scope.CALENDAR)
def show(view: View, at: Month = None, kind: Kind = "month") -> Page:
    """Show the days of the chosen site's calendar."""
    site = view.chosen_site()
    today = slot_wall_time(view.now, site.timezone)[0]
    day = _day(at, today)
    first, count = _window(day, kind)
    days = calendar.entries(view.session, site, now=view.now, start=first, days=count)
    return Page(
        "calendar.html",
        {
            "site": site,
            "kind": kind,
            "day": day,
            "title": f"{first.day} {first:%b} to {days[-1].date:%-d %b %Y}" if kind == "week" else f"{day:%B %Y}",
            "before": _moved(day, kind, forward=False).isoformat(),
            "after": _moved(day, kind, forward=True).isoformat(),
            "today": today,
            "weeks": _weeks(days, today=today, month=day.month),
            "chips": _CHIPS,
            "feed": feeds.feed_of(view.session, site),
            "unscheduled": calendar.unscheduled(view.session, site),
            "overdue": publishing_lists.overdue(view.session, site, now=view.now),
            "needs_you": stuck.of_site(view.session, site),
            "ahead": calendar.forecast(view.session, site, now=view.now),
        },
        site=site,
    )


def _day(at: str | None, today: date) -> date:
    """The date that was asked for; today for one that is none, or out of any calendar's reach."""
    try:
        found = date.fromisoformat(at if at and len(at) == len("2026-01-01") else f"{at}-01") if at else today
    except ValueError:
        return today
    return found if abs(found.year - today.year) <= 20 else today  # noqa: PLR2004 - years


def _window(day: date, kind: Kind) -> tuple[date, int]:
    if kind == "week":
        return day - timedelta(days=day.weekday()), 7
    first = day.replace(day=1)
    length = months.monthrange(day.year, day.month)[1]
    if kind == "list":
        return first, length
    begin = first - timedelta(days=first.weekday())
    last = first + timedelta(days=length - 1)
    return begin, (last - begin).days + 7 - last.weekday()


def _moved(day: date, kind: Kind, *, forward: bool) -> date:
    if kind == "week":
        return day + _A_WEEK if forward else day - _A_WEEK
    first = day.replace(day=1)
    return (first + timedelta(days=32)).replace(day=1) if forward else (first - timedelta(days=1)).replace(day=1)


def _weeks(days: Sequence[Day], *, today: date, month: int) -> list[list[dict[str, Any]]]:
    told = [
        {
            "date": day.date,
            "is_today": day.date == today,
            "is_past": day.date < today,
            "is_out": day.date.month != month,
            "published": sum(entry.status is ContentStatus.PUBLISHED for entry in day.entries),
            "entries": [
                {"entry": entry, "look": _CHIPS.get(entry.status, _OTHERS) if entry.status else None}
                for entry in day.entries
            ],
        }
        for day in days
    ]
    return [told[place : place + 7] for place in range(0, len(told), 7)]
