"""Owns the life of a delivery: claimed under a ticket, delivered, tried again later and later, given up with a reason.

Never: commits; sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import CursorResult, or_, select, update
from sqlalchemy.orm import Session

from pipeline.core.errors import NotFoundError, TransitionError
from pipeline.core.states import DeliveryStatus, move
from pipeline.core.words import counted
from pipeline.models import Delivery, Notification, User, Webhook
from pipeline.models.base import table_of

#: Pauses before each further try; after the last one it is given up.
PAUSES: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720, 1440))
#: The longest pause a receiver may ask for.
LONGEST_PAUSE: Final = timedelta(days=1)
_CLAIMED: Final = ("ticket", "attempts", "public_id", "notification_id", "webhook_id", "user_id")
_ANSWER_CHARACTERS: Final = 500
_DELIVERIES: Final = table_of(Delivery)


@dataclass(frozen=True)
class Receiver:
    """Where a delivery goes: a webhook's address with its encrypted secret, or somebody's e-mail address."""

    address: str
    secret: bytes | None


@dataclass(frozen=True)
class Claim:
    """A delivery in hand: the ticket proves it."""

    delivery_id: int
    ticket: int
    attempt: int
    public_id: str
    receiver: Receiver
    notification: Notification


def claim(session: Session, delivery_id: int, *, lease: timedelta, now: datetime) -> Claim | None:
    """Take a delivery whose message was sent; None where there is nothing, or nothing yet, to do."""
    columns = _DELIVERIES.c
    statement = (
        update(_DELIVERIES)
        .where(
            columns.id == delivery_id,
            columns.status == DeliveryStatus.PENDING,
            # A message counts for the plan it was sent for: one from before a retry finds no send.
            columns.sends > 0,
            or_(columns.lease_until.is_(None), columns.lease_until <= now),
        )
        .values(
            ticket=columns.ticket + 1,
            attempts=columns.attempts + 1,
            lease_until=now + lease,
            due_at=now + lease,
            sends=0,
        )
        .returning(*(columns[name] for name in _CLAIMED))
    )
    row = session.execute(statement).one_or_none()
    if row is None:
        return None
    ticket, attempts, public_id, notification_id, webhook_id, user_id = row
    notification = session.get_one(Notification, notification_id)
    receiver = _receiver(session, webhook_id=webhook_id, user_id=user_id)
    return Claim(delivery_id, ticket, attempts, public_id, receiver, notification)


def delivered(session: Session, taken: Claim, answer: str, *, now: datetime) -> bool:
    """The receiver took it. False: somebody else has claimed it since."""
    return _end(session, taken, answer, status=DeliveryStatus.DELIVERED, due_at=None, delivered_at=now)


def try_later(session: Session, taken: Claim, answer: str, *, pause: timedelta | None, now: datetime) -> bool:
    """Try again after the next pause (`pause` where that is longer, a day at most); after the last one give it up."""
    if taken.attempt > len(PAUSES):
        return give_up(session, taken, f"{answer} It was tried {counted(taken.attempt, 'time')}.")
    wait = max(PAUSES[taken.attempt - 1], min(pause or timedelta(), LONGEST_PAUSE))
    return _end(session, taken, answer, due_at=now + wait)


def give_up(session: Session, taken: Claim, reason: str) -> bool:
    """It is not tried again. False: somebody else has claimed it since."""
    return _end(session, taken, reason, status=DeliveryStatus.GIVEN_UP, due_at=None)


def latest(session: Session, webhook: Webhook) -> Delivery | None:
    """What was last on its way to a webhook."""
    query = select(Delivery).where(Delivery.webhook_id == webhook.id).order_by(Delivery.id.desc()).limit(1)
    return session.scalar(query)


def of_notifications(session: Session, notification_ids: Sequence[int]) -> Sequence[Delivery]:
    """Every delivery of these notifications, oldest first."""
    query = select(Delivery).where(Delivery.notification_id.in_(notification_ids)).order_by(Delivery.id)
    return session.scalars(query).all()


def of_webhook(
    session: Session, webhook: Webhook, *, before_id: int | None = None, limit: int = 50
) -> Sequence[Delivery]:
    """What was on its way to a webhook, the newest first, older than `before_id`."""
    query = select(Delivery).where(Delivery.webhook_id == webhook.id).order_by(Delivery.id.desc())
    if before_id is not None:
        query = query.where(Delivery.id < before_id)
    return session.scalars(query.limit(limit)).all()


def redeliver(session: Session, *, account_id: int, delivery_id: int, now: datetime) -> Delivery:
    """Send again what was delivered or given up, under the same id, with all its tries before it.

    NotFoundError; TransitionError while it is on its way.
    """
    query = select(Delivery).where(Delivery.account_id == account_id, Delivery.id == delivery_id)
    delivery = session.scalar(query.with_for_update())
    if delivery is None:
        raise NotFoundError(f"There is no delivery {delivery_id} in this account.")
    if delivery.status is DeliveryStatus.PENDING:
        raise TransitionError(f"Delivery {delivery_id} is on its way already. Wait until it has arrived.")
    delivery.status = move(delivery.status, DeliveryStatus.PENDING)
    delivery.due_at, delivery.sends, delivery.attempts = now, 0, 0
    delivery.lease_until = delivery.delivered_at = None
    session.flush()
    return delivery


def _receiver(session: Session, *, webhook_id: int | None, user_id: int | None) -> Receiver:
    if webhook_id is not None:
        webhook = session.get_one(Webhook, webhook_id)
        return Receiver(webhook.url, webhook.secret)
    return Receiver(session.get_one(User, user_id).email, None)


def _end(session: Session, taken: Claim, answer: str, **values: Any) -> bool:
    """End the claim, unless another took its place."""
    ours = (
        _DELIVERIES.c.id == taken.delivery_id,
        _DELIVERIES.c.ticket == taken.ticket,
        _DELIVERIES.c.status == DeliveryStatus.PENDING,
    )
    told = {"lease_until": None, "sends": 0, "last_answer": answer[:_ANSWER_CHARACTERS]}
    statement = update(_DELIVERIES).where(*ours).values(**told, **values)
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1
