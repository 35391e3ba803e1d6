"""Owns `/account/plans`: the account's plan, packages of credits, every movement of the balance. Nothing is paid."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from pipeline.core.roles import Role, Scope, includes
from pipeline.services import credit_outlook, entries, plans
from pipeline.services import credits as ledger
from pipeline.services.entries import EntryKind
from pipeline.services.plan_prices import price_string
from pipeline.web.pages.parameters import Before, Chosen
from pipeline.web.pages.views import Page, View, page

router = APIRouter()
_SHOWN: Final = 50


@router.get("/account/plans", include_in_schema=False)
@page(Scope.CREDITS, role=Role.OWNER)
def show(view: View, kind: Chosen = "", before: Before = None) -> Page:
    """Show what the account has and is offered; whoever runs the installation changes it here too."""
    wanted = EntryKind(kind) if kind in list(EntryKind) else None
    found = entries.list_entries(
        view.session, account_id=view.account_id, kind=wanted, before_id=before, limit=_SHOWN + 1
    )
    return Page(
        "plans.html",
        {
            "mine": plans.plan_of(view.session, view.account_id),
            "used": plans.used_of(view.session, view.account_id),
            "plans": plans.list_plans(view.session),
            "packages": plans.list_packages(view.session),
            "price": price_string,
            "balance": ledger.balance(view.session, view.account_id),
            "outlook": credit_outlook.outlook(view.session, view.account_id, now=view.now),
            "entries": found[:_SHOWN],
            "more": found[_SHOWN - 1].id if len(found) > _SHOWN else None,
            "kind": wanted.value if wanted else "",
            "kinds": list(EntryKind),
            "may_change": includes(view.unit.caller.role, Role.PLATFORM_ADMIN),
            "zone": view.shell.site.timezone if view.shell.site else "UTC",
        },
    )
