"""Owns the publishing of one content: claim and commit, then the site, then finalise.

A kill between any two steps leaves a lease that ends; the next publisher does it again, which the site shows once.
Never: a transaction while the site is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from pipeline.config import Config, config
from pipeline.db.session import Database
from pipeline.engine import articles
from pipeline.engine.articles import Destination
from pipeline.engine.media import MediaStore
from pipeline.logs import get_logger
from pipeline.services import publications
from pipeline.services.publications import Claim, Limits
from pipeline.sites.port import (
    Article,
    Placed,
    SiteOutcomeUnknownError,
    SiteRefusedError,
    SiteTarget,
    SiteUnavailableError,
)

_log = get_logger(__name__)
#: One request is tried this often within seconds; what lasts longer is the row's business.
_TRIES: Final = 3
_LONGEST_PAUSE_SECONDS: Final = 2

Opener = Callable[[Destination], SiteTarget]


@dataclass(frozen=True)
class _Job:
    claim: Claim
    article: Article
    destination: Destination


def publish(
    database: Database,
    publication_id: int,
    *,
    open_target: Opener = Destination.open,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Place one publication on its site, if it is to be placed now; any number of copies of the message do it once."""
    limits = limits_of(config())
    job = _claim(database, publication_id, limits)
    if job is None:
        return
    try:
        placed = _place(job, open_target(job.destination), sleep)
    except SiteRefusedError as error:
        with database.transaction() as session:
            publications.give_up(session, job.claim, error.message)
        _log.warning("publication_refused", publication_id=publication_id)
    except (SiteUnavailableError, SiteOutcomeUnknownError) as error:
        with database.transaction() as session:
            publications.try_later(
                session, job.claim, error.message, limits=limits, pause=_asked_pause(error), now=database.now()
            )
        _log.warning("publication_put_off", publication_id=publication_id, attempt=job.claim.attempt)
    else:
        _finalise(database, job.claim, placed)


def limits_of(settings: Config) -> Limits:
    """The configured limits of publishing."""
    return Limits(
        lease=timedelta(seconds=settings.lease_seconds),
        retries=[timedelta(minutes=minutes) for minutes in settings.publish_retry_minutes],
        spacing=timedelta(seconds=settings.overdue_spacing_seconds),
    )


def _claim(database: Database, publication_id: int, limits: Limits) -> _Job | None:
    home = config().home
    with database.transaction() as session:
        claim = publications.claim(session, publication_id, limits=limits, now=database.now())
        if claim is None:
            return None
        media = MediaStore(home / "media")
        article = articles.article(session, claim.content_id, media=media, published_at=claim.published_at)
        return _Job(claim, article, articles.destination(session, claim.site_id, home=home))


def _place(job: _Job, site: SiteTarget, sleep: Callable[[float], None]) -> Placed:
    """Where the article visibly stands. An outcome that nobody knows is looked up before anything else is done."""
    try:
        placed = _asking(sleep)(site.publish, job.article, remote_id=job.claim.remote_id)
    except SiteOutcomeUnknownError:
        found = _looked_up(job, site, sleep)
        if found is None:
            raise
        return found
    shown = _asking(sleep)(site.read_back, placed.remote_id)
    if shown is None:
        raise SiteUnavailableError("The site took the article, but does not show it.")
    return shown


def _looked_up(job: _Job, site: SiteTarget, sleep: Callable[[float], None]) -> Placed | None:
    if not site.has_lookup or job.claim.remote_id is None:
        return None
    return _asking(sleep)(site.read_back, job.claim.remote_id)


def _asking(sleep: Callable[[float], None]) -> Retrying:
    """Retries of one request within seconds."""
    return Retrying(
        stop=stop_after_attempt(_TRIES),
        wait=wait_exponential(multiplier=0.2, max=_LONGEST_PAUSE_SECONDS),
        retry=retry_if_exception(_passes_soon),
        sleep=sleep,
        reraise=True,
    )


def _passes_soon(error: BaseException) -> bool:
    """Whether the site is worth asking again at once: it is away, and did not ask to be left alone for longer."""
    return isinstance(error, SiteUnavailableError) and (error.retry_after_seconds or 0) <= _LONGEST_PAUSE_SECONDS


def _asked_pause(error: SiteUnavailableError | SiteOutcomeUnknownError) -> timedelta | None:
    if isinstance(error, SiteUnavailableError) and error.retry_after_seconds is not None:
        return timedelta(seconds=error.retry_after_seconds)
    return None


def _finalise(database: Database, claim: Claim, placed: Placed) -> None:
    with database.transaction() as session:
        done = publications.finalise(
            session, claim, remote_id=placed.remote_id, remote_url=placed.url, now=database.now()
        )
    _log.info("published" if done else "publication_taken_over", publication_id=claim.publication_id, url=placed.url)
