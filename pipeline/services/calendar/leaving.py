"""Owns taking a content off the calendar.

Never: commits; asks a site for anything: what stands there is due to be taken away.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Content, Publication
from pipeline.services import placing
from pipeline.services.calendar import rows

#: Publishing too: while it waits for its next try, nobody places it.
_FROM = (ContentStatus.SCHEDULED, ContentStatus.READY, ContentStatus.PUBLISHING)


def free_slot(session: Session, content: Content, *, hold_back: bool, now: datetime) -> None:
    """Give the content's slot back, withdraw its publication, approve it again.

    `hold_back`: a person did it, so the fill passes it over until a person schedules it. Raises ConflictError where the
    content is not scheduled or ready, above all when it is just being published.
    """
    rows.lock_share(session, content.site_id)
    withdrawn = placing.withdraw(session, content.id, now=now)
    if not (
        withdrawn and placing.move_content(session, content.id, ContentStatus.APPROVED, of=_FROM, held_back=hold_back)
    ):
        session.refresh(content)
        raise ConflictError(
            f"Content {content.id} is {content.status}: only scheduled or ready content can leave the calendar. "
            "If it is just being published, wait until it is published or needs attention."
        )
    rows.release(session, content.id, site_id=content.site_id, now=now)


def leave_to_people(session: Session, site_id: int, *, now: datetime) -> int:
    """Make everything ready whose slot has passed and that nobody publishes yet; how many were.

    Call it when auto-publish is switched on again: what became due while it was off is a person's, not a burst.
    """
    passed = (
        select(Publication.content_id)
        .join(Content, Content.id == Publication.content_id)
        .where(
            Publication.site_id == site_id,
            Publication.status.in_((PublicationStatus.PLANNED, PublicationStatus.DRAFTED)),
            Publication.slot_at <= now,
            Publication.attempts == 0,
            Content.status == ContentStatus.SCHEDULED,
        )
        .order_by(Publication.id)
        .with_for_update(of=Publication)
    )
    content_ids = session.scalars(passed).all()
    for content_id in content_ids:
        placing.move_content(session, content_id, ContentStatus.READY, of=(ContentStatus.SCHEDULED,))
    ready = update(Publication).where(Publication.content_id.in_(content_ids))
    idle = ready.values(due_at=None, sends=0, ticket=Publication.ticket + 1)
    session.execute(idle.execution_options(synchronize_session=False))
    return len(content_ids)
