"""Owns `/account/security`: one's own password, and one-time codes at one's own log-in."""

from __future__ import annotations

from fastapi import APIRouter

from pipeline.core.roles import Scope
from pipeline.models import User
from pipeline.services import second_factors
from pipeline.web.pages.views import Page, View, page

router = APIRouter()


@router.get("/account/security", include_in_schema=False)
@page(Scope.ACCESS)
def show(view: View) -> Page:
    """Show whether codes are asked for, and let somebody change their password."""
    user = view.session.get_one(User, view.unit.caller.user_id)
    zone = view.shell.site.timezone if view.shell.site else "UTC"
    return Page(
        "account_security.html",
        {"email": user.email, "factor": second_factors.state_of(view.session, user.id), "zone": zone},
    )
