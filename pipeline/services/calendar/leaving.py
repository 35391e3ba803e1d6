"""Owns taking a content off the calendar.

Never: commits; asks a site for anything: what stands there is due to be taken away.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus
from pipeline.models import Content
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
