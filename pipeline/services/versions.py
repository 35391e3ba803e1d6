"""Owns what an article said before it was edited: kept with every edit, listed, read.

The version that it has now is the article itself. Never: edits; restoring is an edit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.errors import NotFoundError
from pipeline.models import Content, ContentVersion
from pipeline.models.inserting import insert_missing

#: What a version is of.
TEXTS: Final = ("title", "slug", "meta_title", "meta_description", "excerpt", "body_html", "tags", "word_count")


def keep(session: Session, content: Content, *, by: str, now: datetime) -> None:
    """Keep what the article says, since it is about to say something else."""
    said = {name: getattr(content, name) for name in TEXTS}
    row = {"account_id": content.account_id, "content_id": content.id, "version": content.version, **said}
    session.execute(insert_missing(session, ContentVersion).values({**row, "replaced_by": by, "replaced_at": now}))


def list_versions(
    session: Session, content: Content, *, before: int | None = None, limit: int = 50
) -> Sequence[ContentVersion]:
    """What the article said before, the newest first; with `before` only versions older than that."""
    query = select(ContentVersion).where(ContentVersion.content_id == content.id)
    if before is not None:
        query = query.where(ContentVersion.version < before)
    return session.scalars(query.order_by(ContentVersion.version.desc()).limit(limit)).all()


def get_version(session: Session, content: Content, version: int) -> ContentVersion | Content:
    """What the article said in that version, the one of now included. NotFoundError where nothing was kept of it."""
    if version == content.version:
        return content
    own = (ContentVersion.content_id == content.id, ContentVersion.version == version)
    found = session.scalar(select(ContentVersion).where(*own))
    if found is None:
        raise NotFoundError(f"There is no version {version} of content {content.id}.")
    return found


def texts_of(version: ContentVersion | Content) -> dict[str, Any]:
    """The columns of an article that say what the version said."""
    return {name: getattr(version, name) for name in TEXTS}
