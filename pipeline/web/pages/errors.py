"""Owns what a person is told where there is no page: a page that says so, and no document for programs."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final, TypeAlias, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from pipeline.core.errors import PipelineError
from pipeline.web.errors import answer_to, status_of
from pipeline.web.pages.views import refused

Handler: TypeAlias = Callable[[Request, Exception], Response]
#: Addresses of programs.
_OF_PROGRAMS: Final = ("/api/", "/static/", "/feeds/", "/healthz", "/livez", "/metrics")
_NO_PAGE: Final = "There is no such page. The address may be misspelt, or what it named may be gone."
_ONLY_LOOKED_AT: Final = "This page is only looked at: nothing is sent to its address."
_BROKEN: Final = (
    "Something went wrong that should not, and nothing was changed. Try again; if it stays so, tell whoever runs this "
    "installation: the log of the web process says what it was."
)


def tell_people(app: FastAPI) -> None:
    """Let `app` answer people with pages; who is no person is answered as before."""
    for kind in (RequestValidationError, HTTPException, Exception):
        otherwise = cast("Handler", app.exception_handlers[kind])
        app.add_exception_handler(kind, _for_people(otherwise))


def told_apart(request: Request, error: PipelineError) -> Response:
    """What was refused before anything was looked at: a page for people, a document for programs."""
    answer = answer_to(error)
    if not _is_of_people(request):
        return answer
    told = refused(request, status_of(error), error.message)
    told.headers.update({name: value for name, value in answer.headers.items() if name == "retry-after"})
    return told


def _for_people(otherwise: Handler) -> Handler:
    def answer(request: Request, error: Exception) -> Response:
        if not _is_of_people(request):
            return otherwise(request, error)
        if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return refused(request, HTTPStatus.METHOD_NOT_ALLOWED, _ONLY_LOOKED_AT)
        if isinstance(error, RequestValidationError | HTTPException):
            return refused(request, HTTPStatus.NOT_FOUND, _NO_PAGE)
        return refused(request, HTTPStatus.INTERNAL_SERVER_ERROR, _BROKEN)

    return answer


def _is_of_people(request: Request) -> bool:
    return not request.url.path.startswith(_OF_PROGRAMS)
