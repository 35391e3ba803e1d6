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
    help,  # noqa: A004 - the page's name
    keywords,
    library,
    log_in,
    notifications,
    planned,
    plans,
    platform,
    publisher,
    run_stream,
    runs,
    settings,
    site,
    sites,
    wizard,
)

ROUTERS: Final = tuple(
    part.router
    for part in (
        *(log_in, sites, site, wizard, settings, runs, calendar, keywords, library, planned, articles, publisher),
        *(account, account_security, plans, notifications, platform, help),
    )
)
STATIC: Final = "/static"


def add_pages(app: FastAPI) -> None:
    """Let `app` answer people."""
    for router in ROUTERS:
        app.include_router(router)
    app.include_router(run_stream.router)
    files = StaticFiles(packages=[("pipeline.web.pages", "static")])
    app.mount(STATIC, GZipMiddleware(files, minimum_size=500), name="static")
