"""Owns `/` and `/sites`: what is going on at each site of the account."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

from fastapi import APIRouter

from pipeline.core.roles import Scope
from pipeline.models import Site
from pipeline.services import calendar, runs, settings
from pipeline.services.notifications import list_notifications
from pipeline.web.pages.views import Page, View, page

router = APIRouter()
_ALERTS: Final = 5


@router.get("/", include_in_schema=False)
@page(Scope.SITES)
def dashboard(view: View) -> Page:
    """Show what ran, what is due, what needs somebody."""
    there = view.shell.sites
    is_whole = view.unit.caller.site_ids is None
    alerts = list_notifications(view.session, account_id=view.account_id, limit=_ALERTS) if is_whole else []
    return Page("dashboard.html", {"cards": [_card(view, site) for site in there], "alerts": alerts})


@router.get("/sites", include_in_schema=False)
@page(Scope.SITES)
def show(view: View) -> Page:
    """List the account's sites."""
    return Page("sites.html", {"cards": [_card(view, site) for site in view.shell.sites], "zones": zones()})


def _card(view: View, site: Site) -> dict[str, Any]:
    """A site at a glance."""
    newest = runs.list_runs(view.session, account_id=view.account_id, site_id=site.id, limit=1)
    schedule = settings.row_of(view.session, site)
    return {
        "site": site,
        "run": newest[0] if newest else None,
        "next_run_at": schedule.next_run_at,
        "paused_reason": schedule.paused_reason if schedule.paused_at else None,
        "ahead": calendar.forecast(view.session, site, now=view.now),
    }


@cache
def zones() -> Sequence[str]:
    """Names of time zones that are places."""
    places = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    return [*places, "UTC"]
