"""Owns the moves of a content and its publication that belong together, each a compare-and-set.

Lock order: publication, content. Never: slots; talks to a site.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import CursorResult, Select, Table, Update, and_, bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus, PublicationStatus, sources
from pipeline.models import Content, Publication, SiteNote
from pipeline.models.base import utc_now
from pipeline.models.inserting import insert_into
from pipeline.models.publishing import UNSEEN
from pipeline.models.selecting import portions

_PUBLICATIONS: Final = cast("Table", Publication.__table__)
#: A person decides what becomes of these.
STUCK: Final = (PublicationStatus.NEEDS_ATTENTION, PublicationStatus.MISSED)
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
_RETIME: Final = (
    update(_PUBLICATIONS)
    .where(_PUBLICATIONS.c.content_id == bindparam("content"))
    .values(
        slot_at=bindparam("at"),
        due_at=bindparam("due"),
        sends=0,
        ticket=_PUBLICATIONS.c.ticket + 1,
        replanned_at=bindparam("now"),
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


@dataclass(frozen=True)
class Retimed:
    """A planned publication's new instant."""

    content_id: int
    slot_at: datetime
    #: None: nothing is to be done until a person says so.
    due_at: datetime | None


def lock_publication(session: Session, content_id: int) -> PublicationStatus | None:
    """Lock the content's publication, before the content is moved; its status, None where nothing was ever planned."""
    return session.scalar(select(Publication.status).where(Publication.content_id == content_id).with_for_update())


def lock_to_schedule(session: Session, content_id: int) -> PublicationStatus | None:
    """As `lock_publication`; ConflictError while the content is being taken off its site: it would stay visible."""
    query = select(Publication.status, Publication.due_at).where(Publication.content_id == content_id)
    found = session.execute(query.with_for_update()).one_or_none()
    if found is None:
        return None
    if found.status is PublicationStatus.WITHDRAWN and found.due_at is not None:
        raise ConflictError(f"Content {content_id} is just being taken off its site. Schedule it once that is done.")
    return PublicationStatus(found.status)


def plan(session: Session, content: Content, *, slot_at: datetime | None, due_at: datetime, now: datetime) -> None:
    """A planned publication of the content, due at `due_at`; one that was withdrawn or got stuck is planned again."""
    plan_many(session, [Plan(content.account_id, content.site_id, content.id, slot_at, due_at)], now=now)


def plan_many(session: Session, plans: Sequence[Plan], *, now: datetime) -> None:
    """As `plan` for any number."""
    values = [
        (plan.account_id, plan.site_id, plan.content_id, now, _PLANNED, plan.slot_at, plan.due_at, 0, 0, 0)
        for plan in plans
    ]
    for some in portions(values):
        named = [dict(zip(_COLUMNS, row, strict=True)) for row in some]
        _upsert(session, insert_into(session, Publication).values(named))


def plan_selected(session: Session, rows: Select[*tuple[Any, ...]]) -> None:
    """As `plan` for every row of a SELECT of the columns of a plan, in their order."""
    _upsert(session, insert_into(session, Publication).from_select(_COLUMNS, rows, include_defaults=False))


def _upsert(session: Session, statement: Any) -> None:
    renewed = {name: statement.excluded[name] for name in _RENEWED}
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["content_id"],
            # A lease stays: whoever just takes it away from the site must not do so after it was placed again.
            set_={
                **renewed,
                "ticket": _PUBLICATIONS.c.ticket + 1,
                "error": None,
                "replanned_at": statement.excluded.created_at,
            },
            where=_PUBLICATIONS.c.status != PublicationStatus.PUBLISHING,
        )
    )


def withdraw(session: Session, content_id: int, *, now: datetime | None = None, also_published: bool = False) -> bool:
    """Nothing will be published any more; what stands on the site, or may stand there, is due to be taken away.

    `now` is from when on; None: by this machine's clock. False: it is just being published, is published (unless
    `also_published`), or nothing was planned.
    """
    statement = _withdrawal(now or utc_now(), also_published=also_published)
    statement = statement.where(_PUBLICATIONS.c.content_id == content_id)
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1


def _withdrawal(at_once: datetime, *, also_published: bool) -> Update:
    """Withdraws every publication that may be."""
    known = _PUBLICATIONS.c
    kept = set() if also_published else {PublicationStatus.PUBLISHED}
    # Whoever drafts it just now may make a draft that nobody has written down yet.
    is_being_drafted = known.status == PublicationStatus.DRAFTING
    images = select(SiteNote.id).where(SiteNote.content_id == known.content_id).correlate(_PUBLICATIONS)
    has_trace = or_(known.remote_id.is_not(None), known.unknown_since.is_not(None), is_being_drafted, images.exists())
    is_unknown = and_(is_being_drafted, known.remote_id.is_(None), known.unknown_since.is_(None))
    # Whoever brings the site up to date just now must have ended before it is taken away.
    free_at = case((known.lease_until > at_once, known.lease_until), else_=at_once)
    return (
        update(_PUBLICATIONS)
        .where(known.status.in_(set(sources(PublicationStatus.WITHDRAWN)) - kept))
        .values(
            status=PublicationStatus.WITHDRAWN,
            slot_at=None,
            due_at=case((has_trace, free_at), else_=None),
            sends=0,
            attempts=0,
            error=None,
            ticket=known.ticket + 1,
            unknown_since=case((is_unknown, at_once), else_=known.unknown_since),
        )
    )


