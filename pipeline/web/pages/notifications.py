"""Owns `/account/notifications`: what the account was told, and over which ways it is told; webhooks are an owner's."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from pipeline.config import config
from pipeline.core.alerts import ACCOUNT_KINDS
from pipeline.core.roles import Role, Scope, includes
from pipeline.services import deliveries, webhooks
from pipeline.services.notifications import list_notifications
from pipeline.web.pages.parameters import Before, WebhookId
from pipeline.web.pages.views import Page, View, page

router = APIRouter()
_SHOWN: Final = 50


@router.get("/account/notifications", include_in_schema=False)
@page(Scope.NOTIFICATIONS, whole_account=True)
def show(view: View, before: Before = None) -> Page:
    """List what the account was told, and where else it is told."""
    found = list_notifications(
        view.session, account_id=view.account_id, include_read=True, before_id=before, limit=_SHOWN + 1
    )
    is_owner = includes(view.unit.caller.role, Role.OWNER)
    hooks = webhooks.list_webhooks(view.session, account_id=view.account_id) if is_owner else []
    return Page(
        "notifications.html",
        {
            "notifications": found[:_SHOWN],
            "more": found[_SHOWN - 1].id if len(found) > _SHOWN else None,
            "zone": _zone(view),
            "is_owner": is_owner,
            "hooks": [(hook, deliveries.latest(view.session, hook)) for hook in hooks],
            "kinds": ACCOUNT_KINDS,
            "has_mail": config().smtp_url is not None,
        },
    )


@router.get("/account/webhooks/{webhook_id}", include_in_schema=False)
@page(Scope.WEBHOOKS, role=Role.OWNER)
def show_deliveries(view: View, webhook_id: WebhookId, before: Before = None) -> Page:
    """List what was on its way to a webhook, and let it be sent again."""
    hook = webhooks.get_webhook(view.session, account_id=view.account_id, webhook_id=webhook_id)
    found = deliveries.of_webhook(view.session, hook, before_id=before, limit=_SHOWN + 1)
    more = found[_SHOWN - 1].id if len(found) > _SHOWN else None
    return Page("deliveries.html", {"hook": hook, "deliveries": found[:_SHOWN], "more": more, "zone": _zone(view)})


def _zone(view: View) -> str:
    return view.shell.site.timezone if view.shell.site else "UTC"
