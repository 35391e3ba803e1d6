"""Owns the app that answers HTTP: what it is made of, and what it stands on."""

from __future__ import annotations

from typing import Final, cast

from fastapi import FastAPI
from starlette.types import ASGIApp

from pipeline.config import config
from pipeline.db.session import Database
from pipeline.db.session import database as own_database
from pipeline.engine.app import app as celery
from pipeline.engine.app import connect_to
from pipeline.engine.dispatch import publish_stage
from pipeline.services.keyword_files import MAX_FILE_BYTES
from pipeline.web import feeds, health, metrics
from pipeline.web.api import PREFIX, ROUTERS
from pipeline.web.api.keyword_uploads import IMPORT_PATH_END
from pipeline.web.errors import handle_errors
from pipeline.web.gate import Gate
from pipeline.web.limits import BodyLimit
from pipeline.web.openapi import DESCRIPTION, describe
from pipeline.web.operations import Backend
from pipeline.web.pages import add_pages
from pipeline.web.pages.errors import tell_people, told_apart
from pipeline.web.pages.pace import Paces
from pipeline.web.pages.run_stream import PageWatch
from pipeline.web.precautions import Precautions
from pipeline.web.rates import Rates
from pipeline.web.request_contexts import RequestContexts
from pipeline.web.run_watch import RunWatch
from pipeline.web.strangers import Strangers

MAX_BODY_BYTES: Final = 1_000_000
OPENAPI_PATH: Final = f"{PREFIX}/openapi.json"
#: All that answers who is not known.
PUBLIC_PATHS: Final = frozenset({"/healthz", "/livez", OPENAPI_PATH, f"{PREFIX}/login", feeds.PATH})


class Installation:
    """This installation: its own database, its own broker."""

    def database(self) -> Database:
        """The process's database."""
        return own_database()

    def send(self, stage_run_id: int) -> None:
        """Send it now; where the broker is away, beat sends it later."""
        # The embedded broker may have come, or moved, since this process began.
        connect_to(config().broker_address)
        publish_stage(self.database(), stage_run_id)


class App(FastAPI):
    """An app all of whose answers carry what they must, also that to an error which nobody expected."""

    def build_middleware_stack(self) -> ASGIApp:
        """The framework's own, whose outermost part answers such errors, within ours."""
        return RequestContexts(Precautions(super().build_middleware_stack()))


def create_app(backend: Backend | None = None) -> FastAPI:
    """An app on `backend` (default: this installation), the stages known."""
    celery.loader.import_default_modules()
    app = App(
        title="IGNY8 Pipeline",
        version="1",
        description=DESCRIPTION,
        openapi_url=OPENAPI_PATH,
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(BodyLimit, most_bytes=MAX_BODY_BYTES, larger={IMPORT_PATH_END: MAX_FILE_BYTES})
    app.state.backend = backend or Installation()
    app.add_middleware(Gate, answer=told_apart)
    app.state.strangers = Strangers(config().strangers_a_minute)
    app.state.rates = Rates(config().requests_a_minute)
    app.state.paces = Paces()
    for watch in (RunWatch, PageWatch):
        setattr(app.state, watch.name, watch(lambda: cast("Backend", app.state.backend).database()))
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX)
    app.include_router(health.router)
    app.include_router(feeds.router)
    app.include_router(metrics.router)
    add_pages(app)
    handle_errors(app)
    tell_people(app)
    describe(app, public=PUBLIC_PATHS)
    return app
