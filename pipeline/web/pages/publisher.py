"""Owns `/writer/approved`: what is to be published at a site, when, what is in its way, and what came of it."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from pipeline.core.roles import Scope
from pipeline.services import calendar, publishing_lists, stuck
from pipeline.web.pages.parameters import Chosen, Further
from pipeline.web.pages.views import Page, View, page

router = APIRouter()
_SHOWN: Final = 50


@router.get("/writer/approved", include_in_schema=False)
@page(Scope.CONTENT)
def show(view: View, show: Chosen = "", further: Further = 0) -> Page:
    """Show what is on its way to the chosen site, or with `?show=results` what stands there."""
    site = view.chosen_site()
    if show == "results":
        found = publishing_lists.results(view.session, site, after=further, limit=_SHOWN + 1)
        more = further + _SHOWN if len(found) > _SHOWN else None
        return Page(
            "published.html", {"site": site, "results": found[:_SHOWN], "more": more, "further": further}, site=site
        )
    planned = publishing_lists.planned(view.session, site, now=view.now, limit=_SHOWN)
    return Page(
        "to_publish.html",
        {
            "site": site,
            "waiting": calendar.unscheduled(view.session, site, limit=_SHOWN),
            "overdue": [one for one in planned if one.is_overdue(view.now)],
            "planned": [one for one in planned if not one.is_overdue(view.now)],
            "needs_you": stuck.of_site(view.session, site),
            "ahead": calendar.forecast(view.session, site, now=view.now),
            "most": _SHOWN,
        },
        site=site,
    )
