"""Owns how a content stands to its calendar, and putting any number of them elsewhere at once.

Its caller is alone at the calendar. Lock order: publication, content, slot. Never: decides who may move.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Self, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from pipeline.core.calendar import Slot
from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Content, Publication
from pipeline.models.selecting import portions
from pipeline.services import alerts, placing
from pipeline.services.calendar import rows, spots
from pipeline.services.calendar.spots import Spot

#: Publications that go on as they are at another instant; every other is planned anew.
_GOING_ON: Final = frozenset({PublicationStatus.PLANNED, PublicationStatus.DRAFTED})


@dataclass(frozen=True)
class Position:
    """How a content stands: on a spot, or on none and then held back or not."""

    status: ContentStatus
    spot: Spot | None = None
    held_back: bool = False

    def as_json(self) -> dict[str, Any]:
        """A JSON object that `of_json` reads."""
        spot = self.spot
        slot = {} if spot is None else {"at": spot.at.isoformat(), "pinned": spot.pinned}
        wall = {} if spot is None else {"date": spot.slot.local_date.isoformat(), "time": spot.slot.local_time}
        return {"status": self.status.value, "held_back": self.held_back, **slot, **wall}

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Self:
        """What `as_json` wrote."""
        spot = None
        if "at" in data:
            slot = Slot(datetime.fromisoformat(data["at"]), date.fromisoformat(data["date"]), data["time"])
            spot = Spot(slot, pinned=data["pinned"])
        return cls(ContentStatus(data["status"]), spot, held_back=data["held_back"])

    def is_at(self, other: Position) -> bool:
        """Whether both are the same to people: a wall time may have been told anew."""
        return (self.status, self.held_back, _key(self.spot)) == (other.status, other.held_back, _key(other.spot))


@dataclass(frozen=True)
class Snapshot:
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


def lock(session: Session, site_id: int, content_ids: Collection[int]) -> dict[int, Snapshot]:
    """Lock publications and contents, so that nothing publishes them; how each stands, unknown ones left out."""
    found: dict[int, Snapshot] = {}
    for ids in portions(sorted(content_ids)):
        found.update(_lock(session, site_id, ids))
    return found


def put(
    session: Session, site_id: int, wanted: Sequence[tuple[Snapshot, Position]], *, zone: str, now: datetime
) -> None:
    """Bring each to its position. Slots they leave are free again; ConflictError where one is not as it was locked."""
    vacated = {was.position.spot.at for was, _ in wanted if was.position.spot is not None}
    taken = {was.content_id: new.spot for was, new in wanted if new.spot is not None}
    instants = [spot.at for spot in taken.values()]
    spots.clear(session, [was.content_id for was, _ in wanted])
    spots.clear_free(session, site_id, instants)
    spots.put(session, site_id, taken, zone=zone)
    rows.offer(session, site_id, vacated.difference(instants), now=now)
    _put_publications(session, site_id, wanted, now=now)
    _put_contents(session, wanted)
    alerts.publication_decided(session, [was.content_id for was, _ in wanted if was.is_stuck], now=now)


def _lock(session: Session, site_id: int, ids: Sequence[int]) -> dict[int, Snapshot]:
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
    stood = {
        row.content_id: Spot(Slot(row.slot_at, row.local_date, row.local_time), pinned=row.pinned)
        for row in session.execute(slots.where(slot.content_id.in_(ids)))
    }
    return {row.id: _snapshot(row, stood.get(row.id), publications.get(row.id)) for row in contents}


def _snapshot(content: Any, spot: Spot | None, publication: Any | None) -> Snapshot:
    status = None if publication is None else publication.status
    return Snapshot(
        content_id=content.id,
        account_id=content.account_id,
        title=content.title,
        position=Position(content.status, spot, held_back=content.held_back),
        publication=status,
        is_leaving=status is PublicationStatus.WITHDRAWN and publication is not None and publication.due_at is not None,
    )


def _put_publications(
    session: Session, site_id: int, wanted: Sequence[tuple[Snapshot, Position]], *, now: datetime
) -> None:
    moved, planned = [], []
    placing.withdraw_many(session, [was.content_id for was, new in wanted if new.spot is None], now=now)
    for was, new in wanted:
        if new.spot is None:
            continue
        due_at = None if new.status is ContentStatus.READY else new.spot.at
        if was.publication in _GOING_ON:
            moved.append(placing.Retimed(was.content_id, new.spot.at, due_at))
        else:
            planned.append(placing.Plan(was.account_id, site_id, was.content_id, slot_at=new.spot.at, due_at=due_at))
    placing.retime(session, moved, now=now)
    placing.plan_many(session, planned, now=now)


def _put_contents(session: Session, wanted: Sequence[tuple[Snapshot, Position]]) -> None:
    """Each a compare-and-set: of the status that it was locked with."""
    groups: defaultdict[tuple[ContentStatus, ContentStatus, bool], list[int]] = defaultdict(list)
    for was, new in wanted:
        groups[was.position.status, new.status, new.held_back].append(was.content_id)
    for (old, status, held_back), ids in groups.items():
        values = {"status": status, "held_back": held_back, "queue_position": 0}
        for some in portions(ids):
            statement = update(Content).where(Content.id.in_(some), Content.status == old).values(values)
            if cast("CursorResult[Any]", session.execute(statement)).rowcount != len(some):
                raise ConflictError("An article was changed by somebody else meanwhile. Look at the calendar again.")


def _key(spot: Spot | None) -> tuple[datetime, bool] | None:
    return None if spot is None else (spot.at, spot.pinned)
