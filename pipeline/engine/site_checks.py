"""Owns a look at a site: begin and commit, then the site, then write down what was found.

A kill between any two steps leaves a lease that ends; the site is looked at again within the hour.
Never: a transaction while the site is asked; a change at the site.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from pipeline.config import config
from pipeline.db.session import Database
from pipeline.engine import articles
from pipeline.engine.articles import Destination
from pipeline.logs import get_logger
from pipeline.services import site_health
from pipeline.services.site_health import Health, Look
from pipeline.sites.port import SiteError, SiteTarget, Standing

#: Articles a look compares: the cost of a check has a bound, however much was published.
ARTICLES_A_LOOK: Final = 50
_log = get_logger(__name__)

Opener = Callable[[Destination], SiteTarget]


def check(
    database: Database, site_id: int, *, most: int = ARTICLES_A_LOOK, open_target: Opener = Destination.open
) -> Health | None:
    """Look at one site now; None where another look at it is under way, or there is no such site."""
    settings = config()
    with database.transaction() as session:
        lease = timedelta(seconds=settings.lease_seconds)
        look = site_health.begin(session, site_id, most=most, lease=lease, now=database.now())
        if look is None:
            return None
        destination = articles.destination(session, site_id, home=settings.home)
    try:
        found = _found(open_target(destination), look)
    except SiteError as error:
        with database.transaction() as session:
            health = site_health.failed(session, look, error.message, now=database.now())
        _log.warning("site_failing", site_id=site_id, error=error.message)
    else:
        with database.transaction() as session:
            health = site_health.answered(session, look, found, now=database.now())
        _log.info("site_checked", site_id=site_id, articles=len(found), news=len(health.news) if health else None)
    return health


def _found(site: SiteTarget, look: Look) -> dict[int, Standing]:
    """How each article of the look stands; an article that never got a name at its site cannot be there."""
    site.check()
    return {
        placement.publication_id: Standing.DELETED
        if placement.remote_id is None
        else site.standing(placement.remote_id)
        for placement in look.placements
    }
