"""Owns what people do to a calendar over HTTP: schedule, move, pin, swap, unschedule, undo; and its iCal file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline.core.calendar import WallTime, parse_wall_time
from pipeline.core.errors import Fault, InvalidValueError
from pipeline.core.roles import Scope
from pipeline.models import UndoRecord
from pipeline.services import calendar, content, sites
from pipeline.services.calendar import Action
from pipeline.web.answers import problems
from pipeline.web.api.moves import MOVE_EXAMPLE, MovedItem, moved_items
from pipeline.web.api.parameters import LARGEST_ID, ContentId, SiteId
from pipeline.web.faults import LOCAL_TIME
from pipeline.web.operations import Unit, reads, writes

router = APIRouter(tags=[Scope.CALENDAR.value])
_CALENDAR_TYPE: Final = "text/calendar"
_ACTED: Final = problems(401, 403, 404, 409, 422)
_ACTED_WITH_BODY: Final = problems(401, 403, 404, 409, 413, 422)
_ACTION: Final[dict[str, Any]] = {"site_id": 1, "timezone": "Europe/Berlin", "undo_id": 5, "moves": [MOVE_EXAMPLE]}
_UNDONE: Final[dict[str, Any]] = {
    "site_id": 1,
    "undo_id": 5,
    "action": "moved",
    "at": "2026-06-03T10:30:00Z",
    "moves": 1,
}

LocalTime = Annotated[
    str,
    Field(
        pattern=LOCAL_TIME,
        description="The date and time that the clocks of the site show.",
        examples=["2026-06-05 14:00"],
    ),
]


class Destination(BaseModel):
    """Where an article is to stand."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"to": "2026-06-05 14:00"}]})

    to: LocalTime


class PerhapsDestination(BaseModel):
    """Where an article is to stand; without a time, where it stands or on the next free slot."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"to": "2026-06-05 14:00"}, {}]})

    to: LocalTime | None = None


class Partner(BaseModel):
    """With which article an article is to change places."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"other_id": 4}]})

    other_id: Annotated[int, Field(ge=1, le=LARGEST_ID, description="The other article, of the same site.")]


class WhatToUndo(BaseModel):
    """Which action is to be taken back; the last one by default."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"undo_id": 5}, {}]})

    undo_id: Annotated[int | None, Field(ge=1, le=LARGEST_ID, description="As the action told it.")] = None


class CalendarAction(BaseModel):
    """What an action moved, and the number by which it can be taken back."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ACTION]})

    site_id: int
    timezone: str
    undo_id: int
    moves: list[MovedItem]


class Undone(BaseModel):
    """An action that was taken back, and how many articles it had moved."""

    model_config = ConfigDict(json_schema_extra={"examples": [_UNDONE]})

    site_id: int
    undo_id: int
    action: str
    at: datetime
    moves: int


@router.post(
    "/content/{content_id}/schedule",
    operation_id="schedule_content",
    response_model=CalendarAction,
    responses=_ACTED_WITH_BODY,
)
@writes(Scope.CALENDAR)
def schedule(unit: Unit, content_id: ContentId, given: PerhapsDestination | None = None) -> CalendarAction:
    """Put approved or ready content on the next free slot, or at a time of the site."""
    return _act(unit, calendar.schedule, content_id, to=_perhaps(given))


@router.post(
    "/content/{content_id}/move", operation_id="move_content", response_model=CalendarAction, responses=_ACTED_WITH_BODY
)
@writes(Scope.CALENDAR)
def move(unit: Unit, content_id: ContentId, given: Destination) -> CalendarAction:
    """Move scheduled content to a free slot, or to any time of the site, where it is pinned."""
    return _act(unit, calendar.move, content_id, to=_wall_time(given.to))


@router.post(
    "/content/{content_id}/pin", operation_id="pin_content", response_model=CalendarAction, responses=_ACTED_WITH_BODY
)
@writes(Scope.CALENDAR)
def pin(unit: Unit, content_id: ContentId, given: PerhapsDestination | None = None) -> CalendarAction:
    """Pin content where it stands, or at a time of the site: no change of settings moves it from there."""
    return _act(unit, calendar.pin, content_id, to=_perhaps(given))


@router.post(
    "/content/{content_id}/unpin", operation_id="unpin_content", response_model=CalendarAction, responses=_ACTED
)
@writes(Scope.CALENDAR)
def unpin(unit: Unit, content_id: ContentId) -> CalendarAction:
    """Let content move with the settings again; what stands beside the slots takes the next free one."""
    return _act(unit, calendar.unpin, content_id)


@router.post(
    "/content/{content_id}/swap", operation_id="swap_content", response_model=CalendarAction, responses=_ACTED_WITH_BODY
)
@writes(Scope.CALENDAR)
def swap(unit: Unit, content_id: ContentId, given: Partner) -> CalendarAction:
    """Let two scheduled contents of a site change places."""
    return _act(unit, calendar.swap, content_id, given.other_id)


@router.post(
    "/content/{content_id}/unschedule",
    operation_id="unschedule_content",
    response_model=CalendarAction,
    responses=_ACTED,
)
@writes(Scope.CALENDAR)
def unschedule(unit: Unit, content_id: ContentId) -> CalendarAction:
    """Take content off the calendar and hold it back until somebody schedules it."""
    return _act(unit, calendar.unschedule, content_id)


@router.post(
    "/sites/{site_id}/calendar/undo",
    operation_id="undo_calendar_action",
    response_model=Undone,
    responses=_ACTED_WITH_BODY,
)
@writes(Scope.CALENDAR)
def undo(unit: Unit, site_id: SiteId, given: WhatToUndo | None = None) -> Undone:
    """Take back the last action on a site's calendar, as a whole: moves, pins, changed settings, a changed zone."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    undo_id = None if given is None else given.undo_id
    record = calendar.undo(unit.session, site, actor=unit.caller.actor, now=unit.now, undo_id=undo_id)
    return _undone(record)


@router.get(
    "/sites/{site_id}/calendar.ics",
    operation_id="get_calendar_file",
    response_class=Response,
    responses={
        200: {
            "description": "All that is planned, and 90 days of what was published.",
            "content": {_CALENDAR_TYPE: {"schema": {"type": "string"}}},
        },
        **problems(401, 403, 404, 422),
    },
)
@reads(Scope.CALENDAR)
def as_file(unit: Unit, site_id: SiteId) -> Response:
    """Read a site's calendar as an iCalendar file."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    return Response(calendar.ical(unit.session, site, now=unit.now), media_type=_CALENDAR_TYPE)


def _act(unit: Unit, action: Callable[..., Action], *content_ids: int, **given: WallTime | None) -> CalendarAction:
    account_id = unit.account_id
    contents = [content.get_content(unit.session, account_id=account_id, content_id=number) for number in content_ids]
    site = sites.get_site(unit.session, account_id=account_id, site_id=contents[0].site_id)
    done = action(unit.session, *contents, actor=unit.caller.actor, now=unit.now, **given)
    moves = moved_items(done.moves, site.timezone)
    return CalendarAction(site_id=site.id, timezone=site.timezone, undo_id=done.undo_id, moves=moves)


def _undone(record: UndoRecord) -> Undone:
    return Undone(
        site_id=record.site_id, undo_id=record.id, action=record.action, at=record.at, moves=len(record.moves)
    )


def _perhaps(given: PerhapsDestination | None) -> WallTime | None:
    return None if given is None or given.to is None else _wall_time(given.to)


def _wall_time(text: str) -> WallTime:
    try:
        return parse_wall_time(text)
    except InvalidValueError as error:
        raise InvalidValueError([Fault("to", error.message)]) from None
