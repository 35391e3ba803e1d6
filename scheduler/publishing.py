"""Owns the duty of publishing: due publications -> the queue, again and later where nobody took the last message.

Never: talks to a site; says what a publication may become.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.models import Publication
from scheduler.duty import Context
from scheduler.sending import Message

TASK: Final = "publications.publish"
PUBLICATIONS_A_TICK: Final = 300
#: 2 to this power is beyond any pause.
_MOST_DOUBLINGS: Final = 30


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
    return session.scalar(select(func.min(Publication.due_at)))


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
    for sends, group in groupby(sorted(claimed, key=_sends), key=_sends):
        session.execute(
            update(Publication)
            .where(Publication.id.in_([due.id for due in group]))
            .values(due_at=now + _pause(sends), sends=sends + 1)
            .execution_options(synchronize_session=False)
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


def _pause(sends: int) -> timedelta:
    seconds = min(config().resend_seconds * 2 ** min(sends, _MOST_DOUBLINGS), config().resend_max_seconds)
    return timedelta(seconds=seconds)
