"""The operations below `/api/v1`, by noun: what a caller may ask, and what is answered."""

from typing import Final

from fastapi import APIRouter

from pipeline.web.api import calendar, content, credit, decisions, runs, settings, sites

PREFIX: Final = "/api/v1"

router = APIRouter(prefix=PREFIX)
for part in (sites, settings, runs, decisions, calendar, content, credit):
    router.include_router(part.router)
