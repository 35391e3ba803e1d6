"""Owns what a caller is told when something is refused: problem documents (RFC 9457), and which status means what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, cast

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import IntegrityError
from starlette.exceptions import HTTPException

from pipeline.core.errors import (
    CodeWantedError,
    ConflictError,
    Fault,
    ForbiddenError,
    InvalidValueError,
    LiveRunError,
    NotFoundError,
    NotReadyError,
    PipelineError,
    PreflightError,
    RefusedFileError,
    StaleError,
    TooManyRequestsError,
    TransitionError,
    UnknownCallerError,
)
from pipeline.db.collisions import CollisionError
from pipeline.web.answers import MEDIA_TYPE
from pipeline.web.faults import fault_of
from pipeline.web.operations import require_caller

_log = structlog.get_logger()

#: The first kind that fits decides.
_STATUSES: Final[tuple[tuple[type[PipelineError], HTTPStatus], ...]] = (
    (UnknownCallerError, HTTPStatus.UNAUTHORIZED),
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    (TooManyRequestsError, HTTPStatus.TOO_MANY_REQUESTS),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (StaleError, HTTPStatus.PRECONDITION_FAILED),
    (ConflictError, HTTPStatus.CONFLICT),
    (TransitionError, HTTPStatus.CONFLICT),
    (PreflightError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (NotReadyError, HTTPStatus.CONFLICT),
    (InvalidValueError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (RefusedFileError, HTTPStatus.UNPROCESSABLE_ENTITY),
)
#: What Starlette calls otherwise: a body that is no JSON is a wrong value.
_OTHER_NAMES: Final = {HTTPStatus.BAD_REQUEST: HTTPStatus.UNPROCESSABLE_ENTITY}
_SENTENCES: Final[Mapping[int, str]] = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that method.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The body cannot be read as JSON. Send one JSON object.",
}
_AT_ONCE: Final = "Somebody else did the same at the same time. Look at what there is now, then try again."


def handle_errors(app: FastAPI) -> None:
    """Let `app` answer every error with a problem document."""
    app.add_exception_handler(PipelineError, _pipeline_error)
    app.add_exception_handler(RequestValidationError, _wrong_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(IntegrityError, _at_once)
    app.add_exception_handler(CollisionError, _collision)
    app.add_exception_handler(Exception, _unexpected)


def problem(status: HTTPStatus, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """A problem document: what it is, the sentence for a person, and what a program may need."""
    told = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail, **more}
    # ASCII alone: a refused value may hold what UTF-8 has no bytes for.
    return Response(json.dumps(told), status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def status_of(error: PipelineError) -> HTTPStatus:
    """The HTTP status that an error of the product means."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


def _pipeline_error(_: Request, error: Exception) -> Response:
    return answer_to(cast("PipelineError", error))


def answer_to(error: PipelineError) -> Response:
    """The problem document of an error of the product, with the headers that belong to it."""
    status = status_of(error)
    headers: dict[str, str] = {}
    more: dict[str, Any] = {}
    if isinstance(error, InvalidValueError | PreflightError | CodeWantedError):
        more["faults"] = [{"field": fault.field, "message": fault.message} for fault in error.faults]
    if isinstance(error, LiveRunError):
        more["run_id"] = error.run_id
    if isinstance(error, StaleError) and error.etag:
        more["etag"] = headers["ETag"] = error.etag
    if isinstance(error, TooManyRequestsError):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(status, str(error), headers=headers, **more)


def _wrong_request(request: Request, error: Exception) -> Response:
    """What does not fit the operation's shape; but who is not known learns nothing of that."""
    try:
        require_caller(request)
    except PipelineError as refused:
        return _pipeline_error(request, refused)
    faults: dict[str, Fault] = {}
    for fault in map(fault_of, cast("RequestValidationError", error).errors()):
        faults.setdefault(fault.field, fault)
    return _pipeline_error(request, InvalidValueError(list(faults.values())))


def _http_error(_: Request, error: Exception) -> Response:
    refused = cast("HTTPException", error)
    status = HTTPStatus(refused.status_code)
    status = _OTHER_NAMES.get(status, status)
    more: dict[str, Any] = {"faults": []} if status is HTTPStatus.UNPROCESSABLE_ENTITY else {}
    # Only the limit of a body says more than its status does.
    said = refused.detail if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE else status.description
    return problem(status, _SENTENCES.get(status, said), headers=refused.headers, **more)


def _at_once(_: Request, error: Exception) -> Response:
    _log.info("web.at_once", error=str(error).splitlines()[0])
    return problem(HTTPStatus.CONFLICT, _AT_ONCE)


def _collision(_: Request, error: Exception) -> Response:
    met = cast("CollisionError", error)
    _log.info("web.collision", error=str(met.orig).partition("\n")[0])
    return problem(HTTPStatus.CONFLICT, met.message)


def _unexpected(_: Request, __: Exception) -> Response:
    """Say nothing of what it was; the server logs it."""
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong that should not. The log says what.")
