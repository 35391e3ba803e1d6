"""The console: pages for people, made on the server; what they change goes through the API."""

from typing import Final

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from pipeline.web.pages import (
    account,
    articles,
    calendar,
    keywords,
    log_in,
    planned,
    platform,
    run_stream,
    runs,
    settings,
    sites,
)

ROUTERS: Final = tuple(
    part.router for part in (log_in, sites, settings, runs, calendar, keywords, planned, articles, account, platform)
)
STATIC: Final = "/static"


def add_pages(app: FastAPI) -> None:
    """Let `app` answer people."""
    for router in ROUTERS:
        app.include_router(router)
    app.include_router(run_stream.router)
    app.mount(STATIC, StaticFiles(packages=[("pipeline.web.pages", "static")]), name="static")
