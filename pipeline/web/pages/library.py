"""Owns `/setup/add-keywords`: keywords to begin with, by industry and sector, which a site may have."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from fastapi import APIRouter

from pipeline.core.roles import Role, Scope, includes
from pipeline.services import keyword_library
from pipeline.web.pages.parameters import After, Holding, WhichSector
from pipeline.web.pages.views import Page, View, page

router = APIRouter()
_SHOWN: Final = 100


@router.get("/setup/add-keywords", include_in_schema=False)
@page(Scope.KEYWORDS)
def show(view: View, sector: WhichSector = None, text: Holding = "", after: After = 0) -> Page:
    """Show the library, one sector of it opened, for the chosen site."""
    site = view.chosen_site()
    shelves = keyword_library.shelves(view.session)
    chosen = next((shelf for shelf in shelves if shelf.sector_id == sector), shelves[0] if shelves else None)
    row = None if chosen is None else keyword_library.get_sector(view.session, chosen.sector_id)
    found = keyword_library.list_seeds(view.session, row, text=text, after_id=after, limit=_SHOWN)
    return Page(
        "library.html",
        {
            "site": site,
            "industries": [(name, list(of)) for name, of in groupby(shelves, key=lambda shelf: shelf.industry)],
            "chosen": chosen,
            "seeds": found.items,
            "next_id": found.next_id,
            "text": text,
            "after": after,
            "may_import": includes(view.unit.caller.role, Role.PLATFORM_ADMIN),
        },
        site=site,
    )
