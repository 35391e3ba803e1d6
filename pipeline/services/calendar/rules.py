"""Owns what a site's slots are made by: its zone, days, times and skipped dates, as settings say and as rows were made.

Never: writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Self

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from pipeline.core.calendar import Slot, upcoming_slot_details
from pipeline.core.errors import NotFoundError
from pipeline.models import Site, SiteAutomationSettings, SiteCalendar

_INSTANT_BEFORE = timedelta(microseconds=1)


@dataclass(frozen=True)
class SlotRules:
    """What slots follow from."""

    #: IANA name.
    zone: str
    days: tuple[str, ...]
    time_slots: tuple[str, ...]
    #: Dates at the site on which nothing appears.
    skip_dates: tuple[date, ...]

    def as_json(self) -> dict[str, Any]:
        """A JSON object that `of_json` reads."""
        skip_dates = [day.isoformat() for day in self.skip_dates]
        return {
            "timezone": self.zone,
            "publish_days": list(self.days),
            "time_slots": list(self.time_slots),
            "skip_dates": skip_dates,
        }

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Self:
        """What `as_json` wrote."""
        skip_dates = tuple(map(date.fromisoformat, data["skip_dates"]))
        return cls(data["timezone"], tuple(data["publish_days"]), tuple(data["time_slots"]), skip_dates)

    @property
    def has_slots(self) -> bool:
        """Whether there is any slot at all."""
        return bool(self.days and self.time_slots)

    def slots(self, *, after: datetime, taken: Iterable[datetime] = ()) -> Iterator[Slot]:
        """The slots strictly after `after` that are not in `taken`, earliest first; endless where there are any."""
        return upcoming_slot_details(
            timezone=self.zone,
            days=self.days,
            time_slots=self.time_slots,
            after=after,
            taken=taken,
            skip_dates=self.skip_dates,
        )

    def slot_at(self, instant: datetime) -> Slot | None:
        """The slot that stands at the instant; None where none does."""
        following = next(self.slots(after=instant - _INSTANT_BEFORE), None)
        return following if following is not None and following.at == instant else None


@dataclass(frozen=True)
class CalendarState:
    """What the settings want, and what the calendar's rows were made by."""

    wanted: SlotRules
    #: None: there is no calendar row yet.
    made_by: SlotRules | None
    #: 0: there is no calendar row yet.
    version: int
    #: The last slot that was made; None: none was yet.
    refilled_to: datetime | None = None

    @property
    def is_current(self) -> bool:
        """Whether the rows are what the settings want."""
        return self.wanted == self.made_by


_QUERY = (
    select(
        Site.timezone,
        Site.deleted_at,
        SiteAutomationSettings.publish_days,
        SiteAutomationSettings.publish_time_slots,
        SiteAutomationSettings.skip_dates,
        SiteCalendar.zone,
        SiteCalendar.days,
        SiteCalendar.time_slots,
        SiteCalendar.skip_dates.label("skipped"),
        SiteCalendar.version,
        SiteCalendar.refilled_to,
    )
    .join(SiteAutomationSettings, SiteAutomationSettings.site_id == Site.id)
    .outerjoin(SiteCalendar, SiteCalendar.site_id == Site.id)
)


def read_state(session: Session, site_id: int) -> CalendarState:
    """What stands in the tables now, without a lock. NotFoundError where the site is not there."""
    row = session.execute(_QUERY.where(Site.id == site_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no site {site_id} with settings.")
    # A site that was deleted has no slots: nothing is scheduled on it until it is restored.
    days = row.publish_days if row.deleted_at is None else []
    wanted = _rules(row.timezone, days, row.publish_time_slots, row.skip_dates)
    return CalendarState(wanted=wanted, made_by=_made_by(row), version=row.version or 0, refilled_to=row.refilled_to)


def _made_by(row: Row[Any]) -> SlotRules | None:
    return None if row.zone is None else _rules(row.zone, row.days, row.time_slots, row.skipped)


def _rules(zone: str, days: list[str], time_slots: list[str], skip_dates: list[str]) -> SlotRules:
    return SlotRules(zone, tuple(days), tuple(time_slots), tuple(map(date.fromisoformat, skip_dates)))
