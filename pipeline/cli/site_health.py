"""Owns `site test|sync`: a check of a site now, and what stands there otherwise than it was published."""

from __future__ import annotations

from typing import Any, Final

import typer

from pipeline.cli.edge import account_of, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, SiteArgument
from pipeline.cli.output import document, note, say, table
from pipeline.core.errors import ConflictError
from pipeline.core.words import counted
from pipeline.db.session import Database
from pipeline.models import Site
from pipeline.services import site_health, sites
from pipeline.services.site_health import Health

#: A test checks so many articles, and goes on where the last check ended.
_ARTICLES_OF_A_TEST: Final = 50
_DRIFTED_SHOWN: Final = 1_000


def check(site: SiteArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Check whether a site could take an article, and some that stand there; exit 1 where it fails."""
    database = ready_database()
    with database.reading() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
    health = _checked(database, row, most=_ARTICLES_OF_A_TEST)
    if as_json:
        document({"id": row.id, **_health_json(health)})
    elif health.error is None:
        say(f"{row.name} answers ({health.status}); {_counted(health.looked_at)}.")
        for news in (*health.news, *health.notes):
            say(news)
    _fail_where_it_fails(row, health)


def check_all(site: SiteArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Check everything that was published to a site, and list what stands there otherwise; exit 1 where it fails."""
    database = ready_database()
    with database.reading() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        published = site_health.count_published(session, row)
    health = _checked(database, row, most=published + 1)
    if health.looked_at < published:
        # It went on where the last check had ended, to the end: now from the first.
        health = _checked(database, row, most=published + 1)
    with database.reading() as session:
        drifted = site_health.drifted(session, row, limit=_DRIFTED_SHOWN)
    if as_json:
        listed = [{"content_id": content_id, "title": title, "drift": drift} for content_id, title, drift in drifted]
        document({"id": row.id, **_health_json(health), "published": published, "drifted": listed})
    elif health.error is None:
        stand = "stands" if len(drifted) == 1 else "stand"
        say(f"{row.name}: {_counted(published)}, {len(drifted)} {stand} otherwise than published.")
        if drifted:
            table(["content", "title", "at the site"], drifted, right=["content"])
    _fail_where_it_fails(row, health)


def _checked(database: Database, site: Site, *, most: int) -> Health:
    from pipeline.engine import site_checks

    health = site_checks.check(database, site.id, most=most)
    if health is None:
        raise ConflictError(f"{site.name} is being looked at right now. Try again in a minute.")
    return health


def _health_json(health: Health) -> dict[str, Any]:
    return {
        "status": health.status,
        "error": health.error,
        "looked_at": health.looked_at,
        "news": list(health.news),
        "notes": list(health.notes),
    }


def _counted(articles: int) -> str:
    return f"{counted(articles, 'article')} {'was' if articles == 1 else 'were'} looked at"


def _fail_where_it_fails(site: Site, health: Health) -> None:
    if health.error is not None:
        note(f"{site.name} takes no articles: {health.error}")
        raise typer.Exit(1)
