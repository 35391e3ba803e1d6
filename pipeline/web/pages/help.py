"""Owns `/help`: first steps, stages, credits, the calendar, keys, and what to do about what is said."""

from __future__ import annotations

from fastapi import APIRouter

from pipeline.core.catalog import STAGES
from pipeline.core.roles import Scope
from pipeline.web.pages.views import Page, View, page

router = APIRouter()


@router.get("/help", include_in_schema=False)
@page(Scope.SITES)
def show(view: View) -> Page:
    """Show what somebody needs who has not read anything yet."""
    return Page("help.html", {"stages": STAGES, "site": view.shell.site})
