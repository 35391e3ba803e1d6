"""Owns `/webhooks/{webhook_id}/deliveries` and `/deliveries/{delivery_id}/redeliver`: what arrived, and once more."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from pipeline.core.roles import Role, Scope
from pipeline.core.states import DeliveryStatus
from pipeline.models import Delivery
from pipeline.services import audit, deliveries, webhooks
from pipeline.web.answers import problems
from pipeline.web.api.parameters import Before, DeliveryId, Limit, WebhookId
from pipeline.web.operations import Unit, reads, writes

router = APIRouter(tags=[Scope.WEBHOOKS.value])
_DELIVERY: Final[dict[str, Any]] = {
    "id": 31,
    "delivery": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "notification_id": 5,
    "status": "given_up",
    "attempts": 8,
    "due_at": None,
    "last_answer": "It answered 500. It was tried 8 times.",
    "created_at": "2026-06-03T10:30:00Z",
    "delivered_at": None,
}


class DeliveryEntry(BaseModel):
    """A notification on its way to a webhook; `delivery` is what the receiver knows it by, the same at every try."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DELIVERY]})

    id: int
    delivery: str
    notification_id: int
    status: DeliveryStatus
    attempts: int
    #: When it is tried (again).
    due_at: datetime | None
    #: What the receiver said last, or why it could not be asked.
    last_answer: str | None
    created_at: datetime
    delivered_at: datetime | None


class DeliveryPage(BaseModel):
    """Some deliveries, the newest first; `next` goes on with older ones."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_DELIVERY], "next": 31}]})

    items: list[DeliveryEntry]
    #: None: there are no more.
    next: int | None


@router.get(
    "/webhooks/{webhook_id}/deliveries",
    operation_id="list_deliveries",
    response_model=DeliveryPage,
    responses=problems(401, 403, 404, 422),
)
@reads(Scope.WEBHOOKS, role=Role.OWNER)
def list_some(unit: Unit, webhook_id: WebhookId, before: Before = None, limit: Limit = 50) -> dict[str, Any]:
    """List what was on its way to a webhook, the newest first."""
    webhook = webhooks.get_webhook(unit.session, account_id=unit.account_id, webhook_id=webhook_id)
    found = deliveries.of_webhook(unit.session, webhook, before_id=before, limit=limit + 1)
    page = found[:limit]
    return {"items": [_shown(row) for row in page], "next": page[-1].id if len(found) > limit else None}


@router.post(
    "/deliveries/{delivery_id}/redeliver",
    operation_id="redeliver",
    status_code=202,
    response_model=DeliveryEntry,
    responses=problems(401, 403, 404, 409, 422),
)
@writes(Scope.WEBHOOKS, role=Role.OWNER)
def redeliver(unit: Unit, delivery_id: DeliveryId) -> dict[str, Any]:
    """Send again, under the same id, what has arrived or was given up. 409 while it is on its way."""
    row = deliveries.redeliver(unit.session, account_id=unit.account_id, delivery_id=delivery_id, now=unit.now)
    audit.record(
        unit.session,
        account_id=unit.account_id,
        actor=unit.caller.actor,
        action="delivery.redelivered",
        subject_kind="delivery",
        subject_id=row.id,
        now=unit.now,
    )
    return _shown(row)


def _shown(row: Delivery) -> dict[str, Any]:
    names = [name for name in DeliveryEntry.model_fields if name != "delivery"]
    return {"delivery": row.public_id, **{name: getattr(row, name) for name in names}}
