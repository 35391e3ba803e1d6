"""Owns what a person is told where there is no page: a page that says so, and no document for programs."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final, TypeAlias, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from pipeline.web.pages.views import refused

Handler: TypeAlias = Callable[[Request, Exception], Response]
#: Addresses of programs.
_OF_PROGRAMS: Final = ("/api/", "/static/", "/feeds/", "/healthz", "/livez", "/metrics")
_NO_PAGE: Final = "There is no such page. The address may be misspelt, or what it named may be gone."


def tell_people(app: FastAPI) -> None:
    """Let `app` answer people with pages; who is no person is answered as before."""
    for kind in (RequestValidationError, HTTPException):
        otherwise = cast("Handler", app.exception_handlers[kind])
        app.add_exception_handler(kind, _for_people(otherwise))


def _for_people(otherwise: Handler) -> Handler:
    def answer(request: Request, error: Exception) -> Response:
        if request.url.path.startswith(_OF_PROGRAMS):
            return otherwise(request, error)
        if isinstance(error, HTTPException) and error.status_code != HTTPStatus.NOT_FOUND:
            return otherwise(request, error)
        return refused(request, HTTPStatus.NOT_FOUND, _NO_PAGE)

    return answer
