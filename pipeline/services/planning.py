"""Owns reading what is planned of a site's keywords: clusters, ideas, content tasks.

Never: plans; the stages do.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.core.errors import NotFoundError
from pipeline.core.normal import title_key
from pipeline.models import Base, Cluster, ContentTask, Idea, Keyword, Site
from pipeline.services.listing import Page, Search, page
from pipeline.services.sites import of_a_site_that_is_there

RowT = TypeVar("RowT", bound=Base)
#: What people call a row, and the column that a text is looked for in; None: in none.
_CALLED: Final[dict[type[Base], tuple[str, str | None]]] = {
    Cluster: ("cluster", "normalised"),
    Idea: ("idea", "normalised_title"),
    ContentTask: ("task", None),
}


def list_planned(
    session: Session,
    model: type[RowT],
    *,
    site: Site,
    status: StrEnum | None = None,
    text: str = "",
    after_id: int = 0,
    limit: int = 100,
) -> Page[RowT]:
    """Clusters, ideas or tasks of the site in the order they were made, from behind `after_id`."""
    columns: Any = model
    where = [columns.site_id == site.id]
    if status is not None:
        where.append(columns.status == status)
    column = _CALLED[model][1]
    search = Search(column, title_key(text)) if column is not None else None
    return page(session, model, *where, after_id=after_id, limit=limit, search=search)


def keywords_in(session: Session, clusters: Sequence[Cluster]) -> dict[int, int]:
    """How many keywords each of the clusters holds, by cluster; none: it is left out. Deleted ones count no more."""
    held = (Keyword.cluster_id.in_([cluster.id for cluster in clusters]), Keyword.deleted_at.is_(None))
    counted = select(Keyword.cluster_id, func.count()).where(*held).group_by(Keyword.cluster_id)
    return {cluster_id: count for cluster_id, count in session.execute(counted) if cluster_id is not None}


def get_planned(session: Session, model: type[RowT], *, account_id: int, row_id: int) -> RowT:
    """The account's cluster, idea or task of that id; NotFoundError where it is another account's, or not there."""
    columns: Any = model
    own = (columns.account_id == account_id, columns.id == row_id, of_a_site_that_is_there(columns.site_id))
    row = session.scalar(select(model).where(*own))
    if row is None:
        raise NotFoundError(f"There is no {_CALLED[model][0]} {row_id} in this account.")
    return row
