"""Owns what becomes of a publication after its site was asked: done, tried again, looked up again, given up.

Whoever lost its claim writes nothing, but lets go of its lease, so that what was wanted since then need not wait for
it. Never: commits; talks to a site.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import CursorResult, case, select, update
from sqlalchemy.orm import Session

from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.core.words import counted
from pipeline.models import Content, Publication
from pipeline.models.base import table_of
from pipeline.models.publishing import UNSEEN
from pipeline.services import alerts, placing, stuck
from pipeline.services.publications import ahead
from pipeline.services.publications.claims import Claim, Limits, Work

_PUBLICATIONS: Final = table_of(Publication)
_TO_BE_PUBLISHED: Final = (ContentStatus.SCHEDULED, ContentStatus.PUBLISHING)
_NOT_SEEN_YET: Final = (PublicationStatus.PLANNED, *UNSEEN, *placing.STUCK)


def finalise(
    session: Session,
    claim: Claim,
    *,
    remote_id: str,
    remote_url: str,
    now: datetime,
    version: int | None = None,
    imprint: str | None = None,
) -> bool:
    """Write down that the site shows the content in `version` (None: as it is now); its slot stays taken.

    Edited since: due again. False: somebody else has claimed it since.
    """
    values: dict[str, Any] = {
        "remote_id": remote_id,
        "remote_url": remote_url,
        "imprint": imprint,
        "unknown_since": None,
        "error": None,
    }
    if claim.work is Work.DRAFT:
        return _drafted(session, claim, version=version, now=now, values={**values, "seen_at": now})
    if claim.work is Work.PLACE:
        values["published_at"] = now
    if not _end(session, claim, status=PublicationStatus.PUBLISHED, due_at=None, **values):
        return False
    current = session.scalar(select(Content.version).where(Content.id == claim.content_id))
    shown = current if version is None else version
    again = {"due_at": now, "attempts": 0} if shown != current else {}
    _write(session, claim.publication_id, placed_version=shown, **again)
    alerts.publication_decided(session, [claim.content_id], now=now)
    if claim.work is Work.UPDATE:
        return True
    return placing.move_content(session, claim.content_id, ContentStatus.PUBLISHED, of=(ContentStatus.PUBLISHING,))


def taken_away(session: Session, claim: Claim) -> bool:
    """Write down that nothing of the content stands on the site. False: somebody else has claimed it since."""
    nothing = ("remote_id", "remote_url", "placed_version", "imprint", "published_at", "unknown_since", "error")
    return _end(session, claim, status=PublicationStatus.WITHDRAWN, due_at=None, **dict.fromkeys(nothing))


def try_later(
    session: Session,
    claim: Claim,
    error: str,
    *,
    limits: Limits,
    pause: timedelta | None,
    now: datetime,
    unseen: bool = False,
    **learnt: Any,
) -> bool:
    """Try again after the next pause (`pause` where that is longer); after the last one a person must look.

    `learnt`: what became known on the way (`remote_id`, `remote_url`, `unknown_since`, …). `unseen`: nobody sees what
    stands there. False: somebody else has claimed it since.
    """
    if claim.attempt >= limits.most_attempts:
        return give_up(session, claim, f"{error} It was tried {counted(claim.attempt, 'time')}.", now=now, **learnt)
    due_at = now + max(limits.retries[claim.attempt - 1], pause or timedelta())
    if claim.work is Work.DRAFT and claim.slot_at is not None:
        due_at = min(due_at, max(claim.slot_at, now))
    status = _put_off_as(claim, learnt, unseen=unseen)
    return _end(session, claim, status=status, due_at=due_at, error=error, **learnt)


def look_again(session: Session, claim: Claim, *, limits: Limits, now: datetime) -> bool:
    """The site does not show yet what it may have taken: look again soon, which spends no attempt.

    False: somebody else has claimed it since.
    """
    until = (claim.unknown_since or now) + limits.lookup_window
    due_at = min(now + limits.retries[0], max(until, now))
    unseen = claim.work is Work.DRAFT
    status = _put_off_as(claim, {"unknown_since": claim.unknown_since}, unseen=unseen)
    return _end(session, claim, status=status, due_at=due_at, attempts=claim.attempt - 1)


def give_up(session: Session, claim: Claim, error: str, *, now: datetime, **learnt: Any) -> bool:
    """A person must look, and is told; `error` is the sentence for them. An article that is visible stays published.

    `learnt` as in `try_later`. A draft is tried again at its slot. False: somebody else has claimed it since.
    """
    if claim.work is Work.DRAFT:
        status = _put_off_as(claim, learnt, unseen=True)
        values = {"status": status, "due_at": claim.slot_at, "error": error, "attempts": 0, **learnt}
        done = _end(session, claim, **values)
        if done:
            ahead.tell(session, claim.content_id, error, now=now)
        return done
    if not _end(session, claim, status=claim.work.given_up_as, due_at=None, error=error, **learnt):
        return False
    moved = claim.work is not Work.PLACE or placing.move_content(
        session, claim.content_id, ContentStatus.NEEDS_ATTENTION, of=(ContentStatus.PUBLISHING,)
    )
    _tell(session, claim.content_id, claim.work, now=now)
    return moved


def set_aside(session: Session, publication_id: int, error: str, *, now: datetime) -> None:
    """It could not even be claimed: a person must look, and is told; its message is not sent for ever."""
    known = _PUBLICATIONS.c
    is_published = known.status == PublicationStatus.PUBLISHED
    _write(
        session,
        publication_id,
        status=case((is_published, known.status), else_=PublicationStatus.NEEDS_ATTENTION.value),
        error=error,
        due_at=None,
        lease_until=None,
        sends=0,
        ticket=known.ticket + 1,
    )
    content_id = session.scalar(select(known.content_id).where(known.id == publication_id))
    if content_id is not None:
        placing.move_content(session, content_id, ContentStatus.NEEDS_ATTENTION, of=_TO_BE_PUBLISHED)
        stuck.tell(session, [content_id], now=now)


def stop(session: Session, publication: Publication, error: str, *, work: Work, now: datetime) -> None:
    """End a locked publication that nobody holds; `error` is the sentence for a person, who is told."""
    publication.status, publication.error, publication.ticket = work.given_up_as, error, publication.ticket + 1
    publication.due_at, publication.lease_until, publication.sends = None, None, 0
    if work is Work.PLACE:
        placing.move_content(session, publication.content_id, ContentStatus.NEEDS_ATTENTION, of=_TO_BE_PUBLISHED)
    _tell(session, publication.content_id, work, now=now)


def _tell(session: Session, content_id: int, work: Work, *, now: datetime) -> None:
    """Tell people that it waits for them; what they were told of its draft is over."""
    if work is Work.PLACE:
        alerts.publication_decided(session, [content_id], now=now)
    stuck.tell(session, [content_id], now=now)


def disown(session: Session, claim: Claim, *, remote_id: str | None, now: datetime) -> bool:
    """A publisher that lost its claim has changed the site after all: what is wanted since then is due once more.

    `remote_id` is what it placed, None where it took away. Whether that is a second copy, which it must take away.
    """
    row = session.get_one(Publication, claim.publication_id, with_for_update=True, populate_existing=True)
    is_second = remote_id is not None and row.remote_id not in {None, remote_id}
    if claim.work is Work.DRAFT and row.remote_id is None and row.status in _NOT_SEEN_YET:
        row.remote_id, row.unknown_since = remote_id, None
    stands_in_vain = row.status is PublicationStatus.WITHDRAWN and remote_id is not None
    # It may have put an older version in the place of a newer one.
    is_outdated = row.status is PublicationStatus.PUBLISHED and not is_second
    if stands_in_vain or is_outdated:
        row.remote_id, row.ticket = row.remote_id or remote_id, row.ticket + 1
        row.due_at, row.sends, row.attempts = max(now, row.lease_until or now), 0, 0
    return is_second


def renew(session: Session, claim: Claim, *, limits: Limits, now: datetime) -> bool:
    """Its publisher is still at it. False: somebody else has claimed it since."""
    held = (_PUBLICATIONS.c.id == claim.publication_id, _PUBLICATIONS.c.ticket == claim.ticket)
    statement = update(_PUBLICATIONS).where(*held, _PUBLICATIONS.c.status == claim.work.under_way_as)
    renewed = statement.values(lease_until=now + limits.lease, due_at=now + limits.lease)
    return cast("CursorResult[Any]", session.execute(renewed)).rowcount == 1


def _drafted(session: Session, claim: Claim, *, version: int | None, now: datetime, values: dict[str, Any]) -> bool:
    """Write down that a draft stands at the site: it is shown at its slot, and written again where it was edited."""
    if not _end(session, claim, status=PublicationStatus.DRAFTED, due_at=claim.slot_at, attempts=0, **values):
        return False
    current = session.scalar(select(Content.version).where(Content.id == claim.content_id))
    shown = current if version is None else version
    again = {"due_at": now} if shown != current else {}
    _write(session, claim.publication_id, placed_version=shown, **again)
    alerts.publication_decided(session, [claim.content_id], now=now)
    return True


def _put_off_as(claim: Claim, learnt: Mapping[str, Any], *, unseen: bool) -> PublicationStatus:
    """What it is until it is tried again: drafted where something unseen stands at the site, or may stand there."""
    has_trace = (learnt.get("remote_id") or claim.remote_id) is not None or learnt.get("unknown_since") is not None
    if claim.work in {Work.DRAFT, Work.PLACE} and unseen and has_trace:
        return PublicationStatus.DRAFTED
    return claim.work.put_off_as


def _end(session: Session, claim: Claim, **values: Any) -> bool:
    """End the claim, unless another took its place."""
    held = (
        _PUBLICATIONS.c.id == claim.publication_id,
        _PUBLICATIONS.c.ticket == claim.ticket,
        _PUBLICATIONS.c.status == claim.work.under_way_as,
    )
    statement = update(_PUBLICATIONS).where(*held).values(lease_until=None, sends=0, **values)
    if cast("CursorResult[Any]", session.execute(statement)).rowcount == 1:
        return True
    session.execute(
        update(_PUBLICATIONS)
        .where(_PUBLICATIONS.c.id == claim.publication_id, _PUBLICATIONS.c.lease_until == claim.lease_until)
        .values(lease_until=None)
    )
    return False


def _write(session: Session, publication_id: int, **values: Any) -> None:
    session.execute(update(_PUBLICATIONS).where(_PUBLICATIONS.c.id == publication_id).values(**values))
