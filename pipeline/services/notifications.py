"""Owns notifications: a lasting state makes one, with a delivery for each channel that wants it; people read them.

What is told stands or falls with the transaction that made it true. Never: commits; sends anything.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import CursorResult, case, func, insert, or_, select, update
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.core.alerts import HAPPENINGS, NotificationKind
from pipeline.core.errors import NotFoundError
from pipeline.core.states import DeliveryStatus
from pipeline.models import Delivery, Notification, Webhook
from pipeline.models.base import table_of
from pipeline.models.inserting import insert_missing
from pipeline.services import site_access

_NOTIFICATIONS: Final = table_of(Notification)


def tell(
    session: Session,
    kind: NotificationKind,
    *,
    account_id: int | None,
    state_id: int,
    about: tuple[str, int],
    message: str,
    now: datetime,
) -> int | None:
    """Tell the account (None: whoever runs the installation) once while the state lasts.

    `state_id` is the row whose state it is (a site, an account), `about` the kind and id of what to look at. The id of
    the notification; None: it was told before.
    """
    row = insert_missing(session, Notification).values(
        account_id=account_id,
        kind=kind,
        key=_key(kind, state_id),
        subject_kind=about[0],
        subject_id=about[1],
        message=message,
        created_at=now,
    )
    notification_id: int | None = session.scalar(row.returning(_NOTIFICATIONS.c.id))
    if notification_id is not None and account_id is not None:
        sent = _deliveries(session, kind, account_id=account_id, notification_id=notification_id, about=about, now=now)
        rows = list(sent)
        if rows:
            session.execute(insert(Delivery), rows)
    return notification_id


def end(session: Session, *states: tuple[NotificationKind, int], now: datetime) -> None:
    """These states are over: the next time, they are told anew."""
    keys = [_key(kind, state_id) for kind, state_id in states]
    is_open = _NOTIFICATIONS.c.key.in_(keys) & _NOTIFICATIONS.c.ended_at.is_(None)
    session.execute(update(_NOTIFICATIONS).where(is_open).values(ended_at=now))


def list_notifications(
    session: Session,
    *,
    account_id: int | None,
    include_read: bool = False,
    kind: NotificationKind | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> Sequence[Notification]:
    """What the account (None: whoever runs the installation) was told, the newest first, older than `before_id`."""
    query = select(Notification).where(Notification.account_id == account_id).order_by(Notification.id.desc())
    if not include_read:
        query = query.where(Notification.read_at.is_(None))
    if kind is not None:
        query = query.where(Notification.kind == kind)
    if before_id is not None:
        query = query.where(Notification.id < before_id)
    return session.scalars(query.limit(limit)).all()


def count_unread(session: Session, *, account_id: int, up_to: int = 100) -> int:
    """How many nobody has read; counting ends at `up_to`."""
    unread = select(Notification.id).where(Notification.account_id == account_id, Notification.read_at.is_(None))
    return session.scalar(select(func.count()).select_from(unread.limit(up_to).subquery())) or 0


def mark_read(session: Session, *, account_id: int | None, notification_id: int | None = None, now: datetime) -> int:
    """Somebody has read one, or (None) all of the account's. How many were unread; NotFoundError for an unknown one.

    A state that lasts is not told again for that; what happens again is.
    """
    own = Notification.account_id == account_id
    if notification_id is not None:
        own &= Notification.id == notification_id
        if session.scalar(select(Notification.id).where(own)) is None:
            raise NotFoundError(
                f"There is no notification {notification_id}. `igny8 notifications --all` lists what there is."
            )
    happens = Notification.kind.in_(HAPPENINGS) & Notification.ended_at.is_(None)
    statement = (
        update(Notification)
        .where(own, Notification.read_at.is_(None))
        .values(read_at=now, ended_at=case((happens, now), else_=Notification.ended_at))
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount


def lasting(session: Session, kind: NotificationKind, state_ids: Iterable[int]) -> list[int]:
    """Those of the states that were told and are not over."""
    keys = {_key(kind, state_id): state_id for state_id in state_ids}
    query = select(Notification.key).where(Notification.key.in_(keys), Notification.ended_at.is_(None))
    return [keys[key] for key in session.scalars(query)]


def last_told(session: Session, kind: NotificationKind, *, state_id: int) -> datetime | None:
    """When the state was told last, over or not."""
    query = select(Notification.created_at).where(Notification.key == _key(kind, state_id))
    return session.scalar(query.order_by(Notification.created_at.desc()).limit(1))


def _key(kind: NotificationKind, state_id: int) -> str:
    return f"{kind}:{state_id}"


def _deliveries(
    session: Session,
    kind: NotificationKind,
    *,
    account_id: int,
    notification_id: int,
    about: tuple[str, int],
    now: datetime,
) -> Iterator[dict[str, Any]]:
    """A row for each channel of the account that wants the kind."""
    row = {
        "account_id": account_id,
        "notification_id": notification_id,
        "status": DeliveryStatus.PENDING,
        "due_at": now,
        "created_at": now,
        "webhook_id": None,
        "user_id": None,
    }
    lasts = or_(Webhook.ends_at.is_(None), Webhook.ends_at > now)
    hooks = select(Webhook.id, Webhook.kinds).where(Webhook.account_id == account_id, Webhook.active, lasts)
    for webhook_id, kinds in session.execute(hooks):
        if kind in kinds:
            yield row | {"channel": "webhook", "webhook_id": webhook_id, "public_id": str(uuid.uuid4())}
    if config().smtp_url is not None:
        for user_id in site_access.people_of(session, account_id=account_id, about=about):
            yield row | {"channel": "email", "user_id": user_id, "public_id": str(uuid.uuid4())}
