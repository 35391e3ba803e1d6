"""Owns `/account/…`: people, keys, and what was used; the account's owners see them."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from pipeline.core.roles import Role, Scope
from pipeline.models import ApiKey
from pipeline.services import api_keys, credit_outlook, second_factors, settings, site_access, users
from pipeline.services import credits as ledger
from pipeline.services.cost_reports import Period, ReportBy, cost_report
from pipeline.web.pages.charts import day_bars
from pipeline.web.pages.parameters import Chosen
from pipeline.web.pages.views import Page, View, page

router = APIRouter()
#: Each may have a row for live and one for testing models.
_MOST_DAYS: Final = 100
_ROLES: Final = (Role.OWNER, Role.EDITOR, Role.VIEWER)
_BY: Final = (ReportBy.DAY, ReportBy.MODEL, ReportBy.STAGE, ReportBy.SITE)


@router.get("/account/settings", include_in_schema=False)
@page(Scope.ACCESS, role=Role.OWNER)
def show(view: View) -> Page:
    """Show who is let in, by log-in or key, and what the account decides for its sites."""
    people = users.list_users(view.session, account_id=view.account_id)
    keys = api_keys.list_keys(view.session, account_id=view.account_id)
    return Page(
        "account.html",
        {
            "people": [
                (user, users.role_of(user), _reach(view, user.id, narrowed=user.is_narrowed)) for user in people
            ],
            "keys": [(key, api_keys.role_of(key)) for key in keys],
            "with_codes": second_factors.who_are_asked(view.session, [user.id for user in people]),
            "roles": _ROLES,
            "scopes": list(Scope),
            "narrowed_to": {key.id: _narrowed_to(view, key) for key in keys},
            "decided": settings.decided_for(view.session, view.account_id),
            "own": settings.load_account(view.session, view.account_id),
            "live_models": settings.live_models(view.session),
            "me": view.unit.caller.user_id,
            "zone": view.shell.site.timezone if view.shell.site else "UTC",
        },
    )


@router.get("/account/usage", include_in_schema=False)
@page(Scope.REPORTS, role=Role.OWNER)
def usage(view: View, by: Chosen = "day") -> Page:
    """Show what was used in the last thirty days."""
    wanted = ReportBy(by) if by in list(_BY) else ReportBy.DAY
    period = Period.of(None, None, now=view.now)
    days = cost_report(view.session, ReportBy.DAY, account_id=view.account_id, period=period, limit=_MOST_DAYS)
    return Page(
        "usage.html",
        {
            "by": wanted,
            "ways": _BY,
            "report": days
            if wanted is ReportBy.DAY
            else cost_report(view.session, wanted, account_id=view.account_id, period=period, limit=100),
            "chart": day_bars(days),
            "outlook": credit_outlook.outlook(view.session, view.account_id, now=view.now),
            "balance": ledger.balance(view.session, view.account_id),
        },
    )


def _reach(view: View, user_id: int, *, narrowed: bool) -> list[str] | None:
    """Names of the sites that are there for somebody; None: every one."""
    if not narrowed:
        return None
    ids = site_access.sites_of_user(view.session, user_id)
    return [site.name for site in view.shell.sites if site.id in ids]


def _narrowed_to(view: View, key: ApiKey) -> list[str]:
    """What a key is narrowed down to: parts of the API, names of sites; empty: nothing is left out."""
    ids = site_access.sites_of_key(view.session, key.id) if key.is_narrowed else frozenset()
    named = [site.name for site in view.shell.sites if site.id in ids]
    return [*key.scopes, *(named or (["no site"] if key.is_narrowed else []))]
