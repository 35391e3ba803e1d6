"""Owns the figure of the console: every page of a site with a million keywords and ten thousand planned articles."""

from __future__ import annotations

import re
import statistics
import tempfile
from collections.abc import Iterator
from itertools import repeat
from typing import Any, Final

from fastapi import FastAPI
from sqlalchemy import text
from starlette.routing import Route

from benchmarks.asking import Headers, milliseconds, unhurried
from benchmarks.counting import drive
from benchmarks.figures import Figure, rounded
from benchmarks.worlds import LOCAL_SET, make_world
from pipeline.config import config, load_config, use_config
from pipeline.core.catalog import STAGES
from pipeline.core.roles import Role
from pipeline.db.session import Database
from pipeline.models import Site
from pipeline.services import calendar, log_ins, runs, users, webhooks
from pipeline.services import settings as site_settings
from pipeline.web.cookies import COOKIE
from pipeline.web.pages import ROUTERS
from tests.support.approved import add_approved
from tests.support.postgres import postgres_server
from tests.support.seven_stages import the_seven_stages

_AIM_MILLISECONDS: Final = 60
#: Looks that nobody times: statements are prepared and templates compiled by them.
_FIRST: Final = 3
#: They show nothing of a site: who is not known is asked here, and the other leads elsewhere.
_NO_PAGES: Final = {"/login", "/switch"}
#: As a new site has them, more or less: the measured run had none.
_LIMITS: Final = {f"stages.{stage.number}.per_run_limit": "50" for stage in STAGES}
_KEYWORDS: Final = text(
    "INSERT INTO keywords (account_id, site_id, text, normalised, volume, status, times_tried, created_at) "
    "SELECT :account, :site, word, word, n % 5000, "
    "CASE WHEN n % 1000 = 0 THEN 'needs_attention' WHEN n % 3 = 0 THEN 'clustered' ELSE 'new' END, 0, now() "
    "FROM (SELECT n, (ARRAY['standing', 'quiet', 'ergonomic', 'oak'])[1 + n % 4] || ' desk ' || n AS word "
    "FROM generate_series(1, :count) AS n) AS made"
)


def figures(*, quick: bool) -> Iterator[Figure]:
    """Milliseconds within which 95 of 100 looks at a page are answered, by the slowest page; network left out."""
    keywords, articles, looks = (20_000, 500, 5) if quick else (1_000_000, 10_000, 60)
    with postgres_server(durable=True) as server, tempfile.TemporaryDirectory(prefix="igny8-bench-") as home:
        use_config(load_config({"IGNY8_HOME": home}))
        database = Database(server.create_database("console"))
        ids = _made(database, keywords, articles)
        app, headers = unhurried(database), _logged_in(database, ids)
        with the_seven_stages():
            seen = {address: _looked_at(app, address, headers, looks) for address in addresses(ids)}
            live = _live_run(database, ids["site_id"])
            seen[live] = _looked_at(app, live, headers, looks)
        database.dispose()
    p95 = {address: sorted(each)[len(each) * 95 // 100] for address, each in seen.items()}
    slowest = sorted(p95, key=lambda address: -p95[address])
    more: dict[str, Any] = {
        "slowest": {address: rounded(p95[address]) for address in slowest[:25]},
        "median_page": rounded(statistics.median(p95.values())),
        "pages": len(p95),
    }
    name = f"p95 of the slowest page, {keywords:,} keywords and {articles:,} scheduled, PostgreSQL"
    yield Figure(name, "milliseconds", [p95[slowest[0]]], aim=_AIM_MILLISECONDS, more=more)


def addresses(ids: dict[str, int]) -> list[str]:
    """Every page, the ids of its address filled in."""
    paths = {route.path for router in ROUTERS for route in router.routes if isinstance(route, Route)} - _NO_PAGES
    return sorted(re.sub(r"\{(\w+)(?::int)?\}", lambda found: str(ids[found[1]]), path) for path in paths)


def _live_run(database: Database, site_id: int) -> str:
    """The page of a run that has all its stages ahead: what is expected of it is found out at each look."""
    with database.transaction() as session:
        started = runs.start(session, site=session.get_one(Site, site_id), now=database.now())
    return f"/automation/runs/{started.run_id}"


def _looked_at(app: FastAPI, address: str, headers: Headers, looks: int) -> list[float]:
    milliseconds(app, repeat(address, _FIRST), headers)
    return milliseconds(app, repeat(address, looks), headers)


def _made(database: Database, keywords: int, articles: int) -> dict[str, int]:
    """A site whose run is over, with all its keywords and articles; by the names that addresses have."""
    (site_id,) = make_world(database, LOCAL_SET, site_count=1, items=200)
    drive(database, site_id)
    now = database.now()
    with database.transaction() as session:
        site = session.get_one(Site, site_id)
        contents = add_approved(session, site, articles, now=now)
        session.execute(_KEYWORDS, {"account": site.account_id, "site": site.id, "count": keywords})
        site_settings.apply(session, site, _LIMITS, now=now)
        account_id = site.account_id
        url, home = "https://desks.example/told", config().home
        webhook = webhooks.add(session, account_id=account_id, url=url, kinds=(), home=home, now=now).webhook
        webhook_id = webhook.id
    with database.transaction() as session:
        calendar.fill(session, site_id, now=now, limit=articles)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        run_id = connection.execute(text("SELECT max(id) FROM runs")).scalar_one()
    ids = {"account_id": account_id, "site_id": site_id, "content_id": contents[0], "run_id": run_id}
    return {**ids, "webhook_id": webhook_id}


def _logged_in(database: Database, ids: dict[str, int]) -> Headers:
    """The cookie of a person who may look at everything."""
    now = database.now()
    with database.transaction() as session:
        email = "ada@example.com"
        user = users.add(session, account_id=ids["account_id"], email=email, role=Role.PLATFORM_ADMIN, now=now)
        token = log_ins.begin(session, user, now=now).token
    return [(b"cookie", f"{COOKIE}={token}".encode())]
