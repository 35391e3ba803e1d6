"""Owns `/livez` and `/healthz`: whether this process lives, and whether it can do its work."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Final, Literal

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from pipeline.web.answers import problems
from pipeline.web.errors import problem

router = APIRouter(tags=["health"])
#: Anybody may ask: within this, whoever does is told what the last one was.
_HEALTHY_SECONDS: Final = 1
_log = structlog.get_logger()


class Health(BaseModel):
    """All is well."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: Literal["ok"] = "ok"


@router.get("/livez", operation_id="live", response_model=Health)
async def live() -> Health:
    """Say that this process answers. Needs no key, no thread and no database: where it fails, start it again."""
    return Health()


@router.get("/healthz", operation_id="health", response_model=Health, responses=problems(503))
def health(request: Request) -> Health | Response:
    """Say whether the database can be read: where it fails, ask another process. Needs no key."""
    state = request.app.state
    if getattr(state, "healthy_until", 0) > time.monotonic():
        return Health()
    try:
        with state.backend.database().reading() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        _log.warning("web.database_not_read", error=type(error).__name__)
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "The database cannot be read. `igny8 doctor` says why.")
    state.healthy_until = time.monotonic() + _HEALTHY_SECONDS
    return Health()
