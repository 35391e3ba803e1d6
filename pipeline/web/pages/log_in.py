"""Owns `/login`, and `/switch`, by which a browser looks at another site."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from pipeline.core.roles import Scope
from pipeline.web.pages.look import render
from pipeline.web.pages.packing import packed
from pipeline.web.pages.parameters import Where, WhichSite
from pipeline.web.pages.shell import SITE_COOKIE, theme_of
from pipeline.web.pages.views import HEADERS, View, page

router = APIRouter()
PATH: Final = "/login"
_A_YEAR_SECONDS: Final = 365 * 86_400


@router.get(PATH, include_in_schema=False)
def show(request: Request, next: Where = "/") -> Response:  # noqa: A002 - what the address calls it
    """Ask who it is."""
    text = render("log_in.html", theme=theme_of(request), next=local(next))
    return packed(request, text, HEADERS)


@router.get("/switch", include_in_schema=False)
@page(Scope.SITES)
def switch(view: View, site: WhichSite, to: Where = "/") -> Response:
    """Look at another site of the account from now on."""
    chosen = view.site(site)
    answer = RedirectResponse(local(to), HTTPStatus.SEE_OTHER, headers=HEADERS)
    answer.set_cookie(SITE_COOKIE, str(chosen.id), max_age=_A_YEAR_SECONDS, httponly=True, samesite="lax")
    return answer


def local(address: str) -> str:
    """An address of ours, else the dashboard: nobody is led away by a link."""
    address = address.strip()
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    is_ours = address.startswith("/") and not address.startswith("//") and not parts.scheme and not parts.netloc
    return address if is_ours and "\\" not in address and address.isprintable() else "/"
