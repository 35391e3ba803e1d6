"""Owns having a deleted article back within 30 days.

It comes back where its work goes on: as a draft, to its images, to review; never onto the calendar, since its slot may
be another's by now, and never onto its site. What was rejected before it was deleted is rejected again. Lock order:
publication, content. Never: commits.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError, NotFoundError
from pipeline.core.states import ContentStatus, ImagePromptStatus, move
from pipeline.models import Content, ImagePrompt, Site
from pipeline.services import audit, content, placing
from pipeline.services.listing import Page, page
from pipeline.services.sites import of_a_site_that_is_there

#: For so long a deleted article can be restored.
KEPT: Final = timedelta(days=30)


def list_deleted(session: Session, *, site: Site, now: datetime, after_id: int = 0, limit: int = 100) -> Page[Content]:
    """The site's articles that can be restored, in the order they were written."""
    return page(session, Content, Content.site_id == site.id, _can_come_back(now), after_id=after_id, limit=limit)


def restore(session: Session, *, account_id: int, content_id: int, actor: str, now: datetime) -> Content:
    """Have the account's deleted article of that id back, on no slot.

    NotFoundError where there is none, or it was deleted too long ago; ConflictError where it is not deleted.
    """
    own = (Content.account_id == account_id, Content.id == content_id, _can_come_back(now))
    query = select(Content).where(*own, of_a_site_that_is_there(Content.site_id))
    article = session.scalar(query)
    if article is None:
        raise _why_not(session, account_id, content_id)
    placing.lock_publication(session, article.id)
    session.refresh(article, with_for_update=True)
    if article.deleted_at is None:
        raise ConflictError(f"Content {content_id} was just restored by somebody else.")
    to = _where_it_goes_on(session, article)
    if to is not article.status:
        article.status = move(article.status, to)
    article.deleted_at = article.deleted_as = article.approved_at = None
    article.held_back, article.queue_position = False, 0
    session.flush()
    audit.record(
        session,
        account_id=account_id,
        actor=actor,
        action="content.undeleted",
        subject_kind="content",
        subject_id=article.id,
        now=now,
        details={"status": article.status},
    )
    return article


def _where_it_goes_on(session: Session, article: Content) -> ContentStatus:
    """The status it had, or review where that was further on."""
    if article.deleted_as in {ContentStatus.DRAFT, ContentStatus.REJECTED}:
        return article.deleted_as
    waiting = select(ImagePrompt.id).where(
        ImagePrompt.content_id == article.id, ImagePrompt.status == ImagePromptStatus.NEW
    )
    if article.deleted_as is ContentStatus.IMAGES and session.scalar(waiting.limit(1)) is not None:
        return ContentStatus.IMAGES
    return ContentStatus.REVIEW


def _can_come_back(now: datetime) -> ColumnElement[bool]:
    return Content.deleted_at >= now - KEPT


def _why_not(session: Session, account_id: int, content_id: int) -> ConflictError | NotFoundError:
    try:
        content.get_content(session, account_id=account_id, content_id=content_id)
    except NotFoundError:
        told = f"There is no deleted content {content_id} in this account that can be restored"
        return NotFoundError(f"{told}: `igny8 content list SITE --deleted` lists them, for {KEPT.days} days.")
    return ConflictError(f"Content {content_id} is not deleted: there is nothing to restore.")
