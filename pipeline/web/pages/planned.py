"""Owns `/planner/clusters`, `/planner/ideas`, `/writer/tasks`: what is made of keywords on the way to articles."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from fastapi import APIRouter

from pipeline.core.roles import Scope
from pipeline.core.states import ClusterStatus, ContentTaskStatus, IdeaStatus
from pipeline.models import Cluster, ContentTask, Idea, Site
from pipeline.models.base import Base
from pipeline.services.planning import keywords_in, list_planned
from pipeline.web.pages.parameters import After, Chosen, Holding
from pipeline.web.pages.views import Page, View, page

router = APIRouter()
_SHOWN: Final = 50


@router.get("/planner/clusters", include_in_schema=False)
@page(Scope.KEYWORDS)
def clusters(view: View, text: Holding = "", status: Chosen = "", after: After = 0) -> Page:
    """List the chosen site's clusters."""
    site = view.chosen_site()
    found = _listed(view, Cluster, ClusterStatus, site=site, text=text, status=status, after=after)
    return Page("clusters.html", {**found, "counts": keywords_in(view.session, found["rows"])}, site=site)


@router.get("/planner/ideas", include_in_schema=False)
@page(Scope.KEYWORDS)
def ideas(view: View, text: Holding = "", status: Chosen = "", after: After = 0) -> Page:
    """List the chosen site's ideas."""
    site = view.chosen_site()
    return Page(
        "ideas.html", _listed(view, Idea, IdeaStatus, site=site, text=text, status=status, after=after), site=site
    )


@router.get("/writer/tasks", include_in_schema=False)
@page(Scope.KEYWORDS)
def tasks(view: View, status: Chosen = "", after: After = 0) -> Page:
    """List what the chosen site's writer has before it."""
    site = view.chosen_site()
    return Page(
        "tasks.html", _listed(view, ContentTask, ContentTaskStatus, site=site, status=status, after=after), site=site
    )


def _listed(
    view: View, model: type[Base], statuses: type[StrEnum], *, site: Site, status: str, after: int, text: str = ""
) -> dict[str, Any]:
    wanted = statuses(status) if status in list(statuses) else None
    found = list_planned(view.session, model, site=site, status=wanted, text=text, after_id=after, limit=_SHOWN)
    return {
        "site": site,
        "rows": found.items,
        "next_id": found.next_id,
        "text": text,
        "status": status if wanted else "",
        "after": after,
        "statuses": list(statuses),
    }
