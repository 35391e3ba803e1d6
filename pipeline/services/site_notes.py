"""Owns keeping what is known of a site that is reached over the network: terms, images, how it is spoken to.

Never: commits; asks a site.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from pipeline.models import Site, SiteNote
from pipeline.models.base import table_of
from pipeline.models.inserting import insert_into
from pipeline.sites.notes import SEARCH_TEXTS, Note, NoteKind, Notes

_MOST_KEY = 200


def load(session: Session, site_id: int, *, content_id: int | None = None) -> Notes:
    """What is known of the site, and of the images of one article."""
    own = or_(SiteNote.content_id.is_(None), SiteNote.content_id == content_id)
    rows = session.scalars(select(SiteNote).where(SiteNote.site_id == site_id, own))
    return Notes.of(Note(NoteKind(row.kind), row.key, row.value, row.url) for row in rows)


def save(
    session: Session,
    site: Site,
    learnt: Mapping[tuple[NoteKind, str], Note | None],
    *,
    content_id: int | None,
) -> None:
    """Keep what was learnt on a visit, and forget what is not so any more; whoever says it last is right."""
    notes = table_of(SiteNote)
    for (kind, key), note in sorted(learnt.items()):
        if len(key) > _MOST_KEY:
            continue
        if note is None:
            this = (notes.c.site_id == site.id, notes.c.kind == kind.value, notes.c.key == key)
            session.execute(delete(notes).where(*this))
            continue
        values = {
            "account_id": site.account_id,
            "site_id": site.id,
            "kind": kind.value,
            "key": key,
            "value": note.value,
            "url": note.url,
            "content_id": content_id if kind is NoteKind.IMAGE else None,
            "created_at": site.created_at,
        }
        statement = insert_into(session, SiteNote).values(values)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["site_id", "kind", "key"], set_={"value": note.value, "url": note.url}
            )
        )


def doubt_search_texts(session: Session, site: Site) -> None:
    """Another user may be let write what this one was not: it is found out anew."""
    notes = table_of(SiteNote).c
    this = (notes.site_id == site.id, notes.kind == NoteKind.SPEECH.value, notes.key == SEARCH_TEXTS)
    session.execute(delete(table_of(SiteNote)).where(*this))


def forget_all(session: Session, site: Site) -> None:
    """The site has another address: nothing of what was known is so there."""
    session.execute(delete(table_of(SiteNote)).where(table_of(SiteNote).c.site_id == site.id))
