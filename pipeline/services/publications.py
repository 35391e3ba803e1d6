"""Owns a publication's way to its site: claimed, placed by somebody else, finalised; put off or given up.

Claim and finalise are two transactions with the site between them. A ticket ties them together: whoever claimed last
may write, so a publisher that was thought dead writes nothing. Never: commits; talks to a site.

Late ones (the system was down at their slot) go out one a site per spacing, never in a burst; moving the very old ones
to later slots comes with the overdue policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import CursorResult, Table, func, select, update
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Content, Publication, Site, SiteAutomationSettings
from pipeline.services import placing
from pipeline.services.calendar import rows

#: From here on behind its slot a publication counts as late.
LATE_AFTER: Final = timedelta(minutes=2)

_PUBLICATIONS: Final = cast("Table", Publication.__table__)
_UNDER_WAY: Final = (ContentStatus.SCHEDULED, ContentStatus.PUBLISHING)
_PUBLISHABLE: Final = (ContentStatus.APPROVED, ContentStatus.SCHEDULED, ContentStatus.READY)


@dataclass(frozen=True)
class Limits:
    """How long and how often a publication is tried; values of the configuration."""

    lease: timedelta
    #: Pauses before each further try.
    retries: Sequence[timedelta]
    #: Least distance of two late publications of one site.
    spacing: timedelta

    @property
    def most_attempts(self) -> int:
        """The first try and its repetitions."""
        return len(self.retries) + 1


@dataclass(frozen=True)
class Claim:
    """A publication that is this publisher's until its lease ends."""

    publication_id: int
    ticket: int
    content_id: int
    site_id: int
    #: Counts from 1.
    attempt: int
    remote_id: str | None
    #: What the article is dated: its slot, or now.
    published_at: datetime


def publish_now(session: Session, content: Content, *, now: datetime) -> Publication:
    """Have the content published at once, as a person wants it; its slot is free for others.

    From approved, scheduled or ready, and from needs attention where publishing was what got stuck. Auto-publish does
    not matter. Raises ConflictError otherwise.
    """
    rows.lock_share(session, content.site_id)
    is_stuck = placing.lock_publication(session, content.id) is PublicationStatus.NEEDS_ATTENTION
    of = (*_PUBLISHABLE, ContentStatus.NEEDS_ATTENTION) if is_stuck else _PUBLISHABLE
    if not placing.move_content(session, content.id, ContentStatus.PUBLISHING, of=of):
        raise ConflictError(
            f"Content {content.id} is {content.status}: only approved, scheduled or ready content can be published "
            "now. Approve it first, or wait until what is under way has ended."
        )
    rows.release(session, content.id, site_id=content.site_id, now=now)
    placing.plan(session, content, slot_at=None, due_at=now, now=now)
    planned = select(Publication).where(Publication.content_id == content.id)
    return session.scalars(planned.execution_options(populate_existing=True)).one()


def of_content(session: Session, content: Content) -> Publication | None:
    """The content's publication; None before anything was planned."""
    return session.scalar(select(Publication).where(Publication.content_id == content.id))


def claim(session: Session, publication_id: int, *, limits: Limits, now: datetime) -> Claim | None:
    """Take a publication whose message was sent; None where there is nothing (or nothing yet) to do."""
    publication = session.get(Publication, publication_id, with_for_update=True, populate_existing=True)
    if publication is None or not _may_be_claimed(publication, now):
        return None
    if publication.attempts >= limits.most_attempts:
        _stop(
            session,
            publication,
            f"Publishing was cut short {publication.attempts} times. Try again, or look at the logs.",
        )
        return None
    if _is_left_to_people(session, publication) or _is_put_off(session, publication, limits=limits, now=now):
        return None
    if not placing.move_content(session, publication.content_id, ContentStatus.PUBLISHING, of=_UNDER_WAY):
        placing.withdraw(session, publication.content_id)
        return None
    publication.status = PublicationStatus.PUBLISHING
    publication.ticket += 1
    publication.attempts += 1
    publication.lease_until = publication.due_at = now + limits.lease
    publication.sends = 0
    session.flush()
    return _claim_of(publication, now)


def finalise(session: Session, claim: Claim, *, remote_id: str, remote_url: str, now: datetime) -> bool:
    """Write down that the content is visible; its slot stays taken. False: somebody else has claimed it since."""
    values = {"remote_id": remote_id, "remote_url": remote_url, "published_at": now, "error": None}
    if not _end(session, claim, status=PublicationStatus.PUBLISHED, due_at=None, **values):
        return False
    return placing.move_content(session, claim.content_id, ContentStatus.PUBLISHED, of=(ContentStatus.PUBLISHING,))


