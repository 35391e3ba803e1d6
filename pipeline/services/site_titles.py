"""Owns the titles that stand on a site, whoever wrote them: no article of ours gets one of them again.

Never: commits; asks a site.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import delete
from sqlalchemy.orm import Session

from pipeline.core.normal import display_text, is_storable, title_key
from pipeline.models import Site, SiteTitle
from pipeline.models.base import table_of
from pipeline.models.inserting import insert_into
from pipeline.models.selecting import portions
from pipeline.sites.port import StandingTitle

_MOST_TITLE: Final = 300
_MOST_KEY: Final = 600
_MOST_ID: Final = 64


def save(session: Session, site: Site, titles: Iterable[StandingTitle]) -> None:
    """Know these titles; one that was changed there is known as it is now."""
    named = (title for title in titles if len(title.remote_id) <= _MOST_ID and is_storable(title.remote_id))
    rows = {title.remote_id: _row(site, title) for title in named}
    usable = [row for row in rows.values() if 0 < len(row["normalised_title"]) <= _MOST_KEY]
    for some in portions(usable):
        statement = insert_into(session, SiteTitle).values(some)
        changed = {"title": statement.excluded.title, "normalised_title": statement.excluded.normalised_title}
        session.execute(statement.on_conflict_do_update(index_elements=["site_id", "remote_id"], set_=changed))


def forget_all(session: Session, site: Site) -> None:
    """The site has another address: other titles stand there."""
    session.execute(delete(table_of(SiteTitle)).where(table_of(SiteTitle).c.site_id == site.id))


def _row(site: Site, title: StandingTitle) -> dict[str, Any]:
    line = display_text(title.title)[:_MOST_TITLE]
    own: dict[str, Any] = {"account_id": site.account_id, "site_id": site.id, "created_at": site.created_at}
    return {**own, "remote_id": title.remote_id, "title": line, "normalised_title": title_key(line)}
