"""Owns a check of a site: begin and commit, then the site, then write down what was found.

A kill between any two steps leaves a lease that ends; the site is looked at again within the hour.
Never: a transaction while the site is asked; a change at the site.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sqlalchemy.exc import OperationalError

from pipeline.config import config
from pipeline.db.session import Database
from pipeline.engine import articles
from pipeline.engine.articles import Destination, Opener
from pipeline.engine.visits import asking
from pipeline.logs import get_logger
from pipeline.models import Site
from pipeline.services import site_edits, site_health, site_notes, site_titles
from pipeline.services.site_health import Check, Health
from pipeline.sites import Login, SiteKind, target
from pipeline.sites.port import (
    ComparingTarget,
    DraftingTarget,
    SiteError,
    SiteTarget,
    Standing,
    StandingTitle,
    TitledTarget,
)

#: Articles that a check compares: its cost has a bound, however much was published.
ARTICLES_A_CHECK: Final = 50
#: Portions of titles that a check learns at most, a hundred each.
TITLES_A_CHECK: Final = 20
_BROKE: Final = "The site's answer makes no sense: the check of it could not be finished. Look at the logs for why."
_log = get_logger(__name__)


@dataclass(frozen=True)
class Connection:
    """How a site would be reached."""

    url: str
    username: str
    password: str = field(repr=False)
    timezone: str


def check(
    database: Database,
    site_id: int,
    *,
    most: int = ARTICLES_A_CHECK,
    open_target: Opener = Destination.open,
    sleep: Callable[[float], None] = time.sleep,
) -> Health | None:
    """Check one site now; None where another check of it is under way, or there is no such site."""
    settings = config()
    with database.transaction() as session:
        lease = timedelta(seconds=settings.lease_seconds)
        begun = site_health.begin(session, site_id, most=most, lease=lease, now=database.now())
        if begun is None:
            return None
        destination = articles.destination(session, site_id, home=settings.home)
    try:
        site = open_target(destination)
        notes = asking(site.check, sleep=sleep)
        found, seen = _found(site, begun), _seen(site, begun)
        titles = site.new_titles(portions=TITLES_A_CHECK) if isinstance(site, TitledTarget) else ()
        health = _answered(database, begun, destination, found=found, seen=seen, notes=notes, titles=titles)
    except SiteError as error:
        _log.warning("site_failing", site_id=site_id, error=error.message)
        return _failed(database, begun, error.message)
    except OperationalError:
        raise  # The database is away, not the site.
    except Exception:  # noqa: BLE001 - a site may answer anything at all
        # Whatever a site answers, its check ends, and people read that it failed.
        _log.exception("site_check_broke", site_id=site_id)
        return _failed(database, begun, _BROKE)
    _log.info("site_checked", site_id=site_id, articles=len(found), news=len(health.news) if health else None)
    return health


def _answered(
    database: Database,
    begun: Check,
    destination: Destination,
    *,
    found: Mapping[int, Standing],
    seen: Collection[str],
    notes: Sequence[str],
    titles: Sequence[StandingTitle],
) -> Health | None:
    with database.transaction() as session:
        health = site_health.answered(session, begun, found, seen=seen, notes=notes, now=database.now())
        row = session.get_one(Site, begun.site_id)
        site_notes.save(session, row, destination.notes.take_learnt(), content_id=None)
        site_titles.save(session, row, titles)
    return health


def _failed(database: Database, begun: Check, error: str) -> Health | None:
    with database.transaction() as session:
        return site_health.failed(session, begun, error, now=database.now())


def preflight(connection: Connection) -> Sequence[str]:
    """Ask a site, before anything is saved, whether it could take an article; what a person should know all the same.

    SiteRefusedError and SiteUnavailableError say why it could not, InvalidValueError why it is not even asked.
    """
    settings = config()
    site_edits.refuse_address(connection.url)
    login = Login(
        username=connection.username,
        password=connection.password,
        key="preflight",
        timeout_seconds=float(settings.site_timeout_seconds),
        allow_private=settings.allow_private_sites,
    )
    site = target(
        SiteKind.SITE, site_name="", timezone=connection.timezone, base_url=connection.url.strip(), login=login
    )
    return site.check()


def _seen(site: SiteTarget, begun: Check) -> Collection[str]:
    """Drafts that still are ours: at their slots they need no look of their own."""
    drafts = {draft.remote_id: draft.content_id for draft in begun.drafts}
    return site.still_ours(drafts) if drafts and isinstance(site, DraftingTarget) else ()


def _found(site: SiteTarget, begun: Check) -> dict[int, Standing]:
    """How each article of the check stands; an article that never got a name at its site cannot be there."""
    known = {placement.remote_id: placement.imprint for placement in begun.placements if placement.remote_id}
    if isinstance(site, ComparingTarget):
        stands = dict(site.standings(known))
    else:
        stands = {remote_id: site.standing(remote_id, imprint=imprint) for remote_id, imprint in known.items()}
    return {
        placement.publication_id: Standing.DELETED if placement.remote_id is None else stands[placement.remote_id]
        for placement in begun.placements
    }
