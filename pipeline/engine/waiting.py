"""Owns since when the longest waiting work has been due: what beat's sign of life and the doctor say.

Never: claims; sends.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from pipeline.engine import dispatch
from pipeline.models import Delivery, Publication, Site
from pipeline.services import schedules


def _earliest(due_at: InstrumentedAttribute[Any]) -> Select[Any]:
    """Said aloud, so that SQLite takes the partial index too."""
    return select(func.min(due_at)).where(due_at.is_not(None))


_ROWS: Final = tuple(map(_earliest, (Publication.due_at, Delivery.due_at, Site.next_check_at)))


def oldest_due(session: Session, *, now: datetime) -> datetime | None:
    """Since when the longest waiting work has been due; None where none is."""
    found = [schedules.next_due(session, now=now), dispatch.next_due(session, now=now), *map(session.scalar, _ROWS)]
    return min((instant for instant in found if instant is not None and instant <= now), default=None)
