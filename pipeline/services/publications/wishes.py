"""Owns what a person wants of a publication: to look at it, to have it at once even where it got stuck or was missed.

Never: commits; talks to a site.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus
from pipeline.models import Content, Publication
from pipeline.models.selecting import is_one_of
from pipeline.services import alerts, placing
from pipeline.services.calendar import rows
from pipeline.services.content_refusals import what_it_is

_PUBLISHABLE: Final = (ContentStatus.APPROVED, ContentStatus.SCHEDULED, ContentStatus.READY)


def of_content(session: Session, content: Content) -> Publication | None:
    """The content's publication; None before anything was planned."""
    return session.scalar(select(Publication).where(Publication.content_id == content.id))


def of_contents(session: Session, content_ids: Sequence[int]) -> dict[int, Publication]:
    """The publications of these contents, by content; those for which nothing was planned are left out."""
    query = select(Publication).where(is_one_of(session, Publication.content_id, content_ids))
    return {publication.content_id: publication for publication in session.scalars(query)}


def publish_now(session: Session, content: Content, *, now: datetime) -> Publication:
    """Have the content published at once, as a person wants it; its slot is free for others.

    From approved, scheduled or ready, and from needs attention where publishing was what got stuck or was missed.
    Auto-publish does not matter. Raises ConflictError otherwise.
    """
    rows.lock_share(session, content.site_id)
    rows.require_site(session, content.site_id)
    is_stuck = placing.lock_publication(session, content.id) in placing.STUCK
    of = (*_PUBLISHABLE, ContentStatus.NEEDS_ATTENTION) if is_stuck else _PUBLISHABLE
    if not placing.move_content(session, content.id, ContentStatus.PUBLISHING, of=of):
        session.refresh(content)
        raise ConflictError(what_it_is(content.id, content.status))
    if is_stuck:
        alerts.publication_decided(session, [content.id], now=now)
    rows.release(session, content.id, site_id=content.site_id, now=now)
    placing.plan(session, content, slot_at=None, due_at=now, now=now)
    planned = select(Publication).where(Publication.content_id == content.id)
    return session.scalars(planned.execution_options(populate_existing=True)).one()
