"""Owns the figure of the search: what a question over an account of a million keywords takes, on both databases."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Engine, text

from benchmarks.asking import bearer, milliseconds, unhurried
from benchmarks.figures import Figure, rounded
from pipeline.core.roles import Role
from pipeline.db.migrate import upgrade
from pipeline.db.session import Database
from pipeline.services import accounts, api_keys, sites
from tests.support.postgres import postgres_server

_AIM_MILLISECONDS: Final = 60
#: One site has nine tenths of the keywords, a hundred sites share the rest.
_SITES: Final = 101
_NUMBERS: Final = {
    "postgresql": "SELECT n FROM generate_series(1, :count) AS n",
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < :count) SELECT n FROM s",
}
_MAKE: Final = (
    "INSERT INTO keywords (account_id, site_id, text, normalised, status, times_tried, created_at) "
    "SELECT :account, CASE WHEN n % 10 = 0 THEN :first + 1 + n / 10 % 100 ELSE :first END, word, word, 'new', 0, "
    "CURRENT_TIMESTAMP FROM (SELECT n, CASE n % 4 WHEN 0 THEN 'standing' WHEN 1 THEN 'quiet' WHEN 2 THEN 'ergonomic' "
    "ELSE 'oak' END || ' desk ' || n AS word FROM ({numbers}) AS every) AS made"
)
_FIRST: Final = 5
_QUESTIONS: Final = {
    "one letter": "q",
    "a common beginning": "quiet desk",
    "one keyword": "oak desk 99",
    "a common word within": "desk",
    "what none holds": "armchair",
}


def figures(*, quick: bool) -> Iterator[Figure]:
    """Milliseconds within which 95 of 100 searches are answered, of all kinds and all sites of the account."""
    count, rounds = (20_000, 20) if quick else (1_000_000, 200)
    with postgres_server(durable=True) as server, tempfile.TemporaryDirectory() as folder:
        for address in (server.create_database("search"), f"sqlite:///{Path(folder) / 'search.db'}"):
            database = Database(address)
            key = _made(database, count)
            yield from _of(database, key, count, rounds)
            database.dispose()


def _of(database: Database, key: str, count: int, rounds: int) -> Iterator[Figure]:
    app, headers, kind = unhurried(database), bearer(key), database.engine.dialect.name
    for name, question in _QUESTIONS.items():
        path = f"/api/v1/search?q={quote(question)}"
        milliseconds(app, repeat(path, _FIRST), headers)
        seen = sorted(milliseconds(app, repeat(path, rounds), headers))
        more: dict[str, Any] = {"median_search": rounded(statistics.median(seen)), "slowest": rounded(seen[-1])}
        what = f"p95 of searches of {count:,} keywords in {kind} for {name}"
        yield Figure(what, "milliseconds", [seen[len(seen) * 95 // 100]], aim=_AIM_MILLISECONDS, more=more)


def _made(database: Database, count: int) -> str:
    """A key to an account with so many keywords, marked as used."""
    upgrade(database)
    now = database.now()
    numbers = _NUMBERS[database.engine.dialect.name]
    with database.transaction() as session:
        account = accounts.init_installation(session, now=now)
        made = [
            sites.add_site(session, account_id=account.id, name=f"site {number}", timezone="UTC", now=now).id
            for number in range(_SITES)
        ]
        key = api_keys.make_key(session, account_id=account.id, role=Role.VIEWER, now=now)
        key.row.last_used_at = now
        told = {"account": account.id, "first": made[0], "count": count}
        session.execute(text(_MAKE.format(numbers=numbers)), told)
    _analyse(database.engine)
    return key.key


def _analyse(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("ANALYZE keywords"))
        connection.commit()
