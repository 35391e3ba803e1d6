"""Owns the secret addresses of calendars: made, revoked, and whose calendar one is.

A token is 256 random bits; its SHA-256 is kept and found by. Never: keeps, logs or shows one after it was made.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.orm import Session

from pipeline.core.errors import NotFoundError
from pipeline.models import CalendarFeed, Site
from pipeline.models.base import table_of

_RANDOM_BYTES: Final = 32
_ROWS: Final = table_of(CalendarFeed)


def make_feed(session: Session, site: Site, *, now: datetime, ends_at: datetime | None = None) -> str:
    """Give the site's feed a new token, which is returned this once; one that it had is worth nothing any more.

    It is read until `ends_at`: a key that expires hands out nothing that stays longer.
    """
    session.execute(select(Site.id).where(Site.id == site.id).with_for_update())
    revoke(session, site)
    token = secrets.token_urlsafe(_RANDOM_BYTES)
    row = CalendarFeed(account_id=site.account_id, site_id=site.id, token_hash=_hash_of(token), created_at=now)
    row.ends_at = ends_at
    session.add(row)
    session.flush()
    return token


def revoke(session: Session, site: Site) -> bool:
    """Let nobody read the site's feed any more; whether there was one."""
    return bool(session.connection().execute(delete(_ROWS).where(_ROWS.c.site_id == site.id)).rowcount)


def feed_of(session: Session, site: Site) -> CalendarFeed | None:
    """The site's feed; None: it has none."""
    return session.scalar(select(CalendarFeed).where(CalendarFeed.site_id == site.id))


def site_of(session: Session, token: str, *, now: datetime) -> Site:
    """The site whose calendar is read by this token; NotFoundError, also where the feed has ended."""
    there = CalendarFeed.site_id == Site.id, Site.deleted_at.is_(None)
    query = select(Site).join(CalendarFeed, and_(*there))
    lasts = or_(CalendarFeed.ends_at.is_(None), CalendarFeed.ends_at > now)
    site = session.scalar(query.where(CalendarFeed.token_hash == _hash_of(token), lasts))
    if site is None:
        raise NotFoundError("There is no calendar at this address; it may have got another one.")
    return site


def path_of(token: str) -> str:
    """Where the feed is, below the address of the installation."""
    return f"/feeds/{token}.ics"


def _hash_of(token: str) -> str:
    return sha256(token.encode("utf-8", "replace")).hexdigest()
