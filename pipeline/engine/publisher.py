"""Owns the carrying out of one publication: claim and commit, then the site, then finalise.

A kill between any two steps leaves a lease that ends; the next publisher does it again, which the site shows once.
Never: a transaction while the site is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from pipeline import failpoints
from pipeline.config import Config, config
from pipeline.db.session import DATABASE_AWAY, Database
from pipeline.engine import articles, visits
from pipeline.engine.articles import Destination, Opener
from pipeline.engine.media import MediaStore
from pipeline.engine.renewals import Renewal
from pipeline.engine.visits import Visit
from pipeline.logs import get_logger
from pipeline.models import Site
from pipeline.services import publications, run_traces, site_notes
from pipeline.services.publications import Claim, Limits, Work
from pipeline.sites.port import (
    Article,
    Placed,
    SiteError,
    SiteOutcomeUnknownError,
    SiteRefusedError,
    SiteTarget,
    SiteUnavailableError,
)

_log = get_logger(__name__)
#: No site is waited for longer, whatever it asks for.
_LONGEST_PAUSE_SECONDS: Final = 86_400


def publish(
    database: Database,
    publication_id: int,
    *,
    open_target: Opener = Destination.open,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Carry out one publication, if it is due; any number of copies of the message do it once."""
    limits = limits_of(config())
    claim = _claim(database, publication_id, limits)
    if claim is None:
        return
    failpoints.hit("publication.claimed")
    visit = Visit(claim, sleep=sleep)
    try:
        _carry_out(database, visit, open_target, limits)
    except SiteRefusedError as error:
        _give_up(database, visit, error.message)
    except visits.ClaimLostError:
        _log.info("publication_taken_over", publication_id=publication_id)
    except visits.NotShownYetError:
        with database.transaction() as session:
            publications.look_again(session, claim, limits=limits, now=database.now())
    except (SiteUnavailableError, SiteOutcomeUnknownError) as error:
        _try_later(database, visit, error, limits)
    except DATABASE_AWAY:
        raise  # Its lease ends, and the next one does it.
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it must not be sent for ever
        _log.exception("publication_failed", publication_id=publication_id)
        _give_up(database, visit, _sentence(error))


def limits_of(settings: Config) -> Limits:
    """The configured limits of publishing."""
    return Limits(
        lease=timedelta(seconds=settings.lease_seconds),
        retries=[timedelta(minutes=minutes) for minutes in settings.publish_retry_minutes],
        spacing=timedelta(seconds=settings.overdue_spacing_seconds),
        grace=timedelta(seconds=settings.overdue_grace_seconds),
        lookup_window=timedelta(seconds=settings.lookup_window_seconds),
        draft_ahead=timedelta(seconds=settings.draft_ahead_seconds),
    )


def _claim(database: Database, publication_id: int, limits: Limits) -> Claim | None:
    try:
        with database.transaction() as session:
            return publications.claim(session, publication_id, limits=limits, now=database.now())
    except DATABASE_AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - the same: a row that nobody can claim is a person's
        _log.exception("publication_not_claimed", publication_id=publication_id)
        with database.transaction() as session:
            publications.set_aside(session, publication_id, _sentence(error), now=database.now())
        return None


def _carry_out(database: Database, visit: Visit, open_target: Opener, limits: Limits) -> None:
    claim = visit.claim
    destination, article = _read(database, claim)
    destination.notes.may_have_left_something = claim.was_tried
    destination.notes.going_on = Renewal(database, claim, limits)
    site = open_target(destination)
    try:
        placed = _at_the_site(site, visit, article, limits, now=database.now())
    finally:
        # What was uploaded and found lies there, whatever came after.
        _keep_notes(database, claim, destination)
    if article is None:
        _taken_away(database, claim)
    elif placed is not None and _finalised(database, claim, placed, version=article.version):
        site.withdraw(placed.remote_id)


def _at_the_site(
    site: SiteTarget, visit: Visit, article: Article | None, limits: Limits, *, now: datetime
) -> Placed | None:
    claim = visit.claim
    look_until = None if claim.unknown_since is None else claim.unknown_since + limits.lookup_window
    if article is None:
        visit.take_away(site, look_until=look_until, now=now)
        return None
    if claim.work is Work.DRAFT:
        return visit.draft(site, article, look_until=look_until, now=now)
    return visit.place(site, article, look_until=look_until, now=now)


def _keep_notes(database: Database, claim: Claim, destination: Destination) -> None:
    learnt = destination.notes.take_learnt()
    if not learnt:
        return
    with database.transaction() as session:
        site = session.get_one(Site, claim.site_id)
        site_notes.save(session, site, learnt, content_id=claim.content_id)


def _read(database: Database, claim: Claim) -> tuple[Destination, Article | None]:
    """Where it goes, and what: nothing where it is to be taken away."""
    home = config().home
    with database.reading() as session:
        run_traces.link_to_run(session, claim.content_id)
        destination = articles.destination(session, claim.site_id, home=home, content_id=claim.content_id)
        if claim.work is Work.TAKE_AWAY:
            return destination, None
        media = MediaStore(home / "media")
        return destination, articles.article(session, claim.content_id, media=media, published_at=claim.published_at)


def _finalised(database: Database, claim: Claim, placed: Placed, *, version: int) -> bool:
    """Write down where it stands. Whether that is one too many: another publisher has placed it elsewhere."""
    now = database.now()
    with database.transaction() as session:
        done = publications.finalise(
            session,
            claim,
            remote_id=placed.remote_id,
            remote_url=placed.url,
            version=version,
            imprint=placed.imprint,
            now=now,
        )
        is_second = not done and publications.disown(session, claim, remote_id=placed.remote_id, now=now)
        failpoints.hit("publication.uncommitted")
    failpoints.hit("publication.recorded")
    word = "drafted" if claim.work is Work.DRAFT else "published"
    _log.info(word if done else "publication_taken_over", publication_id=claim.publication_id, url=placed.url)
    return is_second


def _taken_away(database: Database, claim: Claim) -> None:
    with database.transaction() as session:
        done = publications.taken_away(session, claim)
        if not done:
            publications.disown(session, claim, remote_id=None, now=database.now())
    _log.info("taken_away" if done else "publication_taken_over", publication_id=claim.publication_id)


def _try_later(database: Database, visit: Visit, error: SiteError, limits: Limits) -> None:
    now = database.now()
    asked = error.retry_after_seconds if isinstance(error, SiteUnavailableError) else None
    pause = None if asked is None else timedelta(seconds=min(asked, _LONGEST_PAUSE_SECONDS))
    with database.transaction() as session:
        publications.try_later(
            session,
            visit.claim,
            error.message,
            limits=limits,
            pause=pause,
            now=now,
            unseen=visit.is_unseen,
            **visit.learnt(now=now),
        )
    _log.warning("publication_put_off", publication_id=visit.claim.publication_id, attempt=visit.claim.attempt)


def _give_up(database: Database, visit: Visit, sentence: str) -> None:
    now = database.now()
    with database.transaction() as session:
        publications.give_up(session, visit.claim, sentence, now=now, **visit.learnt(now=now))
    _log.warning("publication_given_up", publication_id=visit.claim.publication_id)


def _sentence(error: Exception) -> str:
    return (
        f"It could not be carried out ({type(error).__name__}: {error}). "
        "The worker's log says more; put it right, then try again."
    )
