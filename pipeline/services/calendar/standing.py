"""Owns how a content stands to its calendar, and putting any number of them elsewhere at once.

Its caller is alone at the calendar. Lock order: publication, content, slot. Never: decides who may move.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Self, cast

from sqlalchemy import CursorResult, Table, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from pipeline.core.calendar import Slot
from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Content, Publication
from pipeline.services import placing
from pipeline.services.calendar import rows
from pipeline.services.calendar.dealing import Place

_PUBLICATIONS: Final = cast("Table", Publication.__table__)
#: Publications that go on as they are at another instant; every other is planned anew.
_GOING_ON: Final = frozenset({PublicationStatus.PLANNED, PublicationStatus.DRAFTED})
_IDS_A_STATEMENT: Final = 5_000


@dataclass(frozen=True)
class Position:
    """How a content stands: on a place, or on none and then held back or not."""

    status: ContentStatus
    place: Place | None = None
    held_back: bool = False

    def as_json(self) -> dict[str, Any]:
        """A JSON object that `of_json` reads."""
        place = self.place
        slot = {} if place is None else {"at": place.at.isoformat(), "pinned": place.pinned}
        wall = {} if place is None else {"date": place.slot.local_date.isoformat(), "time": place.slot.local_time}
        return {"status": self.status.value, "held_back": self.held_back, **slot, **wall}

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Self:
        """What `as_json` wrote."""
        place = None
        if "at" in data:
            slot = Slot(datetime.fromisoformat(data["at"]), date.fromisoformat(data["date"]), data["time"])
            place = Place(slot, pinned=data["pinned"])
        return cls(ContentStatus(data["status"]), place, held_back=data["held_back"])

    def is_at(self, other: Position) -> bool:
        """Whether both are the same to people: a wall time may have been told anew."""
        return (self.status, self.held_back, _key(self.place)) == (other.status, other.held_back, _key(other.place))


@dataclass(frozen=True)
class Standing:
    """A content as it was when its rows were locked."""

    content_id: int
    account_id: int
    title: str
    position: Position
    #: None: nothing was ever planned.
    publication: PublicationStatus | None
    #: Whether it is just being taken off its site.
    is_leaving: bool

    @property
    def is_stuck(self) -> bool:
        """Whether its publication waits for a person, who may plan it anew."""
        return self.publication in placing.STUCK


def lock(session: Session, site_id: int, content_ids: Collection[int]) -> dict[int, Standing]:
    """Lock publications and contents, so that nothing publishes them; how each stands, unknown ones left out."""
    found: dict[int, Standing] = {}
    ids = sorted(content_ids)
    for first in range(0, len(ids), _IDS_A_STATEMENT):
        found.update(_lock(session, site_id, ids[first : first + _IDS_A_STATEMENT]))
    return found


def put(
    session: Session, site_id: int, wanted: Sequence[tuple[Standing, Position]], *, zone: str, now: datetime
) -> None:
    """Bring each to its position. Slots they leave are free again; ConflictError where one is not as it was locked."""
    vacated = {was.position.place.at for was, _ in wanted if was.position.place is not None}
    places = {was.content_id: new.place for was, new in wanted if new.place is not None}
    clear(session, [was.content_id for was, _ in wanted])
    _remove_free(session, site_id, [place.at for place in places.values()])
    if places:
        slots = [
            rows.slot_row(site_id, place.slot, zone=zone, content_id=content_id, pinned=place.pinned)
            for content_id, place in places.items()
        ]
        session.execute(insert(rows.SLOTS), slots)
    rows.offer(session, site_id, vacated - {place.at for place in places.values()}, now=now)
    _put_publications(session, site_id, wanted, now=now)
    _put_contents(session, wanted)


def clear(session: Session, content_ids: Sequence[int]) -> None:
    """Take them off their slots, which are not free by that."""
    if not content_ids:
        return
    cleared = delete(rows.SLOTS).where(rows.SLOTS.c.content_id == bindparam("content"))
    session.connection().execute(cleared, [{"content": content_id} for content_id in content_ids])


def _lock(session: Session, site_id: int, ids: Sequence[int]) -> dict[int, Standing]:
    publications = {
        row.content_id: row
        for row in session.execute(
            select(Publication.content_id, Publication.status, Publication.due_at)
            .where(Publication.content_id.in_(ids))
            .order_by(Publication.id)
            .with_for_update()
        )
    }
    contents = session.execute(
        select(Content.id, Content.account_id, Content.title, Content.status, Content.held_back)
        .where(Content.id.in_(ids), Content.site_id == site_id)
        .order_by(Content.id)
        .with_for_update(key_share=True)
    ).all()
    slot = rows.SLOTS.c
    slots = select(slot.content_id, slot.slot_at, slot.local_date, slot.local_time, slot.pinned)
    places = {
        row.content_id: Place(Slot(row.slot_at, row.local_date, row.local_time), pinned=row.pinned)
        for row in session.execute(slots.where(slot.content_id.in_(ids)))
    }
    return {row.id: _standing(row, places.get(row.id), publications.get(row.id)) for row in contents}


def _standing(content: Any, place: Place | None, publication: Any | None) -> Standing:
    status = None if publication is None else publication.status
    return Standing(
        content_id=content.id,
        account_id=content.account_id,
        title=content.title,
        position=Position(content.status, place, held_back=content.held_back),
        publication=status,
        is_leaving=status is PublicationStatus.WITHDRAWN and publication is not None and publication.due_at is not None,
    )


def _remove_free(session: Session, site_id: int, instants: Sequence[datetime]) -> None:
    if not instants:
        return
    free = delete(rows.SLOTS).where(
        rows.SLOTS.c.site_id == site_id, rows.SLOTS.c.slot_at == bindparam("at"), rows.SLOTS.c.content_id.is_(None)
    )
    session.connection().execute(free, [{"at": at} for at in instants])


def _put_publications(
    session: Session, site_id: int, wanted: Sequence[tuple[Standing, Position]], *, now: datetime
) -> None:
    moved, planned = [], []
    for was, new in wanted:
        if new.place is None:
            placing.withdraw(session, was.content_id, now=now)
            continue
        due_at = None if new.status is ContentStatus.READY else new.place.at
        if was.publication in _GOING_ON:
            moved.append(placing.Moved(was.content_id, new.place.at, due_at))
        else:
            planned.append(placing.Plan(was.account_id, site_id, was.content_id, slot_at=new.place.at, due_at=due_at))
    placing.move_planned(session, moved)
    placing.plan_many(session, planned, now=now)


def _put_contents(session: Session, wanted: Sequence[tuple[Standing, Position]]) -> None:
    """Each a compare-and-set: of the status that it was locked with."""
    groups: defaultdict[tuple[ContentStatus, ContentStatus, bool], list[int]] = defaultdict(list)
    for was, new in wanted:
        groups[was.position.status, new.status, new.held_back].append(was.content_id)
    for (old, status, held_back), ids in groups.items():
        values = {"status": status, "held_back": held_back, "queue_position": 0}
        for first in range(0, len(ids), _IDS_A_STATEMENT):
            some = ids[first : first + _IDS_A_STATEMENT]
            statement = update(Content).where(Content.id.in_(some), Content.status == old).values(values)
            if cast("CursorResult[Any]", session.execute(statement)).rowcount != len(some):
                raise ConflictError("An article was changed by somebody else meanwhile. Look at the calendar again.")


def _key(place: Place | None) -> tuple[datetime, bool] | None:
    return None if place is None else (place.at, place.pinned)
