"""Owns approved contents in numbers: a few statements, however many there are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import String, Table, cast, func, insert, literal, select
from sqlalchemy.orm import Session

from pipeline.core.states import ClusterStatus, ContentStatus, ContentTaskStatus, IdeaStatus
from pipeline.models import Cluster, Content, ContentTask, Idea, Site
from pipeline.models.base import table_of
from tests.support.builders import BODY


def add_approved(session: Session, site: Site, count: int, *, now: datetime) -> list[int]:
    """`count` contents approved at `now`, in the order of their ids; these ids."""
    owner = {"account_id": site.account_id, "site_id": site.id}
    before = session.scalar(select(func.max(Content.id)).where(Content.site_id == site.id)) or 0
    so_far = session.scalar(select(func.count()).select_from(Content).where(Content.site_id == site.id)) or 0
    cluster = Cluster(**owner, name=f"Cluster {so_far}", normalised=f"cluster {so_far}", status=ClusterStatus.PLANNED)
    session.add(cluster)
    session.flush()
    _add_ideas(session, owner, cluster.id, first=so_far, count=count)
    _add_tasks(session, owner, cluster.id)
    _add_contents(session, owner, cluster.id, now=now)
    query = select(Content.id).where(Content.site_id == site.id, Content.id > before).order_by(Content.id)
    return list(session.scalars(query))


def _add_ideas(session: Session, owner: Mapping[str, Any], cluster_id: int, *, first: int, count: int) -> None:
    numbers = select(literal(first).label("number")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.number + 1).where(numbers.c.number < first + count - 1))
    title = literal("article-") + cast(numbers.c.number, String)
    values = {
        **owner,
        "cluster_id": cluster_id,
        "title": title,
        "normalised_title": title,
        "angle": "",
        "outline": [],
        "status": IdeaStatus.QUEUED,
    }
    _insert_from(session, table_of(Idea), values, select(numbers), order_by=numbers.c.number)


def _add_tasks(session: Session, owner: Mapping[str, Any], cluster_id: int) -> None:
    values = {**owner, "idea_id": Idea.id, "title": Idea.title, "status": ContentTaskStatus.WRITTEN}
    ideas = select(Idea).where(Idea.cluster_id == cluster_id)
    _insert_from(session, table_of(ContentTask), values, ideas, order_by=Idea.id)


def _add_contents(session: Session, owner: Mapping[str, Any], cluster_id: int, *, now: datetime) -> None:
    texts = ("title", "normalised_title", "slug", "meta_title", "meta_description", "excerpt")
    values = {
        **owner,
        **dict.fromkeys(texts, ContentTask.title),
        "content_task_id": ContentTask.id,
        "body_html": BODY,
        "tags": [],
        "word_count": 6,
        "status": ContentStatus.APPROVED,
        "approved_at": now,
    }
    tasks = select(ContentTask).join(Idea, Idea.id == ContentTask.idea_id).where(Idea.cluster_id == cluster_id)
    _insert_from(session, table_of(Content), values, tasks, order_by=ContentTask.id)


def _insert_from(session: Session, table: Table, values: Mapping[str, Any], rows: Any, *, order_by: Any) -> None:
    """A row of `values` for each of `rows`; what is no column is a literal of the column's type."""
    columns = [
        value if hasattr(value, "label") else literal(value, table.c[name].type) for name, value in values.items()
    ]
    chosen = rows.with_only_columns(*columns, maintain_column_froms=True).order_by(order_by)
    session.execute(insert(table).from_select(list(values), chosen))
