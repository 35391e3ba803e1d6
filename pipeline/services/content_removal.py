"""Owns deleting an article: with its publication, its images and its place on the calendar, or not at all.

Lock order: calendar, publication, content, slot. Never: commits; takes anything off a site.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import delete
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Content, Image, ImagePrompt, Publication
from pipeline.services import audit, placing
from pipeline.services.calendar import rows
from pipeline.services.calendar.reflow import alone

#: What no run works on, and no site shows.
_AT_REST: Final = frozenset(
    {
        ContentStatus.APPROVED,
        ContentStatus.SCHEDULED,
        ContentStatus.READY,
        ContentStatus.REJECTED,
        ContentStatus.NEEDS_ATTENTION,
    }
)
_ON_A_SITE: Final = frozenset({PublicationStatus.PUBLISHING, PublicationStatus.PUBLISHED})


def delete_content(session: Session, content: Content, *, actor: str, now: datetime) -> None:
    """Delete it; the slot it stood on is free for others. Its task stays, so that it is not written again.

    Raises ConflictError while a run works on it, while it is being published, and where a site may show it.
    """
    alone(session, content.site_id, now=now)
    publication = placing.lock_publication(session, content.id)
    session.refresh(content, with_for_update=True)
    if content.status not in _AT_REST or publication in _ON_A_SITE:
        allowed = ", ".join(sorted(_AT_REST))
        raise ConflictError(f"Content {content.id} is {content.status}: only {allowed} content can be deleted.")
    rows.release(session, content.id, site_id=content.site_id, now=now)
    for table in (Publication, Image, ImagePrompt):
        session.execute(delete(table).where(table.content_id == content.id))
    audit.record(
        session,
        account_id=content.account_id,
        actor=actor,
        action="content.deleted",
        subject_kind="content",
        subject_id=content.id,
        now=now,
        details={"title": content.title, "status": content.status.value},
    )
    session.delete(content)
    session.flush()
