"""Owns the figure of long lists: pages of a site's keywords where PostgreSQL holds a million of them."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI
from sqlalchemy import text

from benchmarks.asking import Headers, bearer, milliseconds, unhurried
from benchmarks.figures import Figure, rounded
from pipeline.core.roles import Role
from pipeline.db.migrate import upgrade
from pipeline.db.session import Database
from pipeline.services import accounts, api_keys, sites
from tests.support.postgres import postgres_server

_AIM_MILLISECONDS: Final = 50
#: One site has nine tenths of them, a hundred sites share the rest.
_SITES: Final = 101
_MAKE: Final = text(
    "INSERT INTO keywords (account_id, site_id, text, normalised, volume, status, times_tried, created_at) "
    "SELECT :account, CASE WHEN n % 10 = 0 THEN :first + 1 + n / 10 % 100 ELSE :first END, word, word, n % 5000, "
    "CASE WHEN n % 1000 = 0 THEN 'needs_attention' WHEN n % 3 = 0 THEN 'clustered' ELSE 'new' END, 0, now() "
    "FROM (SELECT n, (ARRAY['standing', 'quiet', 'ergonomic', 'oak'])[1 + n % 4] || ' desk ' || n AS word "
    "FROM generate_series(1, :count) AS n) AS made"
)
#: Pages that nobody times: statements are prepared by them.
_FIRST: Final = 10
_LISTS: Final[dict[str, str]] = {
    "from anywhere": "after={after}",
    "of a common status": "after={after}&status=new",
    "of a rare status": "after={after}&status=needs_attention",
    "that hold a common word": "after={after}&text=quiet",
    "that hold what none holds": "after={after}&text=armchair",
}


def figures(*, quick: bool) -> Iterator[Figure]:
    """Milliseconds within which 95 of 100 pages are answered, each from another place of the list."""
    count, pages = (20_000, 20) if quick else (1_000_000, 200)
    with postgres_server(durable=True) as server:
        database = Database(server.create_database("lists"))
        site_id, key = _made(database, count)
        app, headers = unhurried(database), bearer(key)
        for name, query in _LISTS.items():
            _milliseconds(app, f"/api/v1/sites/{site_id}/keywords?{query}", headers, count, _FIRST)
            seen = _milliseconds(app, f"/api/v1/sites/{site_id}/keywords?limit=100&{query}", headers, count, pages)
            seen.sort()
            more: dict[str, Any] = {"median_page": rounded(statistics.median(seen)), "slowest_page": rounded(seen[-1])}
            p95 = seen[len(seen) * 95 // 100]
            what = f"p95 of pages of {count:,} keywords {name}"
            yield Figure(what, "milliseconds", [p95], aim=_AIM_MILLISECONDS, more=more)
        database.dispose()


def _milliseconds(app: FastAPI, address: str, headers: Headers, count: int, pages: int) -> list[float]:
    chosen = random.Random(1)
    return milliseconds(app, (address.format(after=chosen.randrange(count)) for _ in range(pages)), headers)


def _made(database: Database, count: int) -> tuple[int, str]:
    """The largest site, and a key to it that is marked as used."""
    upgrade(database)
    now = database.now()
    with database.transaction() as session:
        account = accounts.init_installation(session, now=now)
        made = [
            sites.add_site(session, account_id=account.id, name=f"site {number}", timezone="UTC", now=now).id
            for number in range(_SITES)
        ]
        key = api_keys.make_key(session, account_id=account.id, role=Role.VIEWER, now=now)
        key.row.last_used_at = now
        session.execute(_MAKE, {"account": account.id, "first": made[0], "count": count})
    with database.engine.connect() as connection:
        connection.execute(text("ANALYZE keywords"))
        connection.commit()
    return made[0], key.key
