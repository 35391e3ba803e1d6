"""Owns what people decide about an article: yes, no, off the site, away altogether. Audited.

Lock order: calendar, publication, content, slot. Never: commits; talks to a site: what stands there is due to be taken
away.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus, PublicationStatus, sources
from pipeline.models import Content, Site
from pipeline.services import alerts, audit, placing
from pipeline.services.calendar import predicted_slot, rows
from pipeline.services.content_refusals import what_it_is

_REJECTABLE: Final = frozenset(ContentStatus(status) for status in sources(ContentStatus.REJECTED))
_OFF_THE_CALENDAR: Final = frozenset({ContentStatus.APPROVED, ContentStatus.REJECTED})
_UNDER_WAY: Final = "is just being published. Wait until it is published or needs attention"
_ON_THE_SITE: Final = frozenset({PublicationStatus.PUBLISHED, *placing.STUCK})


def approve(
    session: Session, content: Content, *, actor: str, now: datetime, note: str | None = None
) -> datetime | None:
    """Say yes to an article in review: when it will be published, None where its site has no slots.

    ConflictError where it is not in review.
    """
    expected = predicted_slot(session, session.get_one(Site, content.site_id), now=now)
    values = {"approved_at": now, "held_back": False}
    if not placing.move_content(session, content.id, ContentStatus.APPROVED, of=(ContentStatus.REVIEW,), **values):
        raise ConflictError(f"Content {content.id} is {content.status}: only content in review can be approved.")
    _record(session, content, "content.approved", actor=actor, now=now, note=note)
    return expected


def reject(session: Session, content: Content, *, actor: str, now: datetime, note: str | None = None) -> bool:
    """Say no to an article: its slot is free, and it is taken off its site. Whether anything may stand there.

    ConflictError where it is rejected already, or just being published.
    """
    taken_off = _leave(session, content, ContentStatus.REJECTED, of=_REJECTABLE, then="reject it", now=now)
    _record(session, content, "content.rejected", actor=actor, now=now, note=note)
    return taken_off


def withdraw(session: Session, content: Content, *, actor: str, now: datetime, note: str | None = None) -> bool:
    """Take a published article off its site; it is approved again and held back until a person schedules it.

    So is one whose publication got stuck or was missed; ConflictError otherwise. Whether anything may stand there.
    """
    rows.lock_share(session, content.site_id)
    if placing.lock_publication(session, content.id) not in _ON_THE_SITE:
        session.refresh(content)
        raise ConflictError(_why_not_withdrawn(session, content))
    taken_off = _leave(
        session,
        content,
        ContentStatus.APPROVED,
        of=(ContentStatus.PUBLISHED, ContentStatus.NEEDS_ATTENTION),
        or_in=(ContentStatus.APPROVED, ContentStatus.REJECTED),
        then="withdraw it",
        now=now,
        held_back=True,
    )
    _record(session, content, "content.withdrawn", actor=actor, now=now, note=note)
    return taken_off


def delete(session: Session, content: Content, *, actor: str, now: datetime) -> bool:
    """Show the article to nobody any more: its slot is free, its site is cleared. Whether anything may stand there.

    Its row stays, with all it came from, its calls and what they cost; so its title and slug stay taken. ConflictError
    where it is just being published.
    """
    taken_off = _leave(
        session,
        content,
        ContentStatus.REJECTED,
        of=_REJECTABLE,
        or_in=(ContentStatus.REJECTED,),
        then="delete it",
        now=now,
        deleted_at=now,
        deleted_as=Content.status,
    )
    _record(session, content, "content.deleted", actor=actor, now=now, note=None)
    return taken_off


def _leave(
    session: Session,
    content: Content,
    new: ContentStatus,
    *,
    of: Collection[ContentStatus],
    then: str,
    now: datetime,
    or_in: Collection[ContentStatus] = (),
    **values: Any,
) -> bool:
    """Take the content off calendar and site, and move it out of `of`; in one of `or_in` it stays what it is.

    `then` is what a person may do once it is published, where it just is.
    """
    rows.lock_share(session, content.site_id)
    is_under_way = placing.lock_publication(session, content.id) is PublicationStatus.PUBLISHING
    if is_under_way or not (
        placing.move_content(session, content.id, new, of=of, **values)
        or placing.change_content(session, content.id, within=or_in, **values)
    ):
        session.refresh(content)
        if is_under_way or content.status is ContentStatus.PUBLISHING:
            raise ConflictError(f"Content {content.id} {_UNDER_WAY}, then {then}.")
        raise ConflictError(f"Content {content.id} is {content.status} already: nothing was changed.")
    placing.withdraw(session, content.id, now=now, also_published=True)
    alerts.publication_decided(session, [content.id], now=now)
    rows.release(session, content.id, site_id=content.site_id, now=now)
    return placing.is_due(session, content.id)


def _why_not_withdrawn(session: Session, content: Content) -> str:
    """Nothing of it stands on its site that could be taken away: what it is, and what to do instead."""
    if placing.is_due(session, content.id) and content.status in _OFF_THE_CALENDAR:
        return f"Content {content.id} is just being taken off its site: there is nothing to do."
    it_is = what_it_is(content.id, content.status)
    return (
        it_is if content.status is ContentStatus.PUBLISHING else f"There is nothing to withdraw from its site. {it_is}"
    )


def _record(session: Session, content: Content, action: str, *, actor: str, now: datetime, note: str | None) -> None:
    session.refresh(content)
    audit.record(
        session,
        account_id=content.account_id,
        actor=actor,
        action=action,
        subject_kind="content",
        subject_id=content.id,
        now=now,
        details={"note": note} if note else None,
    )
