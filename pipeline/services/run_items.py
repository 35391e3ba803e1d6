"""Owns the items of a run as people read them: what each is about, by its name, and what became of it. Reads only.

The pages show the first of each stage run; the API goes through all of them, page by page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from pipeline.contract import stage
from pipeline.core.money import credit_string
from pipeline.core.states import ItemStatus
from pipeline.models import Cluster, Content, ContentTask, Idea, ImagePrompt, Keyword, StageItem, StageRun
from pipeline.services.listing import LOOKED_THROUGH
from pipeline.services.stage_runs import of_run

#: More than any stage run has: a place among a run's items is the number of a stage times this, and a position.
_POSITIONS: Final = 2**31
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
    #: The row that it is about, of the kind its stage takes.
    subject_id: int
    #: The article that it is, or became; None: it is none.
    content_id: int | None
    status: ItemStatus
    attempts: int
    error: str | None
    credits_ucr: int
    #: Who works on it; None: nobody.
    lane: int | None


@dataclass(frozen=True)
class ItemPage:
    """Some items; of one status perhaps none, though more may follow."""

    items: list[dict[str, Any]]
    #: The list goes on behind this place; None: there are no more.
    next_place: int | None


def list_items(
    session: Session,
    run_id: int,
    *,
    number: int | None = None,
    status: ItemStatus | None = None,
    after_place: int = 0,
    limit: int = 100,
) -> ItemPage:
    """The items of a run in the order of their stages and positions, from behind a place.

    The caller has looked the run up. Of every stage run at most `LOOKED_THROUGH` items are looked at for a page.
    """
    found: list[dict[str, Any]] = []
    for row, behind in _from_place(session, run_id, after_place, number=number):
        end = min(behind + LOOKED_THROUGH, _POSITIONS - 1)
        room = limit + 1 - len(found)
        query = _named(row).where(StageItem.position > behind, StageItem.position <= end).limit(room)
        if status is not None:
            query = query.where(StageItem.status == status)
        found += [_told(row, item, name) for item, name in session.execute(query)]
        if len(found) > limit:
            last = found[limit - 1]
            return ItemPage(found[:limit], last["stage"] * _POSITIONS + last["position"])
        beyond = select(StageItem.position).where(StageItem.stage_run_id == row.id, StageItem.position > end)
        if session.scalar(beyond.limit(1)) is not None:
            return ItemPage(found, row.number * _POSITIONS + end)
    return ItemPage(found, None)


def _from_place(
    session: Session, run_id: int, after_place: int, *, number: int | None
) -> Iterator[tuple[StageRun, int]]:
    """The stage runs that have items behind the place, and the position that each goes on behind."""
    reached, position = divmod(after_place, _POSITIONS)
    for row in of_run(session, run_id):
        if row.number >= reached and number in {None, row.number}:
            yield row, position if row.number == reached else 0


def _told(row: StageRun, item: StageItem, name: str | None) -> dict[str, Any]:
    return {
        "stage": row.number,
        "key": row.key,
        "position": item.position,
        "subject_id": item.subject_id,
        "name": name,
        "status": item.status.value,
        "attempts": item.attempts,
        "error": item.error,
        "credits": credit_string(item.credits),
        "produced": item.produced or [],
    }


def lines_of(session: Session, stage_runs: Sequence[StageRun], *, most: int) -> dict[int, list[ItemLine]]:
    """The first items of each stage run, by stage run; at most `most` each."""
    ids = [row.id for row in stage_runs]
    query = select(StageItem.stage_run_id, StageItem.status).where(StageItem.stage_run_id.in_(ids)).distinct()
    there = {(stage_run_id, status) for stage_run_id, status in session.execute(query)}
    return {
        row.id: _lines(session, row, [status for status in _ORDER if (row.id, status) in there], most=most)
        for row in stage_runs
    }


def _lines(session: Session, row: StageRun, statuses: Iterable[ItemStatus], *, most: int) -> list[ItemLine]:
    found: list[ItemLine] = []
    for status in statuses:
        if len(found) >= most:
            break
        query = _named(row).where(StageItem.status == status).limit(most - len(found))
        found += [_line(item, called, row.key) for item, called in session.execute(query)]
    return found


def _named(row: StageRun) -> Select[tuple[StageItem, Any]]:
    """The items of a stage run in their order, with the names of what they are about; None: it was deleted."""
    name = _NAMES[stage(row.key).subject]
    return (
        select(StageItem, name)
        .outerjoin(name.class_, name.class_.id == StageItem.subject_id)
        .where(StageItem.stage_run_id == row.id)
        .order_by(StageItem.position)
    )


def _line(item: StageItem, called: str | None, key: str) -> ItemLine:
    is_article = stage(key).subject is Content
    written = item.produced[0] if key == "tasks_to_content" and item.produced else None
    return ItemLine(
        name=called or "It was deleted",
        subject_id=item.subject_id,
        content_id=item.subject_id if is_article else written,
        status=item.status,
        attempts=item.attempts,
        error=item.error,
        credits_ucr=item.credits,
        lane=item.lane,
    )
