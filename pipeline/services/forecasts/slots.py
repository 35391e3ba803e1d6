"""Owns which slots the results of a run would take: those behind everything that waits, after the run's end.

Never: writes, locks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy.orm import Session

from pipeline.core.calendar import Slot
from pipeline.models import Site
from pipeline.services.calendar.free import free_slots
from pipeline.services.calendar.rules import read_state
from pipeline.services.calendar.view import count_waiting

NO_SLOTS: Final = "the site has no publishing day or no time: they wait on no slot"


@dataclass(frozen=True)
class SlotForecast:
    """The slots of so many articles; without any it says why."""

    articles: int
    timezone: str
    first: Slot | None = None
    last: Slot | None = None
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """For commands and the API: instants in UTC, and the wall times at the site, whose zone is named."""
        return {
            "articles": self.articles,
            "timezone": self.timezone,
            "first": _told(self.first),
            "last": _told(self.last),
            "reason": self.reason,
        }


def slots_of(session: Session, site: Site, *, articles: int, now: datetime, ends_at: datetime) -> SlotForecast:
    """Where so many articles would stand that are approved when the run ends, at `ends_at`."""
    state = read_state(session, site.id)
    if not articles or not state.wanted.has_slots:
        return SlotForecast(articles, site.timezone, reason=NO_SLOTS if articles else None)
    free = free_slots(session, site.id, state, now=now)
    # What is approved already takes its slots meanwhile.
    behind = islice(free, count_waiting(session, site), None)
    found = list(islice((slot for slot in behind if slot.at > ends_at), articles))
    return SlotForecast(len(found), site.timezone, *((found[0], found[-1]) if found else ()))


def _told(slot: Slot | None) -> dict[str, Any] | None:
    return None if slot is None else {"at": slot.at, "date": slot.local_date, "time": slot.local_time}