def withdraw_many(session: Session, content_ids: Sequence[int], *, now: datetime) -> None:
    """As `withdraw` for any number, whatever each comes to."""
    for some in portions(content_ids):
        session.execute(_withdrawal(now, also_published=False).where(_PUBLICATIONS.c.content_id.in_(some)))


def retime(session: Session, retimed: Sequence[Retimed], *, now: datetime) -> None:
    """Planned publications have another instant. Their tickets rise: whoever reads a plan sees that it changed."""
    if retimed:
        session.connection().execute(
            _RETIME,
            [{"content": each.content_id, "at": each.slot_at, "due": each.due_at, "now": now} for each in retimed],
        )


def is_due(session: Session, content_id: int) -> bool:
    """Whether something is to be done at the site for the content, now or later."""
    due = select(Publication.id).where(Publication.content_id == content_id, Publication.due_at.is_not(None))
    return session.scalar(due) is not None


def place_again(session: Session, content_id: int, *, now: datetime) -> bool:
    """The content was edited: where it is published, its site is due to be brought up to date. Whether it is."""
    known = _PUBLICATIONS.c
    is_held = known.lease_until > now  # Whoever holds it sees the new version at the end, and makes it due.
    statement = (
        update(_PUBLICATIONS)
        .where(known.content_id == content_id, known.status == PublicationStatus.PUBLISHED)
        .values(due_at=case((is_held, known.due_at), else_=now), sends=0, attempts=0, error=None)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1


def draft_again(session: Session, content_id: int, *, now: datetime) -> bool:
    """The content was edited: a draft of it that waits for its slot is due to be written again. Whether it is."""
    known = _PUBLICATIONS.c
    is_drafted = (known.status == PublicationStatus.DRAFTED, known.slot_at > now, known.due_at.is_not(None))
    statement = update(_PUBLICATIONS).where(known.content_id == content_id, *is_drafted)
    again = statement.values(due_at=now, sends=0, attempts=0, error=None)
    return cast("CursorResult[Any]", session.execute(again)).rowcount == 1


def try_drafts_again(session: Session, site_id: int, *, now: datetime) -> None:
    """What kept drafts ahead from being made is put right: they need not wait for their slots."""
    known = _PUBLICATIONS.c
    waiting = (known.status == _PLANNED, known.slot_at > now, known.attempts == 0, known.error.is_not(None))
    session.execute(update(_PUBLICATIONS).where(known.site_id == site_id, *waiting).values(error=None))


def doubt_drafts(session: Session, site_id: int) -> None:
    """The site is reached otherwise now: each draft is looked at before it is shown."""
    known = _PUBLICATIONS.c
    session.execute(
        update(_PUBLICATIONS).where(known.site_id == site_id, known.seen_at.is_not(None)).values(seen_at=None)
    )


def forget_traces(session: Session, site_id: int, *, now: datetime) -> None:
    """The site has another address now, and its numbers there are others' posts.

    What was drafted is written anew at its slot. What visitors may see is looked up by its mark before anything is done
    about it. What is published keeps its number, by which it is compared: nothing there is changed without our mark.
    """
    known = _PUBLICATIONS.c
    drafts = update(_PUBLICATIONS).where(known.site_id == site_id, known.status.in_(UNSEEN))
    values = dict.fromkeys(("remote_id", "remote_url", "placed_version", "imprint", "unknown_since", "lease_until"))
    due_at = case((known.due_at.is_not(None), known.slot_at), else_=None)
    session.execute(drafts.values(status=_PLANNED, due_at=due_at, sends=0, ticket=known.ticket + 1, **values))
    others = (known.remote_id.is_not(None), known.status != PublicationStatus.PUBLISHED)
    seen = update(_PUBLICATIONS).where(known.site_id == site_id, *others)
    nothing = dict.fromkeys(("remote_id", "remote_url", "placed_version", "imprint"))
    session.execute(seen.values(unknown_since=func.coalesce(known.unknown_since, now), **nothing))


def move_content(
    session: Session, content_id: int, new: ContentStatus, *, of: Collection[ContentStatus], **values: Any
) -> bool:
    """Move a content out of one of the statuses `of`; False where it is in none of them. Other columns go along."""
    statement = update(Content).where(Content.id == content_id, Content.status.in_(of)).values(status=new, **values)
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1


def change_content(session: Session, content_id: int, *, within: Collection[ContentStatus], **values: Any) -> bool:
    """Write columns of a content that stays in one of the statuses `within`; False where it is in none of them."""
    if not within:
        return False
    statement = update(Content).where(Content.id == content_id, Content.status.in_(within)).values(values)
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1
