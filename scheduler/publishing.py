"""Owns the duty of publishing: due publications -> the queue, again and later where nobody took the last message.

Never: talks to a site; says what a publication may become.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final, cast

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from pipeline.engine.resend import values_when_sent
from pipeline.models import Publication
from pipeline.models.base import table_of
from pipeline.models.selecting import is_one_of
from scheduler.duty import Context
from scheduler.sending import Message

TASK: Final = "publications.publish"
PUBLICATIONS_A_TICK: Final = 300
_PUBLICATIONS: Final = table_of(Publication)
#: Made once: beat asks it every second. Said aloud, so that SQLite takes the partial index too.
_NEXT_DUE: Final = select(func.min(_PUBLICATIONS.c.due_at)).where(_PUBLICATIONS.c.due_at.is_not(None))


@dataclass(frozen=True)
class Due:
    """A publication that was claimed for sending."""

    id: int
    #: How often its message was sent before.
    sends: int


def publish_due(context: Context) -> datetime | None:
    """Send what is due; the next due instant."""
    if not context.sender.may_send:
        return None
    with context.database.reading() as session:
        following = next_due(session)
    if following is None or following > context.now:
        return following
    with context.database.transaction() as session:
        claimed = claim_due(session, now=context.now)
    sent = context.sender.send([Message(TASK, (due.id,)) for due in claimed])
    if sent < len(claimed):
        with context.database.transaction() as session:
            give_back(session, claimed[sent:], now=context.now)
        return None
    with context.database.reading() as session:
        return next_due(session)


def next_due(session: Session) -> datetime | None:
    """When the next publication is due; None where none waits."""
    return cast("datetime | None", session.scalar(_NEXT_DUE))


def claim_due(session: Session, *, now: datetime) -> Sequence[Due]:
    """Take what is due for this beat alone: it is due again later, each time twice as late."""
    query = (
        select(Publication.id, Publication.sends)
        .where(Publication.due_at <= now)
        .order_by(Publication.due_at, Publication.id)
        .limit(PUBLICATIONS_A_TICK)
        .with_for_update(skip_locked=True)
    )
    claimed = [Due(publication_id, sends) for publication_id, sends in session.execute(query)]
    if claimed:
        sent = values_when_sent(_PUBLICATIONS.c.sends, now=now)
        session.execute(
            update(_PUBLICATIONS)
            .where(is_one_of(session, _PUBLICATIONS.c.id, [due.id for due in claimed]))
            .values(sent)
        )
    return claimed


def give_back(session: Session, unsent: Sequence[Due], *, now: datetime) -> None:
    """These were taken but not sent: they are due at once, and their pause does not grow."""
    for sends, group in groupby(sorted(unsent, key=_sends), key=_sends):
        session.execute(
            update(Publication)
            .where(
                Publication.id.in_([due.id for due in group]),
                Publication.sends == sends + 1,
                Publication.due_at.is_not(None),
            )
            .values(due_at=now, sends=sends)
            .execution_options(synchronize_session=False)
        )


def _sends(due: Due) -> int:
    return due.sends
