"""Owns `/sites/{site_id}/calendar`: what stands on which day, and what on none."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from pipeline.core.roles import Scope
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.services import calendar, settings, sites, stuck
from pipeline.web.answers import problems
from pipeline.web.api.parameters import SiteId
from pipeline.web.operations import Unit, reads

router = APIRouter(prefix="/sites/{site_id}/calendar", tags=[Scope.CALENDAR.value])
_EARLIEST: Final = date(1970, 1, 1)
_LATEST: Final = date(9990, 1, 1)
_EXAMPLE: Final[dict[str, Any]] = {
    "site_id": 1,
    "timezone": "Europe/Berlin",
    "days": [
        {
            "date": "2026-06-04",
            "slots": [
                {
                    "at": "2026-06-04T07:00:00Z",
                    "local_time": "09:00",
                    "content_id": 3,
                    "title": "How to choose a standing desk",
                    "status": "scheduled",
                    "pinned": False,
                    "note": None,
                }
            ],
        }
    ],
    "unscheduled": [{"content_id": 9, "title": "Desk lamps compared", "reason": "held back"}],
    "needs_you": [
        {
            "content_id": 7,
            "title": "Are standing desks worth it?",
            "status": "missed",
            "why": "Its pinned time passed while nothing could be published.",
            "what_to_do": "At once: igny8 publish 7 --now. At a slot: igny8 calendar schedule 7. …",
        }
    ],
    "next_slot_at": "2026-06-04T12:00:00Z",
    "publishes_by_itself": True,
    "forecast": {
        "queued": 12,
        "covers_days": 5,
        "approved_a_week": 10.5,
        "slots_a_week": 15,
        "backlog_growth_a_week": -4.5,
    },
}

FirstDay = Annotated[
    date | None, Query(ge=_EARLIEST, le=_LATEST, description="The first date at the site; today there by default.")
]
Days = Annotated[int, Query(ge=1, le=366, description="How many days.")]


class SlotEntry(BaseModel):
    """A slot; without a content it is free."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    #: "HH:MM" at the site.
    local_time: str
    content_id: int | None
    title: str | None
    status: ContentStatus | None
    pinned: bool
    #: What a clock change does to it: "29 Mar: 02:30 will publish at 03:30".
    note: str | None


class CalendarDay(BaseModel):
    """A date at the site, its slots by time."""

    date: date
    slots: list[SlotEntry]


class UnscheduledEntry(BaseModel):
    """Approved content that stands on no slot, and why."""

    model_config = ConfigDict(from_attributes=True)

    content_id: int
    title: str
    reason: str


class StuckEntry(BaseModel):
    """An article that does not go on by itself: a person must do something."""

    model_config = ConfigDict(from_attributes=True)

    content_id: int
    title: str
    #: Of its publication; `published`: its site shows the version before.
    status: PublicationStatus
    #: What the site said, or what else was in the way.
    why: str
    what_to_do: str


class QueueForecast(BaseModel):
    """A site's supply of articles against its slots."""

    model_config = ConfigDict(from_attributes=True)

    #: Articles that stand on a slot after now, or wait for one.
    queued: int
    #: Dates at the site from today to the last that the queue fills; None: it waits and there is no slot.
    covers_days: int | None
    #: Over the last four weeks.
    approved_a_week: float
    slots_a_week: int
    #: Articles a week that find no slot; below 0: slots that find no article.
    backlog_growth_a_week: float


class Calendar(BaseModel):
    """Some days of a site's calendar, what waits for a slot or for a person, and how far it all reaches."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    site_id: int
    timezone: str
    days: list[CalendarDay]
    unscheduled: list[UnscheduledEntry]
    needs_you: list[StuckEntry]
    #: Where an article approved now would stand; None: the site has no slots.
    next_slot_at: datetime | None
    publishes_by_itself: Annotated[
        bool, Field(description="Whether articles go out at their slots; if not, they are `ready` then, for a person.")
    ]
    forecast: QueueForecast


@router.get("", operation_id="get_calendar", response_model=Calendar, responses=problems(401, 403, 404, 422))
@reads(Scope.CALENDAR)
def show(unit: Unit, site_id: SiteId, start: FirstDay = None, days: Days = 14) -> dict[str, Any]:
    """Show a site's calendar: its days, their slots, what stands on them, what waits for slots or for people."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    found = calendar.entries(unit.session, site, now=unit.now, start=start, days=days)
    return {
        "site_id": site.id,
        "timezone": site.timezone,
        "days": [{"date": day.date, "slots": day.entries} for day in found],
        "unscheduled": calendar.unscheduled(unit.session, site),
        "needs_you": stuck.of_site(unit.session, site),
        "publishes_by_itself": settings.row_of(unit.session, site).auto_publish_enabled,
        "next_slot_at": calendar.predicted_slot(unit.session, site, now=unit.now),
        "forecast": calendar.forecast(unit.session, site, now=unit.now),
    }
