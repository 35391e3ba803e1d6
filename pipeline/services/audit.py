"""Owns the audit trail: what a person did, and to what."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from pipeline.models import AuditEvent, Content, Run, User

#: How a person stands in the trail: by id, so that it holds nobody's name or address.
_PERSON: Final = "user "


def record(
    session: Session,
    *,
    account_id: int,
    actor: str,
    action: str,
    subject_kind: str,
    subject_id: int,
    now: datetime,
    details: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Write down that `actor` did `action` (`run.paused`); it stands or falls with the transaction that did it."""
    event = AuditEvent(
        account_id=account_id,
        actor=actor,
        action=action,
        subject_kind=subject_kind,
        subject_id=subject_id,
        details=dict(details or {}),
        at=now,
    )
    session.add(event)
    return event


def list_events(
    session: Session,
    *,
    account_id: int,
    site_id: int | None = None,
    action: str | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> Sequence[AuditEvent]:
    """The account's events, the newest first: of one site with its runs and articles, of one action, older than one."""
    query = select(AuditEvent).where(AuditEvent.account_id == account_id)
    if site_id is not None:
        query = query.where(_about_site(site_id))
    if action is not None:
        query = query.where(AuditEvent.action == action)
    if before_id is not None:
        query = query.where(AuditEvent.id < before_id)
    return session.scalars(query.order_by(AuditEvent.id.desc()).limit(limit)).all()


def about(
    session: Session, *, account_id: int, kind: str, subject_id: int, actions: Collection[str], limit: int
) -> Sequence[AuditEvent]:
    """What people did to one thing, of these actions, the newest first."""
    query = select(AuditEvent).where(
        AuditEvent.account_id == account_id,
        AuditEvent.subject_kind == kind,
        AuditEvent.subject_id == subject_id,
        AuditEvent.action.in_(actions),
    )
    return session.scalars(query.order_by(AuditEvent.id.desc()).limit(limit)).all()


def names_of(session: Session, events: Sequence[AuditEvent]) -> dict[str, str]:
    """Actor -> what the person is called, for those that are people."""
    ids = {actor: int(actor.removeprefix(_PERSON)) for actor in {event.actor for event in events} if _is_person(actor)}
    query = select(User.id, User.name).where(User.id.in_(ids.values()))
    names = {row[0]: row[1] for row in session.execute(query)} if ids else {}
    return {actor: names[user_id] for actor, user_id in ids.items() if user_id in names}


def _is_person(actor: str) -> bool:
    return actor.startswith(_PERSON) and actor.removeprefix(_PERSON).isdecimal()


def _about_site(site_id: int) -> Any:
    kind, subject = AuditEvent.subject_kind, AuditEvent.subject_id
    return or_(
        and_(kind == "site", subject == site_id),
        and_(kind == "content", subject.in_(select(Content.id).where(Content.site_id == site_id))),
        and_(kind == "run", subject.in_(select(Run.id).where(Run.site_id == site_id))),
    )