def try_later(
    session: Session, claim: Claim, error: str, *, limits: Limits, pause: timedelta | None, now: datetime
) -> bool:
    """Try again after the next pause (`pause` where that is longer); after the last one a person must look.

    False: somebody else has claimed it since.
    """
    if claim.attempt >= limits.most_attempts:
        return give_up(session, claim, f"{error} It was tried {claim.attempt} times.")
    wait = max(limits.retries[claim.attempt - 1], pause or timedelta())
    return _end(session, claim, status=PublicationStatus.PLANNED, due_at=now + wait, error=error)


def give_up(session: Session, claim: Claim, error: str) -> bool:
    """A person must look; `error` is the sentence for them. False: somebody else has claimed it since."""
    if not _end(session, claim, status=PublicationStatus.NEEDS_ATTENTION, due_at=None, error=error):
        return False
    return placing.move_content(
        session, claim.content_id, ContentStatus.NEEDS_ATTENTION, of=(ContentStatus.PUBLISHING,)
    )


def _may_be_claimed(publication: Publication, now: datetime) -> bool:
    """A message counts for the plan it was sent for: one from before a move, a retry or a withdrawal finds no send."""
    if publication.sends == 0:
        return False
    if publication.status is PublicationStatus.PLANNED:
        return publication.slot_at is None or publication.slot_at <= now
    is_free = publication.lease_until is None or publication.lease_until <= now
    return publication.status is PublicationStatus.PUBLISHING and is_free


def _is_left_to_people(session: Session, publication: Publication) -> bool:
    """With auto-publish off, scheduled content becomes ready at its slot."""
    if publication.status is not PublicationStatus.PLANNED or _publishes_by_itself(session, publication.site_id):
        return False
    if not placing.move_content(session, publication.content_id, ContentStatus.READY, of=(ContentStatus.SCHEDULED,)):
        return False
    publication.due_at, publication.sends = None, 0
    return True


def _publishes_by_itself(session: Session, site_id: int) -> bool:
    query = select(SiteAutomationSettings.auto_publish_enabled).where(SiteAutomationSettings.site_id == site_id)
    return bool(session.scalar(query))


def _is_put_off(session: Session, publication: Publication, *, limits: Limits, now: datetime) -> bool:
    """Whether it is late and another of its site went out within the spacing: then it is due at the end of that."""
    if publication.slot_at is None or now - publication.slot_at < LATE_AFTER or publication.attempts:
        return False
    # Two late ones of a site are looked at one after the other.
    session.execute(select(Site.id).where(Site.id == publication.site_id).with_for_update(key_share=True))
    others = (Publication.site_id == publication.site_id, Publication.id != publication.id)
    last = session.scalar(select(func.max(Publication.published_at)).where(*others))
    under_way = select(func.max(Publication.lease_until)).where(
        *others, Publication.status == PublicationStatus.PUBLISHING, Publication.slot_at.is_not(None)
    )
    if session.scalar(under_way) is not None:
        last = now
    if last is None or now - last >= limits.spacing:
        return False
    publication.due_at, publication.sends = last + limits.spacing, 0
    return True


def _stop(session: Session, publication: Publication, error: str) -> None:
    publication.status, publication.error = PublicationStatus.NEEDS_ATTENTION, error
    publication.due_at, publication.lease_until, publication.sends = None, None, 0
    placing.move_content(session, publication.content_id, ContentStatus.NEEDS_ATTENTION, of=_UNDER_WAY)


def _claim_of(publication: Publication, now: datetime) -> Claim:
    return Claim(
        publication_id=publication.id,
        ticket=publication.ticket,
        content_id=publication.content_id,
        site_id=publication.site_id,
        attempt=publication.attempts,
        remote_id=publication.remote_id,
        published_at=publication.slot_at or now,
    )


def _end(session: Session, claim: Claim, **values: Any) -> bool:
    """End the claim, unless another took its place."""
    statement = (
        update(_PUBLICATIONS)
        .where(
            _PUBLICATIONS.c.id == claim.publication_id,
            _PUBLICATIONS.c.ticket == claim.ticket,
            _PUBLICATIONS.c.status == PublicationStatus.PUBLISHING,
        )
        .values(lease_until=None, sends=0, **values)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1
