"""Owns what no longer goes on by itself at a site: an article not published, not updated, not taken away.

A person is told in the transaction that gives it up, once until they decide. Never: commits; gives anything up itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Content, Publication, Site
from pipeline.services import alerts, placing

#: A published one whose site would not take the edited version.
_SHOWN: Final = (*placing.STUCK, PublicationStatus.PUBLISHED)


@dataclass(frozen=True)
class Stuck:
    """An article that waits for a person to do something."""

    content_id: int
    title: str
    #: Of its publication; `published`: its site shows an older version.
    status: PublicationStatus
    #: What the site said last, or what else was in the way.
    why: str
    what_to_do: str


def of_site(session: Session, site: Site, *, limit: int = 100) -> Sequence[Stuck]:
    """The site's articles that wait for a person, those that were planned first come first."""
    query = _stuck().where(Publication.site_id == site.id, Content.deleted_at.is_(None))
    return [_told(row) for row in session.execute(query.order_by(Publication.id).limit(limit))]


def tell(session: Session, content_ids: Iterable[int], *, now: datetime) -> None:
    """Tell the account of those of the contents that wait for a person now; what was told already is not told again."""
    session.flush()
    those = _stuck().where(Publication.content_id.in_(list(content_ids)))
    for row in session.execute(those.order_by(Publication.id)).all():
        found, site = _told(row), session.get_one(Site, row.site_id)
        message = (
            f'"{found.title}" (content {found.content_id}) {_what(row)} {site.name}. {found.why} {found.what_to_do}'
        )
        alerts.publication_stuck(session, site, content_id=found.content_id, message=message, now=now)


def _stuck() -> Select[*tuple[object, ...]]:
    columns = (Publication.site_id, Publication.status, Publication.error, Publication.remote_url)
    return (
        select(Content.id, Content.title, Content.status.label("content_status"), Content.deleted_at, *columns)
        .join(Publication, Publication.content_id == Content.id)
        .where(Publication.error.is_not(None), Publication.due_at.is_(None), Publication.status.in_(_SHOWN))
    )


def _told(row: Row[*tuple[object, ...]]) -> Stuck:
    return Stuck(row.id, row.title, row.status, row.error, _what_to_do(row))


def _what(row: Row[*tuple[object, ...]]) -> str:
    if row.status is PublicationStatus.PUBLISHED:
        return "could not be brought up to date at"
    if row.content_status is ContentStatus.NEEDS_ATTENTION:
        return "was not published at"
    return "could not be taken off"


def _what_to_do(row: Row[*tuple[object, ...]]) -> str:
    if row.status is PublicationStatus.PUBLISHED:
        return f"The site shows the version before. Put that right, then edit it again: igny8 content edit {row.id}"
    if row.content_status is ContentStatus.NEEDS_ATTENTION:
        first = "" if row.status is PublicationStatus.MISSED else "Put that right first. "
        return (
            f"{first}At once: igny8 publish {row.id} --now. At a slot: igny8 calendar schedule {row.id}. "
            f"Not at all: igny8 content reject {row.id}"
        )
    if row.deleted_at is not None:
        return f"It is deleted here. Take it away there by hand: {row.remote_url or 'the site knows its address'}"
    return f"Put that right, then ask the site again: igny8 content withdraw {row.id}"
