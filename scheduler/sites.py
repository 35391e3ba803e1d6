"""Owns the duty of sites: those whose health is to be checked -> the queue, each once an hour.

Never: asks a site.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from pipeline.models import Site
from pipeline.models.base import table_of
from pipeline.models.types import BigId, UtcDateTime
from pipeline.services.site_health import next_check
from scheduler.due_rows import send_due
from scheduler.duty import Context
from scheduler.sending import Message

TASK: Final = "sites.check"
SITES_A_TICK: Final = 300
_SITES: Final = table_of(Site)
_NEXT: Final = select(func.min(_SITES.c.next_check_at)).where(_SITES.c.next_check_at.is_not(None))
_MOVE: Final = (
    update(_SITES)
    .where(_SITES.c.id == bindparam("this", type_=BigId), _SITES.c.next_check_at == bindparam("was", type_=UtcDateTime))
    .values(next_check_at=bindparam("becomes", type_=UtcDateTime))
)


@dataclass(frozen=True)
class Due:
    """A site whose check was claimed: when it was due, and when it is next."""

    site_id: int
    was_due_at: datetime
    next_check_at: datetime


class SitesToCheck:
    """The sites, each due at an instant of its own every hour, whatever became of the check before."""

    def next_due(self, session: Session) -> datetime | None:
        """When the next site is to be checked; None where none is."""
        following: datetime | None = session.scalar(_NEXT)
        return following

    def claim(self, session: Session, *, now: datetime) -> Sequence[Due]:
        """Take what is due for this beat alone, the longest waiting first: it is due again an hour later."""
        query = (
            select(_SITES.c.id, _SITES.c.next_check_at)
            .where(_SITES.c.next_check_at <= now)
            .order_by(_SITES.c.next_check_at)
            .limit(SITES_A_TICK)
            .with_for_update(skip_locked=True, key_share=True)
        )
        claimed = [Due(site_id, at, next_check(site_id, after=now)) for site_id, at in session.execute(query)]
        _move(session, [{"this": due.site_id, "was": due.was_due_at, "becomes": due.next_check_at} for due in claimed])
        return claimed

    def message(self, row: Due) -> Message:
        """The task that checks the site."""
        return Message(TASK, (row.site_id,))

    def give_back(self, session: Session, unsent: Sequence[Due], *, now: datetime) -> None:  # noqa: ARG002 - as all rows
        """These were taken but not sent: they are due as before."""
        _move(session, [{"this": due.site_id, "was": due.next_check_at, "becomes": due.was_due_at} for due in unsent])


SITES: Final = SitesToCheck()


def check_due_sites(context: Context) -> datetime | None:
    """Have the sites checked that are due; the next due instant."""
    return send_due(SITES, context)


def _move(session: Session, moves: list[dict[str, Any]]) -> None:
    if moves:
        session.connection().execute(_MOVE, moves)
