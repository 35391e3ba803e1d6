"""Owns `/webhooks`: addresses that notifications are posted to. A secret is shown once, when it is made."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline.config import config
from pipeline.core.alerts import ACCOUNT_KINDS, NotificationKind
from pipeline.core.roles import Role, Scope
from pipeline.engine.webhook_tests import post_test
from pipeline.models import Webhook
from pipeline.services import audit, webhooks
from pipeline.web.answers import problems
from pipeline.web.api.parameters import WebhookId
from pipeline.web.operations import Steps, Unit, reads, writes, writes_in_steps

router = APIRouter(prefix="/webhooks", tags=[Scope.WEBHOOKS.value])
_WEBHOOK: Final[dict[str, Any]] = {
    "id": 2,
    "url": "https://hooks.example/igny8",
    "kinds": ["run_failed", "site_failing"],
    "active": True,
    "created_at": "2026-06-03T10:30:00Z",
    "ends_at": None,
}
_TOLD_KINDS: Final = ", ".join(kind.value for kind in ACCOUNT_KINDS)


class NewWebhook(BaseModel):
    """An address, and what it is to get."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"url": "https://hooks.example/igny8", "kinds": ["run_failed"]}]},
    )

    url: str = Field(max_length=2_000, description="https:// or http://; none in a private network is posted to.")
    kinds: list[str] = Field(default_factory=list, max_length=20, description=f"None: all of {_TOLD_KINDS}.")


class WebhookEntry(BaseModel):
    """A webhook; its secret is not shown again."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_WEBHOOK]})

    id: int
    url: str
    kinds: list[NotificationKind]
    active: bool
    created_at: datetime
    #: A key that expires made it, and it ends with the key; None: it stays.
    ends_at: datetime | None


class AddedWebhook(WebhookEntry):
    """A webhook that was just added, with the secret that signs what it gets: keep it, it is shown this once."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_WEBHOOK, "secret": "q0V3p2XlPz5w8mJx7sT1aB4cD6E"}]})

    secret: str


class Webhooks(BaseModel):
    """Every webhook of the account, the oldest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_WEBHOOK]}]})

    items: list[WebhookEntry]


class WebhookTest(BaseModel):
    """What a test came to: its id, whether the receiver took it, and what it said."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"delivery": "0f8fad5b-d9cb-469f-a165-70867728950e", "taken": True, "answer": "It answered 204."}
            ]
        }
    )

    delivery: str
    taken: bool
    answer: str


@router.get("", operation_id="list_webhooks", response_model=Webhooks, responses=problems(401, 403))
@reads(Scope.WEBHOOKS, role=Role.OWNER)
def list_all(unit: Unit) -> dict[str, Any]:
    """List the account's webhooks. Their addresses may be secrets of others, so that it takes an owner."""
    return {"items": webhooks.list_webhooks(unit.session, account_id=unit.account_id)}


@router.post(
    "",
    operation_id="add_webhook",
    status_code=201,
    response_model=AddedWebhook,
    responses=problems(401, 403, 409, 413, 422),
)
@writes(Scope.WEBHOOKS, role=Role.OWNER)
def add(unit: Unit, new: NewWebhook) -> AddedWebhook:
    """Add an address that notifications are posted to; the answer has its secret, this once."""
    added = webhooks.add(
        unit.session,
        account_id=unit.account_id,
        url=new.url,
        kinds=new.kinds,
        home=config().home,
        now=unit.now,
        ends_at=unit.caller.expires_at,
    )
    _record(unit, added.webhook, "webhook.added")
    entry = WebhookEntry.model_validate(added.webhook)
    return AddedWebhook(**entry.model_dump(), secret=added.secret)


@router.get(
    "/{webhook_id}", operation_id="get_webhook", response_model=WebhookEntry, responses=problems(401, 403, 404, 422)
)
@reads(Scope.WEBHOOKS, role=Role.OWNER)
def show(unit: Unit, webhook_id: WebhookId) -> Webhook:
    """Show a webhook, without its secret."""
    return webhooks.get_webhook(unit.session, account_id=unit.account_id, webhook_id=webhook_id)


@router.delete("/{webhook_id}", operation_id="remove_webhook", status_code=204, responses=problems(401, 403, 404, 422))
@writes(Scope.WEBHOOKS, role=Role.OWNER)
def remove(unit: Unit, webhook_id: WebhookId) -> Response:
    """Forget a webhook, and what was on its way to it."""
    row = webhooks.remove(unit.session, account_id=unit.account_id, webhook_id=webhook_id)
    _record(unit, row, "webhook.removed", url=row.url)
    return Response(status_code=204)


@router.post(
    "/{webhook_id}/test",
    operation_id="test_webhook",
    response_model=WebhookTest,
    responses=problems(401, 403, 404, 422),
)
@writes_in_steps(Scope.WEBHOOKS, role=Role.OWNER)
def post_a_test(steps: Steps, webhook_id: WebhookId) -> WebhookTest:
    """Post a signed test to a webhook now, and tell what it answered."""
    with steps.reading() as unit:
        row = webhooks.get_webhook(unit.session, account_id=unit.account_id, webhook_id=webhook_id)
        now = unit.now
    tried = post_test(row, settings=config(), now=now)
    return WebhookTest(delivery=tried.public_id, taken=tried.taken, answer=tried.answer)


def _record(unit: Unit, row: Webhook, action: str, **details: Any) -> None:
    audit.record(
        unit.session,
        account_id=unit.account_id,
        actor=unit.caller.actor,
        action=action,
        subject_kind="webhook",
        subject_id=row.id,
        now=unit.now,
        details=details,
    )
