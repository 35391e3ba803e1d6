"""Owns `/sites/{site_id}`: what a site is, whether it is well, and what of it stands otherwise than published."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from pipeline.core.roles import Role, Scope, includes
from pipeline.services import feeds, site_deletion, site_health
from pipeline.services.listing import LOOKED_THROUGH
from pipeline.sites import SiteKind
from pipeline.web.pages.parameters import SiteId
from pipeline.web.pages.sites import zones
from pipeline.web.pages.views import Page, View, page

router = APIRouter()
_EVENTS_SHOWN: Final = 20
_DRIFTED_SHOWN: Final = 50


@router.get("/sites/{site_id}", include_in_schema=False)
@page(Scope.SITES)
def show(view: View, site_id: SiteId) -> Page:
    """Show a site with its address, zone and health."""
    site = view.site(site_id)
    return Page(
        "site.html",
        {
            "site": site,
            "zones": zones(),
            "kinds": list(SiteKind),
            "drifted": site_health.drifted(view.session, site, limit=_DRIFTED_SHOWN),
            "events": site_health.events(view.session, site, limit=_EVENTS_SHOWN),
            "published": site_health.count_published(view.session, site),
            "had": site_deletion.holdings(view.session, site, up_to=LOOKED_THROUGH),
            "feed": feeds.feed_of(view.session, site),
            "counted": LOOKED_THROUGH,
            "may_delete": includes(view.unit.caller.role, Role.OWNER) and view.shell.is_whole,
        },
        site=site,
    )
