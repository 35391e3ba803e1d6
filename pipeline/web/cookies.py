"""Owns the cookie of a log-in, and what a change has to bring beside it: a browser sends cookies for anybody's page.

A change that comes with the cookie needs the log-in's own token in a header, which no foreign page can know or send,
and may not say that it comes from elsewhere. A request with an API key needs neither: no browser adds one by itself.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response

from pipeline.core.errors import ForbiddenError
from pipeline.services import log_ins

COOKIE: Final = "igny8_log_in"
FORGERY_HEADER: Final = "X-CSRF-Token"
_HARMLESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OUR_OWN: Final = frozenset({"same-origin", "none"})


def give(request: Request, response: Response, token: str) -> None:
    """Let the browser keep it: no script reads it, no foreign page's request carries it."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(log_ins.LIFE.total_seconds()),
        path="/",
        secure=_is_secure(request),
        httponly=True,
        samesite="lax",
    )


def take_back(response: Response) -> None:
    """Let the browser forget it."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")


def refuse_forgery(request: Request, token: str) -> None:
    """ForbiddenError for a change that no page of this installation sent."""
    if request.method in _HARMLESS:
        return
    if not is_from_here(request):
        raise ForbiddenError("This change was sent by a page of another address. Do it from here.")
    if not log_ins.is_forgery_token(token, request.headers.get(FORGERY_HEADER, "")):
        told = f"Send `csrf_token` of `GET /api/v1/me` as the header {FORGERY_HEADER} with every change."
        raise ForbiddenError(told)


def is_from_here(request: Request) -> bool:
    """Whether no page of another address sent it: browsers say where a request comes from, programs say nothing."""
    if request.headers.get("sec-fetch-site", "same-origin") not in _OUR_OWN:
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    # Behind a proxy that speaks TLS the scheme is another one; no page can set these headers of its own requests.
    hosts = {request.headers.get("host"), request.headers.get("x-forwarded-host")} - {None}
    try:
        return urlsplit(origin).netloc in hosts
    except ValueError:  # No browser sends what is no address.
        return False


def _is_secure(request: Request) -> bool:
    """Whether the browser speaks TLS, with us or with a proxy before us."""
    return "https" in {request.url.scheme, request.headers.get("x-forwarded-proto")}
