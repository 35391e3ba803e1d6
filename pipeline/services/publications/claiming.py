"""Owns who may carry a publication out, and when: one publisher at a time, few a site, late ones apart.

Lock order: site, then as everywhere: calendar, publication, content, slot. The site's lock lets two claims of one site
see each other. Never: commits; talks to a site.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.core.words import counted
from pipeline.models import Publication, SiteAutomationSettings
from pipeline.services import audit, placing
from pipeline.services.calendar import overdue, rows
from pipeline.services.publications import ahead
from pipeline.services.publications.claims import Claim, Limits, Work
from pipeline.services.publications.outcomes import stop

#: From here on behind its slot a publication counts as late.
LATE_AFTER: Final = timedelta(minutes=2)

#: Who it was, in the audit trail.
ACTOR: Final = "publisher"

_WORK: Final = {
    PublicationStatus.PLANNED: Work.PLACE,
    PublicationStatus.DRAFTING: Work.PLACE,
    PublicationStatus.DRAFTED: Work.PLACE,
    PublicationStatus.PUBLISHING: Work.PLACE,
    PublicationStatus.PUBLISHED: Work.UPDATE,
    PublicationStatus.WITHDRAWN: Work.TAKE_AWAY,
}


def claim(session: Session, publication_id: int, *, limits: Limits, now: datetime) -> Claim | None:
    """Take a publication whose message was sent; None where there is nothing (or nothing yet) to do."""
    seen = session.get(Publication, publication_id, populate_existing=True)
    if seen is None:
        return None
    rows.lock_site(session, seen.site_id)
    if overdue.is_too_late(seen, now=now, grace=limits.grace) and _publishes_by_itself(session, seen.site_id):
        _put_back(session, seen, limits=limits, now=now)
    publication = session.get_one(Publication, publication_id, with_for_update=True, populate_existing=True)
    if not _may_be_claimed(publication, now):
        return None
    work = _work(session, publication, limits=limits, now=now)
    if work is None or _is_worn_out(session, publication, work, limits=limits, now=now):
        return None
    if work is Work.PLACE and _waits(session, publication, limits=limits, now=now):
        return None
    if _is_crowded(session, publication, limits=limits, now=now):
        return None
    return _take(session, publication, work, limits=limits, now=now)


def _work(session: Session, publication: Publication, *, limits: Limits, now: datetime) -> Work | None:
    """What is to be done for it now: ahead of its slot a draft, where its site takes drafts."""
    if not ahead.is_ahead(publication, now=now):
        return _WORK[publication.status]
    return Work.DRAFT if ahead.may_be_drafted(session, publication, limits=limits, now=now) else None


def _is_worn_out(session: Session, publication: Publication, work: Work, *, limits: Limits, now: datetime) -> bool:
    """Whether it was tried as often as may be, and is ended here."""
    if publication.attempts < limits.most_attempts:
        return False
    if work is Work.DRAFT:
        ahead.leave_to_slot(session, publication, _cut_short(publication, work), now=now)
    else:
        stop(session, publication, _cut_short(publication, work), work=work, now=now)
    return True


def _put_back(session: Session, seen: Publication, *, limits: Limits, now: datetime) -> None:
    """Decide about all overdue items of its site at once, and leave a trace of it."""
    decided = overdue.put_back(session, seen.site_id, now=now, grace=limits.grace)
    audit.record(
        session,
        account_id=seen.account_id,
        actor=ACTOR,
        action="calendar.put_back",
        subject_kind="site",
        subject_id=seen.site_id,
        now=now,
        details={"moved": len(decided.moved), "missed": list(decided.missed)},
    )


def _may_be_claimed(publication: Publication, now: datetime) -> bool:
    """A message counts for the plan it was sent for: one from before a move, a retry or a withdrawal finds no send."""
    if publication.sends == 0 or publication.due_at is None or publication.status not in _WORK:
        return False
    return publication.lease_until is None or publication.lease_until <= now


def _waits(session: Session, publication: Publication, *, limits: Limits, now: datetime) -> bool:
    """Whether its slot's turn is not now: people decide, or late ones go out one after the other.

    What has begun goes on: the site may show it already.
    """
    if publication.slot_at is None or publication.status is PublicationStatus.PUBLISHING or publication.may_be_seen:
        return False
    if _is_left_to_people(session, publication):
        return True
    if overdue.is_too_late(publication, now=now, grace=limits.grace):
        return True  # Its slot was changed between the two looks: the next message finds it.
    return _is_put_off(session, publication, limits=limits, now=now)


def _is_left_to_people(session: Session, publication: Publication) -> bool:
    """With auto-publish off, scheduled content becomes ready at its slot; so does one that waited for its next try."""
    if _publishes_by_itself(session, publication.site_id):
        return False
    under_way = (ContentStatus.SCHEDULED, ContentStatus.PUBLISHING)
    if not placing.move_content(session, publication.content_id, ContentStatus.READY, of=under_way):
        return False
    publication.due_at, publication.sends, publication.attempts = None, 0, 0
    publication.ticket += 1
    return True


def _publishes_by_itself(session: Session, site_id: int) -> bool:
    query = select(SiteAutomationSettings.auto_publish_enabled).where(SiteAutomationSettings.site_id == site_id)
    return bool(session.scalar(query))


def _is_put_off(session: Session, publication: Publication, *, limits: Limits, now: datetime) -> bool:
    """Whether it is late and not its turn: others of its site went out within the spacing, or wait before it.

    What a person published at once is no burst of ours: it does not count.
    """
    if publication.slot_at is None or now - publication.slot_at < LATE_AFTER:
        return False
    others = (Publication.site_id == publication.site_id, Publication.id != publication.id)
    planned = Publication.slot_at.is_not(None)
    last = session.scalar(select(func.max(Publication.published_at)).where(*others, planned))
    under_way = select(func.count()).where(*others, planned, Publication.status == PublicationStatus.PUBLISHING)
    if session.scalar(under_way):
        last = now
    before = select(func.count()).where(
        *others,
        Publication.status.in_((PublicationStatus.PLANNED, PublicationStatus.DRAFTED)),
        Publication.due_at.is_not(None),
        Publication.attempts == 0,
        Publication.slot_at.between(now - limits.grace, publication.slot_at),
    )
    turn = max(now, now if last is None else last + limits.spacing) + (session.scalar(before) or 0) * limits.spacing
    if turn <= now:
        return False
    publication.due_at, publication.sends = turn, 0
    return True


def _is_crowded(session: Session, publication: Publication, *, limits: Limits, now: datetime) -> bool:
    """Whether as many of its site are under way as may be: then it asks again in a moment."""
    under_way = select(func.count()).where(
        Publication.site_id == publication.site_id, Publication.id != publication.id, Publication.lease_until > now
    )
    if (session.scalar(under_way) or 0) < limits.most_at_once:
        return False
    publication.due_at, publication.sends = now + limits.crowded_wait, 0
    return True


def _take(session: Session, publication: Publication, work: Work, *, limits: Limits, now: datetime) -> Claim | None:
    is_cut_short = publication.status in {PublicationStatus.PUBLISHING, PublicationStatus.DRAFTING}
    was_tried = publication.attempts > 0 or publication.unknown_since is not None or is_cut_short
    if is_cut_short and publication.remote_id is None:
        # Whoever had it is gone, and with it the site's answer.
        publication.unknown_since = publication.unknown_since or publication.lease_until or now
    if work is Work.PLACE:
        under_way = (ContentStatus.SCHEDULED, ContentStatus.PUBLISHING)
        if not placing.move_content(session, publication.content_id, ContentStatus.PUBLISHING, of=under_way):
            # Nothing of ours leaves rows like that.
            if not placing.withdraw(session, publication.content_id, now=now):
                stop(session, publication, "The article is not to be published any more.", work=work, now=now)
            return None
        publication.status = PublicationStatus.PUBLISHING
    elif work is Work.DRAFT:
        publication.status = PublicationStatus.DRAFTING
    publication.ticket += 1
    publication.attempts += 1
    publication.lease_until = publication.due_at = now + limits.lease
    publication.sends = 0
    session.flush()
    was_seen = publication.seen_at is not None and now - publication.seen_at <= limits.seen_for
    return _claim_of(publication, work, lease_until=now + limits.lease, was_tried=was_tried, was_seen=was_seen)


def _claim_of(publication: Publication, work: Work, *, lease_until: datetime, was_tried: bool, was_seen: bool) -> Claim:
    return Claim(
        publication_id=publication.id,
        ticket=publication.ticket,
        content_id=publication.content_id,
        site_id=publication.site_id,
        work=work,
        attempt=publication.attempts,
        lease_until=lease_until,
        remote_id=publication.remote_id,
        unknown_since=publication.unknown_since,
        published_at=publication.slot_at or publication.replanned_at or publication.created_at,
        placed_version=publication.placed_version,
        imprint=publication.imprint,
        was_tried=was_tried,
        was_seen=was_seen,
        slot_at=publication.slot_at,
        was_shown=publication.published_at is not None,
    )


def _cut_short(publication: Publication, work: Work) -> str:
    what = {
        Work.DRAFT: "Drafting it at the site",
        Work.PLACE: "Publishing",
        Work.UPDATE: "Updating the site",
        Work.TAKE_AWAY: "Taking it off the site",
    }[work]
    return f"{what} was cut short {counted(publication.attempts, 'time')}. Try again, or look at the logs."
