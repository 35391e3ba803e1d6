"""Owns the moves of a content and its publication that belong together, each a compare-and-set.

Lock order: publication, content. Never: slots; talks to a site.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import CursorResult, Select, Table, select, update
from sqlalchemy.orm import Session

from pipeline.core.states import ContentStatus, PublicationStatus, sources
from pipeline.models import Content, Publication
from pipeline.models.inserting import insert_into

_PUBLICATIONS: Final = cast("Table", Publication.__table__)
#: What a plan starts anew; the ticket only rises, so that nothing of an earlier plan can finish.
_COLUMNS: Final = (
    "account_id",
    "site_id",
    "content_id",
    "created_at",
    "status",
    "slot_at",
    "due_at",
    "sends",
    "ticket",
    "attempts",
)
_PLANNED: Final = PublicationStatus.PLANNED
#: A statement takes at most 65,535 values.
_ROWS_A_STATEMENT: Final = 1_000
_WITHDRAW: Final = (
    update(_PUBLICATIONS)
    .where(_PUBLICATIONS.c.status.in_(set(sources(PublicationStatus.WITHDRAWN)) - {PublicationStatus.PUBLISHED}))
    .values(
        status=PublicationStatus.WITHDRAWN,
        slot_at=None,
        due_at=None,
        sends=0,
        lease_until=None,
        ticket=_PUBLICATIONS.c.ticket + 1,
    )
)
_RENEWED: Final = ("status", "slot_at", "due_at", "sends", "attempts")


@dataclass(frozen=True)
class Plan:
    """One publication to plan."""

    account_id: int
    site_id: int
    content_id: int
    slot_at: datetime | None
    #: None: nothing is to be done until a person says so.
    due_at: datetime | None


def lock_publication(session: Session, content_id: int) -> PublicationStatus | None:
    """Lock the content's publication, before the content is moved; its status, None where nothing was ever planned."""
    return session.scalar(select(Publication.status).where(Publication.content_id == content_id).with_for_update())


def plan(session: Session, content: Content, *, slot_at: datetime | None, due_at: datetime, now: datetime) -> None:
    """A planned publication of the content, due at `due_at`; one that was withdrawn or got stuck is planned again."""
    plan_many(session, [Plan(content.account_id, content.site_id, content.id, slot_at, due_at)], now=now)


def plan_many(session: Session, plans: Sequence[Plan], *, now: datetime) -> None:
    """As `plan` for any number."""
    values = [
        (plan.account_id, plan.site_id, plan.content_id, now, _PLANNED, plan.slot_at, plan.due_at, 0, 0, 0)
        for plan in plans
    ]
    for first in range(0, len(values), _ROWS_A_STATEMENT):
        some = [dict(zip(_COLUMNS, row, strict=True)) for row in values[first : first + _ROWS_A_STATEMENT]]
        _upsert(session, insert_into(session, Publication).values(some))


def plan_selected(session: Session, rows: Select[*tuple[Any, ...]]) -> None:
    """As `plan` for every row of a SELECT of the columns of a plan, in their order."""
    _upsert(session, insert_into(session, Publication).from_select(_COLUMNS, rows, include_defaults=False))


def _upsert(session: Session, statement: Any) -> None:
    renewed = {name: statement.excluded[name] for name in _RENEWED}
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["content_id"],
            set_={**renewed, "ticket": _PUBLICATIONS.c.ticket + 1, "lease_until": None, "error": None},
            where=_PUBLICATIONS.c.status != PublicationStatus.PUBLISHING,
        )
    )


def withdraw(session: Session, content_id: int) -> bool:
    """Nothing will be published any more. False: it is just being published, or nothing was planned."""
    statement = _WITHDRAW.where(_PUBLICATIONS.c.content_id == content_id)
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1


def withdraw_many(session: Session, content_ids: Sequence[int]) -> None:
    """As `withdraw` for any number, whatever each comes to."""
    for first in range(0, len(content_ids), _ROWS_A_STATEMENT):
        some = content_ids[first : first + _ROWS_A_STATEMENT]
        session.execute(_WITHDRAW.where(_PUBLICATIONS.c.content_id.in_(some)))


def move_content(
    session: Session, content_id: int, new: ContentStatus, *, of: Collection[ContentStatus], **values: Any
) -> bool:
    """Move a content out of one of the statuses `of`; False where it is in none of them. Other columns go along."""
    statement = update(Content).where(Content.id == content_id, Content.status.in_(of)).values(status=new, **values)
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1
