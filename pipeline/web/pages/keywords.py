"""Owns `/planner/keywords`: a site's keywords, and how they come in."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from pipeline.core.roles import Scope
from pipeline.core.states import KeywordStatus
from pipeline.services import keywords
from pipeline.services.listing import LOOKED_THROUGH
from pipeline.web.pages.parameters import After, Chosen, Holding
from pipeline.web.pages.views import Page, View, page

router = APIRouter()
_SHOWN: Final = 50


@router.get("/planner/keywords", include_in_schema=False)
@page(Scope.KEYWORDS)
def show(view: View, text: Holding = "", status: Chosen = "", after: After = 0) -> Page:
    """List the chosen site's keywords."""
    site = view.chosen_site()
    wanted = KeywordStatus(status) if status in list(KeywordStatus) else None
    found = keywords.list_keywords(view.session, site=site, status=wanted, text=text, after_id=after, limit=_SHOWN)
    return Page(
        "keywords.html",
        {
            "site": site,
            "keywords": found.items,
            "next_id": found.next_id,
            "text": text,
            "status": status if wanted else "",
            "after": after,
            "statuses": list(KeywordStatus),
            "counts": keywords.count_up_to(view.session, site=site, most=LOOKED_THROUGH),
            "counted": LOOKED_THROUGH,
        },
        site=site,
    )
