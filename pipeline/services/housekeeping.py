"""Owns what is forgotten and when, what is reminded of, and how far the walks through large tables have come.

Every step takes a bounded number of rows. The ledger, and what calls were and cost, stay for ever.
Never: commits; touches what a live run may still want.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Final, cast

import structlog
from sqlalchemy import CursorResult, Table, and_, delete, func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pipeline.core.alerts import NotificationKind
from pipeline.core.states import LIVE_RUNS, CallStatus, ContentStatus
from pipeline.models import (
    AiCall,
    AuditEvent,
    Base,
    BeatClaim,
    Content,
    Decision,
    Heartbeat,
    HousekeepingPosition,
    Notification,
    Run,
    Site,
    SiteAutomationSettings,
    StageRun,
    SyncEvent,
)
from pipeline.models.base import table_of
from pipeline.models.inserting import insert_into
from pipeline.services import alerts, invariants, log_in_attempts, log_ins, notifications

_log = structlog.get_logger()

#: What stands in the place of an answer that was forgotten: that there was one stays true.
FORGOTTEN: Final = ""
#: Tables that only grow, with the instant of a row: the oldest rows have the lowest ids.
GROWING: Final[tuple[tuple[type[Base], str], ...]] = ((Decision, "at"), (AuditEvent, "at"), (SyncEvent, "at"))
#: Signs of life and claims older than this are of nobody who lives.
DEAD_AFTER: Final = timedelta(days=1)
#: People are reminded of a review once a day at most.
REMIND_EVERY: Final = timedelta(days=1)


def position(session: Session, walk: str) -> int:
    """The id that a walk has come to; 0: it begins."""
    return session.scalar(select(HousekeepingPosition.position).where(HousekeepingPosition.walk == walk)) or 0


def move(session: Session, walk: str, *, to: int) -> None:
    """Note how far a walk has come."""
    row = insert_into(session, HousekeepingPosition).values(walk=walk, position=to)
    session.execute(row.on_conflict_do_update(index_elements=["walk"], set_={"position": row.excluded.position}))


def check_books(session: Session, of: type[Base], *, size: int) -> tuple[list[str], bool]:
    """What is wrong in the next `size` rows of a table; whether rows follow. After the last the walk begins anew."""
    walk = f"books:{of.__tablename__}"
    window = invariants.window_after(session, of, position(session, walk), size=size)
    if window is None or window.upto is None:
        move(session, walk, to=0)
        return [], False
    move(session, walk, to=window.upto)
    return invariants.violations_in(session, of, window), True


def forget_answers(session: Session, *, before: datetime, size: int) -> bool:
    """Empty the raw answers of the next `size` calls, as far as they are older; whether more may follow.

    Usage, price, cost and charge stay. What a live run may still want is passed over.
    """
    calls = table_of(AiCall).c
    reached = position(session, "answers")
    query = select(calls.id, calls.created_at).where(calls.id > reached).order_by(calls.id).limit(size)
    rows = session.execute(query).all()
    old = [call_id for call_id, _ in takewhile(lambda row: row[1] < before, rows)]
    if not old:
        return False
    is_over = select(StageRun.id).join(Run, Run.id == StageRun.run_id).where(Run.status.not_in(LIVE_RUNS))
    settled = and_(calls.status == CallStatus.SETTLED, calls.answer != FORGOTTEN)
    in_reach = and_(calls.id > reached, calls.id <= old[-1])
    statement = update(table_of(AiCall)).where(in_reach, settled, calls.stage_run_id.in_(is_over))
    session.execute(statement.values(answer=FORGOTTEN))
    move(session, "answers", to=old[-1])
    return len(old) == size


def forget_rows(session: Session, of: type[Base], instant: str, *, before: datetime, size: int) -> bool:
    """Delete the oldest `size` rows of a table that only grows, as far as they are older; whether more may follow."""
    table = table_of(of)
    oldest = select(table.c.id).order_by(table.c.id).limit(size).scalar_subquery()
    return _deleted(session, table, table.c.id.in_(oldest), table.c[instant] < before) == size


def forget_notifications(session: Session, *, before: datetime, size: int) -> bool:
    """Delete `size` notifications that are older and over, with their deliveries; whether more may follow."""
    table = table_of(Notification)
    over = and_(table.c.created_at < before, table.c.ended_at.is_not(None))
    old = select(table.c.id).where(over).order_by(table.c.created_at).limit(size).scalar_subquery()
    return _deleted(session, table, table.c.id.in_(old)) == size


def forget_the_dead(session: Session, *, now: datetime) -> list[str]:
    """Delete signs of life of processes that are gone, claims of instants long past, log-ins that are over.

    The names of those that are gone.
    """
    heartbeats, claims = table_of(Heartbeat), table_of(BeatClaim)
    gone = delete(heartbeats).where(heartbeats.c.at < now - DEAD_AFTER).returning(heartbeats.c.name)
    names = list(session.execute(gone).scalars())
    session.execute(delete(claims).where(claims.c.due_at < now - DEAD_AFTER))
    log_ins.forget_old(session, now=now)
    log_in_attempts.forget_old(session, now=now)
    return names


def remind_of_reviews(session: Session, *, size: int, now: datetime) -> bool:
    """Tell the accounts of the next `size` sites what waits for their approval; whether sites follow.

    Only where a site leaves approval to people. Where nothing waits any more, the reminder is over.
    """
    reached = position(session, "reviews")
    query = select(Site.id).where(Site.id > reached, Site.deleted_at.is_(None)).order_by(Site.id).limit(size)
    site_ids = list(session.scalars(query))
    move(session, "reviews", to=site_ids[-1] if len(site_ids) == size else 0)
    waiting = _waiting_for_approval(session, site_ids)
    told = notifications.lasting(session, NotificationKind.REVIEW_WAITING, site_ids)
    alerts.review_done(session, [site_id for site_id in told if site_id not in waiting], now=now)
    for site_id, articles in waiting.items():
        try:
            with session.begin_nested():
                _remind(session, site_id, articles, now=now)
        except OperationalError:
            raise
        except Exception:  # noqa: BLE001 - whatever is wrong with one site, the others' people are to know
            _log.exception("housekeeping.not_reminded", site_id=site_id)
    return len(site_ids) == size


def _remind(session: Session, site_id: int, articles: int, *, now: datetime) -> None:
    told_at = notifications.last_told(session, NotificationKind.REVIEW_WAITING, state_id=site_id)
    if told_at is None or told_at <= now - REMIND_EVERY:
        alerts.review_waiting(session, session.get_one(Site, site_id), articles=articles, now=now)


def _waiting_for_approval(session: Session, site_ids: Sequence[int]) -> dict[int, int]:
    by_people = SiteAutomationSettings.auto_approval_enabled.is_(False)
    query = (
        select(Content.site_id, func.count())
        .join(SiteAutomationSettings, SiteAutomationSettings.site_id == Content.site_id)
        .where(Content.site_id.in_(site_ids), Content.status == ContentStatus.REVIEW, by_people)
        .group_by(Content.site_id)
        .order_by(Content.site_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _deleted(session: Session, table: Table, *where: Any) -> int:
    return cast("CursorResult[Any]", session.execute(delete(table).where(*where))).rowcount
