"""Owns `/notifications`: what the account, or whoever runs the installation, was told, and that somebody read it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from pipeline.core.alerts import NotificationKind
from pipeline.core.errors import ForbiddenError
from pipeline.core.roles import Role, Scope, includes
from pipeline.core.states import DeliveryStatus
from pipeline.models import Delivery, Notification
from pipeline.services import deliveries, notifications
from pipeline.web.answers import problems
from pipeline.web.api.parameters import Before, Limit, NotificationId
from pipeline.web.operations import Unit, reads, writes

router = APIRouter(prefix="/notifications", tags=[Scope.NOTIFICATIONS.value])
_WAY: Final[dict[str, Any]] = {
    "id": 31,
    "delivery": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "channel": "webhook",
    "webhook_id": 2,
    "status": "delivered",
    "attempts": 1,
    "last_answer": "It answered 204.",
}
_NOTIFICATION: Final[dict[str, Any]] = {
    "id": 5,
    "kind": "site_failing",
    "message": "Oak & Desk takes no articles: it is closed. See whether it does again: igny8 site test 1",
    "subject": {"kind": "site", "id": 1},
    "created_at": "2026-06-03T10:30:00Z",
    "read_at": None,
    "ended_at": None,
    "deliveries": [_WAY],
}


class NotificationSubject(BaseModel):
    """What to look at: a run, a site, an account."""

    kind: str
    id: int


class DeliverySummary(BaseModel):
    """A notification on its way over one channel; `delivery` is what the receiver knows it by."""

    id: int
    delivery: str
    #: `webhook` or `email`.
    channel: str
    webhook_id: int | None
    status: DeliveryStatus
    attempts: int
    last_answer: str | None


class NotificationEntry(BaseModel):
    """What the account was told. While a state lasts, it is told once."""

    model_config = ConfigDict(json_schema_extra={"examples": [_NOTIFICATION]})

    id: int
    kind: NotificationKind
    message: str
    subject: NotificationSubject
    created_at: datetime
    read_at: datetime | None
    #: When the state was over; None: it lasts.
    ended_at: datetime | None
    deliveries: list[DeliverySummary]


class NotificationPage(BaseModel):
    """Some notifications, the newest first; `next` goes on with older ones."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_NOTIFICATION], "next": None}]})

    items: list[NotificationEntry]
    #: None: there are no more.
    next: int | None


class MarkedRead(BaseModel):
    """How many had been unread."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"read": 1}]})

    read: int


Unread = Annotated[bool, Query(description="Only what nobody has read yet.")]
Platform = Annotated[
    bool, Query(description="Those for whoever runs the installation, instead of an account's: only for them.")
]
OfKind = Annotated[NotificationKind | None, Query(description="Only notifications of this kind.")]


@router.get("", operation_id="list_notifications", response_model=NotificationPage, responses=problems(401, 403, 422))
@reads(Scope.NOTIFICATIONS, whole_account=True)
def list_some(
    unit: Unit,
    *,
    unread: Unread = False,
    kind: OfKind = None,
    platform: Platform = False,
    before: Before = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """List what the account was told, the newest first, each with its deliveries."""
    found = notifications.list_notifications(
        unit.session,
        account_id=_whose(unit, platform=platform),
        include_read=not unread,
        kind=kind,
        before_id=before,
        limit=limit + 1,
    )
    page = found[:limit]
    sent = deliveries.of_notifications(unit.session, [row.id for row in page])
    return {"items": [_shown(row, sent) for row in page], "next": page[-1].id if len(found) > limit else None}


@router.post(
    "/read", operation_id="read_all_notifications", response_model=MarkedRead, responses=problems(401, 403, 422)
)
@writes(Scope.NOTIFICATIONS, whole_account=True)
def read_all(unit: Unit, *, platform: Platform = False) -> MarkedRead:
    """Mark all that the account was told as read."""
    account_id = _whose(unit, platform=platform)
    return MarkedRead(read=notifications.mark_read(unit.session, account_id=account_id, now=unit.now))


@router.post(
    "/{notification_id}/read",
    operation_id="read_notification",
    response_model=MarkedRead,
    responses=problems(401, 403, 404, 422),
)
@writes(Scope.NOTIFICATIONS, whole_account=True)
def read(unit: Unit, notification_id: NotificationId, *, platform: Platform = False) -> MarkedRead:
    """Mark one as read; once more changes nothing."""
    account_id = _whose(unit, platform=platform)
    marked = notifications.mark_read(unit.session, account_id=account_id, notification_id=notification_id, now=unit.now)
    return MarkedRead(read=marked)


def _whose(unit: Unit, *, platform: bool) -> int | None:
    """The account whose notifications are asked for; None: they are those of whoever runs the installation."""
    if not platform:
        return unit.account_id
    if not includes(unit.caller.role, Role.PLATFORM_ADMIN):
        raise ForbiddenError("These are for whoever runs this installation. Leave `platform` out for your account's.")
    return None


def _shown(row: Notification, sent: Sequence[Delivery]) -> dict[str, Any]:
    names = ("id", "kind", "message", "created_at", "read_at", "ended_at")
    ways = ("id", "channel", "webhook_id", "status", "attempts", "last_answer")
    return {
        **{name: getattr(row, name) for name in names},
        "subject": {"kind": row.subject_kind, "id": row.subject_id},
        "deliveries": [
            {"delivery": way.public_id, **{name: getattr(way, name) for name in ways}}
            for way in sent
            if way.notification_id == row.id
        ],
    }
