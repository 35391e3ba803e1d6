"""Owns what is known of a site's health: when it is looked at, what was found, what people read of it.

A check goes through what was published a portion at a time and goes on where the last one ended. Nothing at the site is
changed: what somebody edited or took away there is written down. Lock order: site, publications.
Never: commits; asks a site.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import CursorResult, func, or_, select, update
from sqlalchemy.orm import Session

from pipeline.core.states import PublicationStatus
from pipeline.models import Content, Publication, Site, SyncEvent
from pipeline.models.base import table_of
from pipeline.services import alerts, placing
from pipeline.sites.port import Standing

#: Pause between two checks of a site.
EVERY: Final = timedelta(hours=1)
#: Drafts that a check looks for, all in one request.
DRAFTS_A_CHECK: Final = 50
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Spreads ids that follow each other over the whole hour; prime, so that every second is used.
_SPREAD: Final = 2_654_435_761
_SITES, _PUBLICATIONS = table_of(Site), table_of(Publication)
_IS_PUBLISHED: Final = Publication.status == PublicationStatus.PUBLISHED
_TOLD: Final[Mapping[Standing, str]] = {
    Standing.DELETED: "“{title}” is not on the site any more. It is not put back by itself.",
    Standing.UNPUBLISHED: (
        "“{title}” is not published at the site any more: somebody made it a draft, private or locked, or put it into "
        "the waste basket there. It is left as it is."
    ),
    Standing.EDITED: "“{title}” was edited at the site. It is left as it is there.",
    Standing.HERE: "“{title}” stands on the site again as it was published.",
}


@dataclass(frozen=True)
class Placement:
    """A published article as it was known when the check began."""

    publication_id: int
    ticket: int
    content_id: int
    title: str
    remote_id: str | None
    imprint: str | None
    drift: str | None


@dataclass(frozen=True)
class Draft:
    """A draft that is to be shown before long."""

    publication_id: int
    ticket: int
    content_id: int
    remote_id: str


@dataclass(frozen=True)
class Check:
    """A check of a site that was begun: its lease proves that it is the only one."""

    site_id: int
    lease_until: datetime
    placements: Sequence[Placement]
    #: Those whose slots come before the next check but one.
    drafts: Sequence[Draft]
    #: Where the next check goes on.
    next_position: int


@dataclass(frozen=True)
class Health:
    """What is known of a site after a check."""

    status: str
    #: What the site said when it failed.
    error: str | None
    #: How many articles were looked at now.
    looked_at: int
    #: What was found now and was not known before.
    news: Sequence[str]
    #: What a person should know though the site takes articles.
    notes: Sequence[str] = ()


def next_check(site_id: int, *, after: datetime) -> datetime:
    """The first instant after `after` at which the site is looked at: every hour, a second of its own."""
    offset = timedelta(seconds=site_id * _SPREAD % int(EVERY.total_seconds()))
    return _EPOCH + offset + ((after - _EPOCH - offset) // EVERY + 1) * EVERY


def begin(session: Session, site_id: int, *, most: int, lease: timedelta, now: datetime) -> Check | None:
    """Begin a check of the next `most` articles of the site; None where another is under way, or there is no site."""
    is_free = or_(_SITES.c.check_lease_until.is_(None), _SITES.c.check_lease_until <= now)
    there = (_SITES.c.id == site_id, _SITES.c.deleted_at.is_(None))
    statement = update(_SITES).where(*there, is_free).values(check_lease_until=now + lease)
    position = session.scalar(statement.returning(_SITES.c.check_position))
    if position is None:
        return None
    query = (
        select(
            Publication.id,
            Publication.ticket,
            Publication.content_id,
            Content.title,
            Publication.remote_id,
            Publication.imprint,
            Publication.drift,
        )
        .join(Content, Content.id == Publication.content_id)
        .where(
            Publication.site_id == site_id,
            Publication.id > position,
            _IS_PUBLISHED,
        )
        .order_by(Publication.id)
        .limit(most)
    )
    found = [Placement(*row) for row in session.execute(query)]
    drafts = _drafts(session, site_id, now=now)
    return Check(site_id, now + lease, found, drafts, found[-1].publication_id if len(found) == most else 0)


def _drafts(session: Session, site_id: int, *, now: datetime) -> Sequence[Draft]:
    known = Publication
    query = (
        select(known.id, known.ticket, known.content_id, known.remote_id)
        .where(known.due_at > now, known.due_at <= now + 2 * EVERY, known.site_id == site_id)
        .where(known.status == PublicationStatus.DRAFTED, known.remote_id.is_not(None))
        .order_by(known.due_at)
        .limit(DRAFTS_A_CHECK)
    )
    return [Draft(row.id, row.ticket, row.content_id, str(row.remote_id)) for row in session.execute(query)]


def answered(
    session: Session,
    check: Check,
    found: Mapping[int, Standing],
    *,
    now: datetime,
    notes: Sequence[str] = (),
    seen: Collection[str] = (),
) -> Health | None:
    """Write down how the articles stand, by publication id. None: another check took this one's place.

    `notes`: what the site's people should know all the same. `seen`: remote ids of the drafts that are ours.
    """
    site = _held(session, check)
    if site is None:
        return None
    for draft in check.drafts:
        _write_seen(session, draft, seen_at=now if draft.remote_id in seen else None)
    news = [
        _event(session, site, kind=_kind(found[placement.publication_id]), placement=placement, now=now)
        for placement in check.placements
        if _is_news(session, placement, found[placement.publication_id])
    ]
    if site.sync_error is not None:
        news.insert(0, f"{site.name} answers again.")
        session.add(_row(site, kind="recovered", message=news[0], content_id=None, now=now))
        alerts.site_recovered(session, site.id, now=now)
        placing.try_drafts_again(session, site.id, now=now)
    status = "drifted" if drifted(session, site, limit=1) else "ok"
    values = {"sync_status": status, "sync_error": None, "last_sync_at": now, "check_position": check.next_position}
    is_ours = _written(session, check, values)
    return Health(status, None, len(check.placements), news, tuple(notes)) if is_ours else None


def failed(session: Session, check: Check, error: str, *, now: datetime) -> Health | None:
    """Write down that the site could not be looked at, and tell its account. None: another check took its place."""
    site = _held(session, check)
    if site is None:
        return None
    news = [] if site.sync_error == error else [error]
    if news:
        session.add(_row(site, kind="failing", message=error, content_id=None, now=now))
    alerts.site_failing(session, site, error=error, now=now)
    is_ours = _written(session, check, {"sync_status": "failing", "sync_error": error})
    return Health("failing", error, 0, news) if is_ours else None


def drifted(session: Session, site: Site, *, limit: int = 50) -> Sequence[tuple[int, str, str]]:
    """Articles that do not stand on the site as they were published: content id, title, and how (of `DRIFTS`)."""
    query = (
        select(Publication.content_id, Content.title, Publication.drift)
        .join(Content, Content.id == Publication.content_id)
        .where(Publication.site_id == site.id, Publication.drift.is_not(None), _IS_PUBLISHED)
        .order_by(Publication.id)
        .limit(limit)
    )
    return [(content_id, title, str(drift)) for content_id, title, drift in session.execute(query)]


def events(session: Session, site: Site, *, limit: int = 50) -> Sequence[SyncEvent]:
    """What was found at the site, or came to an end there, the newest first."""
    query = select(SyncEvent).where(SyncEvent.account_id == site.account_id, SyncEvent.site_id == site.id)
    return session.scalars(query.order_by(SyncEvent.at.desc(), SyncEvent.id.desc()).limit(limit)).all()


def count_published(session: Session, site: Site) -> int:
    """How many articles a whole round looks at."""
    return session.scalar(select(func.count()).where(Publication.site_id == site.id, _IS_PUBLISHED)) or 0


def _held(session: Session, check: Check) -> Site | None:
    """The site, locked, while the check is still its only one."""
    query = select(Site).where(Site.id == check.site_id, Site.check_lease_until == check.lease_until)
    return session.scalar(query.with_for_update(key_share=True).execution_options(populate_existing=True))


def _is_news(session: Session, placement: Placement, standing: Standing) -> bool:
    """Whether it stands otherwise than was known, nobody published it meanwhile, and this is written down now."""
    drift = None if standing is Standing.HERE else standing.value
    if drift == placement.drift:
        return False
    same = (
        _PUBLICATIONS.c.id == placement.publication_id,
        _PUBLICATIONS.c.ticket == placement.ticket,
        _PUBLICATIONS.c.status == PublicationStatus.PUBLISHED,
        _PUBLICATIONS.c.drift.is_(None) if placement.drift is None else _PUBLICATIONS.c.drift == placement.drift,
    )
    moved = session.execute(update(_PUBLICATIONS).where(*same).values(drift=drift))
    return cast("CursorResult[Any]", moved).rowcount == 1


def _write_seen(session: Session, draft: Draft, *, seen_at: datetime | None) -> None:
    """Know when it was seen, unless somebody has claimed or moved it meanwhile."""
    same = (_PUBLICATIONS.c.id == draft.publication_id, _PUBLICATIONS.c.ticket == draft.ticket)
    session.execute(update(_PUBLICATIONS).where(*same).values(seen_at=seen_at))


def _kind(standing: Standing) -> str:
    return "back" if standing is Standing.HERE else standing.value


def _event(session: Session, site: Site, *, kind: str, placement: Placement, now: datetime) -> str:
    standing = Standing.HERE if kind == "back" else Standing(kind)
    message = _TOLD[standing].format(title=placement.title)
    session.add(_row(site, kind=kind, message=message, content_id=placement.content_id, now=now))
    return message


def _row(site: Site, *, kind: str, message: str, content_id: int | None, now: datetime) -> SyncEvent:
    return SyncEvent(
        account_id=site.account_id, site_id=site.id, kind=kind, message=message, content_id=content_id, at=now
    )


def _written(session: Session, check: Check, values: Mapping[str, Any]) -> bool:
    """Let go of the site with what was found, if the check is still its only one."""
    session.flush()
    ours = (_SITES.c.id == check.site_id, _SITES.c.check_lease_until == check.lease_until)
    statement = update(_SITES).where(*ours).values(check_lease_until=None, **values)
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1
