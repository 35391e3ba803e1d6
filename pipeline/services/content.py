"""Owns reading the contents of a site, and the way from an article back to its keywords."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from pipeline.core.errors import NotFoundError
from pipeline.core.states import ContentStatus
from pipeline.models import Cluster, Content, ContentTask, Idea, IdeaKeyword, Keyword, Site
from pipeline.services.listing import Page, page
from pipeline.services.sites import of_a_site_that_is_there


@dataclass(frozen=True)
class Step:
    """One row on the way: its id, what people call it, its status."""

    id: int
    title: str
    status: str


@dataclass(frozen=True)
class SourceKeyword:
    """A keyword that the article's idea targets."""

    id: int
    text: str
    #: Searches a month; None: unknown.
    volume: int | None


@dataclass(frozen=True)
class Lineage:
    """An article and everything it came from."""

    content: Step
    task: Step
    idea: Step
    cluster: Step
    keywords: tuple[SourceKeyword, ...]

    def as_json(self) -> dict[str, Any]:
        """A JSON object, from the article back."""
        return asdict(self)


def list_contents(
    session: Session, *, site: Site, status: ContentStatus | None = None, after_id: int = 0, limit: int = 100
) -> Page[Content]:
    """Contents of the site in the order they were written, from behind `after_id`."""
    where = [Content.site_id == site.id, Content.deleted_at.is_(None)]
    if status is not None:
        where.append(Content.status == status)
    return page(session, Content, *where, after_id=after_id, limit=limit)


def get_content(session: Session, *, account_id: int, content_id: int) -> Content:
    """The account's content of that id; NotFoundError where it is another account's, or not there."""
    own = (Content.account_id == account_id, Content.id == content_id, Content.deleted_at.is_(None))
    content = session.scalar(select(Content).where(*own, of_a_site_that_is_there(Content.site_id)))
    if content is None:
        raise NotFoundError(
            f"There is no content {content_id} in this account. `igny8 content list SITE` shows a site's."
        )
    return content


def count_by_status(session: Session, *, site: Site) -> dict[ContentStatus, int]:
    """How many contents of each status the site has."""
    shown = (Content.site_id == site.id, Content.deleted_at.is_(None))
    query = select(Content.status, func.count()).where(*shown).group_by(Content.status)
    found = dict(session.execute(query).all())
    return {status: found.get(status, 0) for status in ContentStatus}


def count_in_review(session: Session, site: Site) -> int:
    """How many contents of the site wait for somebody's yes."""
    shown = (Content.site_id == site.id, Content.deleted_at.is_(None), Content.status == ContentStatus.REVIEW)
    return session.scalar(select(func.count()).where(*shown)) or 0


def lineage(session: Session, content_id: int, *, account_id: int) -> Lineage:
    """Follow an article back to its keywords, in one statement. NotFoundError where the account has no such one."""
    rows = session.execute(_lineage_query(content_id, account_id)).all()
    if not rows:
        raise NotFoundError(
            f"There is no content {content_id} in this account. `igny8 content list SITE` shows a site's."
        )
    first = rows[0]
    return Lineage(
        content=_step(first, "content"),
        task=_step(first, "task"),
        idea=_step(first, "idea"),
        cluster=_step(first, "cluster"),
        keywords=tuple(
            SourceKeyword(row.keyword_id, row.keyword, row.volume) for row in rows if row.keyword_id is not None
        ),
    )


def _lineage_query(content_id: int, account_id: int) -> Select[*tuple[Any, ...]]:
    steps = (("content", Content, Content.title), ("task", ContentTask, ContentTask.title), ("idea", Idea, Idea.title))
    columns = [
        column.label(f"{name}_{part}")
        for name, model, title in (*steps, ("cluster", Cluster, Cluster.name))
        for part, column in (("id", model.id), ("title", title), ("status", model.status))
    ]
    return (
        select(*columns, Keyword.id.label("keyword_id"), Keyword.text.label("keyword"), Keyword.volume.label("volume"))
        .select_from(Content)
        .join(ContentTask, ContentTask.id == Content.content_task_id)
        .join(Idea, Idea.id == ContentTask.idea_id)
        .join(Cluster, Cluster.id == Idea.cluster_id)
        .outerjoin(IdeaKeyword, IdeaKeyword.idea_id == Idea.id)
        .outerjoin(Keyword, Keyword.id == IdeaKeyword.keyword_id)
        .where(Content.id == content_id, Content.account_id == account_id, Content.deleted_at.is_(None))
        .where(of_a_site_that_is_there(Content.site_id))
        .order_by(Keyword.volume.is_(None), Keyword.volume.desc(), Keyword.id)
    )


def _step(row: Row[*tuple[Any, ...]], name: str) -> Step:
    found = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for a row by its labels
    return Step(found[f"{name}_id"], found[f"{name}_title"], str(found[f"{name}_status"]))
