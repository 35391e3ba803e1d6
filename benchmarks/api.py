"""Owns the figures of the API: what reading all settings of a site costs, beside a bare route of the same bytes.

Those of uploads and of long lists are in modules of their own.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Response
from sqlalchemy import bindparam, select

from benchmarks import site_lists, uploads
from benchmarks.asking import Headers, asked, bearer, unhurried
from benchmarks.counting import counting
from benchmarks.figures import Figure
from pipeline.core.roles import Role
from pipeline.db.migrate import upgrade
from pipeline.db.session import Database
from pipeline.models import SiteAutomationSettings
from pipeline.services import accounts, api_keys, sites

#: The module; its package has a function of that name.
_documents: Final[Any] = import_module("pipeline.services.settings.document")
#: What SQLite is told first is no statement of ours.
_BEGIN: Final = 1
_ROW: Final = select(SiteAutomationSettings.version).where(SiteAutomationSettings.site_id == bindparam("site"))


def figures(*, quick: bool) -> Iterator[Figure]:
    """Microseconds of this process's CPU a request, both apps called in turn, server and network left out."""
    count, rounds = (50, 1) if quick else (1_000, 9)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder)}/igny8.db")
        upgrade(database)
        path, key = _made(database)
        app, headers = unhurried(database), bearer(key)
        body = asyncio.run(asked(app, path, headers, 20))
        bare = _bare(database, body)
        asyncio.run(asked(bare, "/1", [], 20))
        with counting(database, engine=database.reader) as counted:
            asyncio.run(asked(app, path, headers, 1))
        seen, anew, baseline = [], [], []
        for _ in range(rounds):
            seen.append(_microseconds(app, path, headers, count))
            with _forgetting():
                anew.append(_microseconds(app, path, headers, count))
            baseline.append(_microseconds(bare, "/1", [], count))
        database.dispose()
    named = "a bare route of FastAPI: one SELECT, the same bytes"
    more = {"statements": counted["statements"] - _BEGIN, "bytes": len(body)}
    yield Figure("GET unified-settings", "microseconds of CPU", seen, named, baseline, aim=1.5, more=more)
    yield Figure("GET unified-settings, never read before", "microseconds of CPU", anew, named, baseline, more=more)
    yield from uploads.figures(quick=quick)
    yield from site_lists.figures(quick=quick)


@contextmanager
def _forgetting() -> Iterator[None]:
    """No document is remembered meanwhile: each is made anew."""
    remembering = _documents._json_of  # noqa: SLF001 - a document that was never read has no other name
    _documents._json_of = remembering.__wrapped__  # noqa: SLF001 - the same
    try:
        yield
    finally:
        _documents._json_of = remembering  # noqa: SLF001 - the same


def _made(database: Database) -> tuple[str, str]:
    """Where a site's settings are, and a key to them that is marked as used."""
    now = database.now()
    with database.transaction() as session:
        account = accounts.init_installation(session, now=now)
        site = sites.add_site(session, account_id=account.id, name="Desks", timezone="Europe/Berlin", now=now)
        made = api_keys.make_key(session, account_id=account.id, role=Role.VIEWER, now=now)
    return f"/api/v1/sites/{site.id}/unified-settings/", made.key


def _bare(database: Database, body: bytes) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/{site_id}")
    def show(site_id: int) -> Response:
        with database.reading() as session:
            session.execute(_ROW, {"site": site_id}).one()
        return Response(body, media_type="application/json")

    return app


def _microseconds(app: FastAPI, path: str, headers: Headers, count: int) -> float:
    began = time.process_time()
    asyncio.run(asked(app, path, headers, count))
    return (time.process_time() - began) * 1_000_000 / count
