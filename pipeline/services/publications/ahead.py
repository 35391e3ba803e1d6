"""Owns drafts that are made ahead: which are due, who may be drafted, and that nothing is lost where none could be.

A draft ahead is a help, not a duty: what could not be drafted is written at its slot. Lock order: publication, content.
Never: commits; talks to a site.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import CursorResult, Select, select, update
from sqlalchemy.orm import Session

from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Content, Publication, Site
from pipeline.models.base import table_of
from pipeline.services import alerts
from pipeline.services.publications.claims import Limits
from pipeline.sites import DRAFTED_AHEAD

_PUBLICATIONS: Final = table_of(Publication)
_AHEAD_OF_SLOT: Final = (PublicationStatus.PLANNED, PublicationStatus.DRAFTING, PublicationStatus.DRAFTED)


def any_to_draft(session: Session, *, ahead: timedelta, now: datetime) -> bool:
    """Whether `make_due` would find one; asked without a lock."""
    return session.scalar(_to_draft(ahead=ahead, now=now).limit(1)) is not None


def make_due(session: Session, *, ahead: timedelta, now: datetime, most: int) -> int:
    """Make those due whose slot comes within `ahead`, at sites that take drafts; how many.

    One that was tried and failed waits for its slot.
    """
    found = session.scalars(_to_draft(ahead=ahead, now=now).limit(most).with_for_update(skip_locked=True)).all()
    if not found:
        return 0
    statement = update(_PUBLICATIONS).where(_PUBLICATIONS.c.id.in_(found)).values(due_at=now, sends=0)
    return cast("CursorResult[Any]", session.execute(statement)).rowcount


def _to_draft(*, ahead: timedelta, now: datetime) -> Select[int]:
    known = Publication
    sites = select(Site.id).where(Site.target.in_(DRAFTED_AHEAD), Site.deleted_at.is_(None))
    untouched = (known.attempts == 0, known.error.is_(None), known.remote_id.is_(None), known.unknown_since.is_(None))
    return (
        select(known.id)
        .where(known.due_at > now, known.due_at <= now + ahead, known.slot_at == known.due_at)
        .where(known.status == PublicationStatus.PLANNED, known.site_id.in_(sites), *untouched)
        .order_by(known.due_at)
    )


def is_ahead(publication: Publication, *, now: datetime) -> bool:
    """Whether its slot has not come."""
    return publication.status in _AHEAD_OF_SLOT and publication.slot_at is not None and publication.slot_at > now


def may_be_drafted(session: Session, publication: Publication, *, limits: Limits, now: datetime) -> bool:
    """Whether a publication whose slot has not come is to be drafted now; else it is due at its slot."""
    if _is_wanted(session, publication, limits=limits, now=now):
        return True
    publication.due_at, publication.sends = publication.slot_at, 0
    return False


def leave_to_slot(session: Session, publication: Publication, error: str, *, now: datetime) -> None:
    """End the drafting of a locked publication that nobody holds: it is written at its slot, and people are told."""
    has_trace = publication.has_trace or publication.status is PublicationStatus.DRAFTING
    if publication.remote_id is None and publication.status is PublicationStatus.DRAFTING:
        publication.unknown_since = publication.unknown_since or publication.lease_until or now
    publication.status = PublicationStatus.DRAFTED if has_trace else PublicationStatus.PLANNED
    publication.error, publication.ticket = error, publication.ticket + 1
    publication.due_at, publication.lease_until = publication.slot_at, None
    publication.sends, publication.attempts = 0, 0
    session.flush()
    tell(session, publication.content_id, error, now=now)


def tell(session: Session, content_id: int, error: str, *, now: datetime) -> None:
    """Tell an account that a draft could not be made: there is time to put it right."""
    content = session.get_one(Content, content_id)
    site = session.get_one(Site, content.site_id)
    message = (
        f'"{content.title}" (content {content.id}) could not be written at {site.name} ahead of its slot. {error} '
        "It is tried again at its slot: put that right before."
    )
    alerts.publication_stuck(session, site, content_id=content.id, message=message, now=now)


def _is_wanted(session: Session, publication: Publication, *, limits: Limits, now: datetime) -> bool:
    if publication.slot_at is None or publication.slot_at > now + limits.draft_ahead:
        return False
    query = (
        select(Content.version)
        .join(Site, Site.id == Content.site_id)
        .where(Content.id == publication.content_id, Content.status == ContentStatus.SCHEDULED)
        .where(Site.target.in_(DRAFTED_AHEAD), Site.deleted_at.is_(None))
    )
    version = session.scalar(query)
    if version is None:
        return False
    is_there = publication.status is PublicationStatus.DRAFTED and publication.remote_id is not None
    return not is_there or publication.placed_version != version
