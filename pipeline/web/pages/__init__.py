"""The console: pages for people, made on the server; what they change goes through the API."""

from typing import Final

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from pipeline.web.pages import (
    account,
    account_security,
    articles,
    calendar,
    keywords,
    log_in,
    planned,
    platform,
    runs,
    settings,
    sites,
    wizard,
)

ROUTERS: Final = tuple(
    part.router
    for part in (
        *(log_in, sites, wizard, settings, runs, calendar, keywords, planned, articles),
        *(account, account_security, platform),
    )
)
STATIC: Final = "/static"


def add_pages(app: FastAPI) -> None:
    """Let `app` answer people."""
    for router in ROUTERS:
        app.include_router(router)
    files = StaticFiles(packages=[("pipeline.web.pages", "static")])
    app.mount(STATIC, GZipMiddleware(files, minimum_size=500), name="static")
