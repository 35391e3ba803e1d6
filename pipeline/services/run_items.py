"""Owns the items of a run as people read them: what each is about, by its name, and what became of it. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from pipeline.contract import stage
from pipeline.core.states import ItemStatus
from pipeline.models import Cluster, Content, ContentTask, Idea, ImagePrompt, Keyword, StageItem, StageRun

#: What a row is called.
_NAMES: Final[Mapping[type, InstrumentedAttribute[Any]]] = {
    Keyword: Keyword.text,
    Cluster: Cluster.name,
    Idea: Idea.title,
    ContentTask: ContentTask.title,
    Content: Content.title,
    ImagePrompt: ImagePrompt.alt_text,
}
#: What somebody looks for first: what is being worked on, what failed, then what is done; what waits comes last.
_ORDER: Final = (
    *(ItemStatus.LEASED, ItemStatus.FAILED, ItemStatus.DONE, ItemStatus.SKIPPED),
    *(ItemStatus.PENDING, ItemStatus.RELEASED),
)


@dataclass(frozen=True)
class ItemLine:
    """One item."""

    name: str
    #: The article that it is, or became; None: it is none.
    content_id: int | None
    status: ItemStatus
    attempts: int
    error: str | None
    credits_ucr: int


def lines_of(session: Session, stage_runs: Sequence[StageRun], *, most: int) -> dict[int, list[ItemLine]]:
    """The first items of each stage run, by stage run; at most `most` each."""
    return {row.id: _lines(session, row, most=most) for row in stage_runs}


def _lines(session: Session, row: StageRun, *, most: int) -> list[ItemLine]:
    name = _NAMES[stage(row.key).subject]
    found: list[ItemLine] = []
    for status in _ORDER:
        if len(found) >= most:
            break
        query = (
            select(StageItem, name)
            .outerjoin(name.class_, name.class_.id == StageItem.subject_id)
            .where(StageItem.stage_run_id == row.id, StageItem.status == status)
            .order_by(StageItem.position)
            .limit(most - len(found))
        )
        found += [_line(item, called, row.key) for item, called in session.execute(query)]
    return found


def _line(item: StageItem, called: str | None, key: str) -> ItemLine:
    is_article = stage(key).subject is Content
    written = item.produced[0] if key == "tasks_to_content" and item.produced else None
    return ItemLine(
        name=called or "It was deleted",
        content_id=item.subject_id if is_article else written,
        status=item.status,
        attempts=item.attempts,
        error=item.error,
        credits_ucr=item.credits,
    )
