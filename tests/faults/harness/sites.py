"""Owns the sites under fault: the same keywords each, an account of its own each, one run each, and all published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.core.money import ucr
from pipeline.core.states import LIVE_RUNS, ContentStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.engine import dispatch
from pipeline.models import Account, CalendarSlot, Content, Lane, Publication, Run, Site, StageItem, StageRun
from pipeline.services import credits as ledger
from pipeline.services import keywords, publications, runs, settings, site_edits, sites
from pipeline.services.calendar import Follow
from tests.support.rest_site import PASSWORD, USER

#: Two heads, so that stage 1 has something to tell apart, and titles enough for stage 2.
KEYWORDS: Final = tuple(
    f"{head} {tail}"
    for head in ("espresso machine", "camping tent")
    for tail in ("for beginners", "cleaning", "under 200", "reviews", "storage", "repair")
)
_CREDITS: Final = ucr(1_000)
_SHARED: Final = {
    "delays.within_stage": "0",
    "delays.between_stage": "0",
    "content.ideas_per_cluster": "2",
    "content.in_article_images": "1",
    "stages.4.per_run_limit": "2",
}
_THREE_LANES: Final = {f"stages.{number}.concurrency": "3" for number in (4, 5, 6)}
#: How the same keywords are worked on. Each is such that its rows are the same in every run: where the answer to one
#: question depends on the answers before it (stages 1 and 2), one lane asks.
VARIANTS: Final[Mapping[str, Mapping[str, str]]] = {
    "delays": {**_SHARED, "delays.between_stage": "1"},
    "one lane": {**_SHARED, "stages.1.batch_size": "5"},
    "three lanes": {**_SHARED, **_THREE_LANES, "stages.4.per_run_limit": "4"},
    # Each keyword is alone in its batch: a death of it is an attempt, and splits nothing.
    "one by one": {**_SHARED, "stages.1.batch_size": "1"},
    "one by one, three lanes": {
        **_SHARED,
        **_THREE_LANES,
        "stages.1.batch_size": "1",
        "stages.4.per_run_limit": "4",
    },
}
_numbers = count(1)


@dataclass(frozen=True)
class RunningSite:
    """A site whose one run was started."""

    variant: str
    site_id: int
    account_id: int
    run_id: int


@dataclass(frozen=True)
class MadeSite:
    """A site that was set up and did not run yet."""

    variant: str
    site_id: int
    account_id: int


def make_site(
    database: Database,
    variant: str,
    *,
    url: str | None = None,
    home: Path | None = None,
    changes: Mapping[str, str] | None = None,
    credits_ucr: int = _CREDITS,
    words: Sequence[str] = KEYWORDS,
    timezone: str = "UTC",
) -> MadeSite:
    """Make a site in an account of its own and import the keywords.

    `url`: where its articles go; None: to a folder of the home. `changes`: settings beside those of the variant.
    """
    now = database.now()
    with database.transaction() as session:
        account = Account(name=f"account {next(_numbers)}", created_at=now)
        session.add(account)
        session.flush()
        ledger.grant(session, account_id=account.id, amount_ucr=credits_ucr, key=f"grant:{account.id}", now=now)
        site = sites.add_site(session, account_id=account.id, name="site", timezone=timezone, now=now)
        chosen = {**VARIANTS[variant], "publishing.publish_days": _far_day(now), **(changes or {})}
        settings.apply(session, site, chosen, now=now)
        if url is not None:
            assert home is not None
            connection = {"target": "site", "url": url, "username": USER, "credentials": PASSWORD}
            site_edits.edit(session, site, connection, follow=Follow.REFLOW, home=home, actor="test", now=now)
        if words:
            keywords.add(session, site, words, now=now)
    return MadeSite(variant, site.id, account.id)


def start_run(database: Database, made: MadeSite, *, sends: bool = True) -> RunningSite:
    """Press Run Now. The broker may be away: beat sends it then. `sends`: whether it is sent from here at all."""
    with database.transaction() as session:
        site = session.get_one(Site, made.site_id)
        started = runs.start(session, site=site, now=database.now())
    assert started.run_id is not None, started.reason
    assert started.stage_run_id is not None
    if sends:
        dispatch.publish_stage(database, started.stage_run_id)
    return RunningSite(made.variant, made.site_id, made.account_id, started.run_id)


def start_site(database: Database, variant: str) -> RunningSite:
    """A site that publishes to a folder, its run started."""
    return start_run(database, make_site(database, variant))


def run_of(session: Session, made: MadeSite) -> RunningSite:
    """The one run of a site that somebody else started; fails where there is another number of them."""
    run_id = session.scalars(select(Run.id).where(Run.site_id == made.site_id)).one()
    return RunningSite(made.variant, made.site_id, made.account_id, run_id)


def publish_all(database: Database, site: RunningSite) -> None:
    """Publish all of its articles at once, as a person does who does not wait for their slots."""
    now = database.now()
    with database.transaction() as session:
        waiting = (ContentStatus.APPROVED, ContentStatus.SCHEDULED)
        mine = (Content.site_id == site.site_id, Content.status.in_(waiting))
        for content in session.scalars(select(Content).where(*mine).order_by(Content.id)).all():
            publications.publish_now(session, content, now=now)


def _far_day(now: datetime) -> str:
    """A weekday that is days away: nothing comes due for publishing by itself while the test runs."""
    return (now + timedelta(days=3)).strftime("%a").lower()


def at_rest(session: Session, found: Sequence[RunningSite]) -> list[RunningSite]:
    """Those whose run has ended and whose approved content has its slot."""
    live = set(session.scalars(select(Run.id).where(Run.status.in_(LIVE_RUNS))))
    unscheduled = set(session.scalars(select(Content.site_id).where(Content.status == ContentStatus.APPROVED)))
    return [site for site in found if site.run_id not in live and site.site_id not in unscheduled]


def published(session: Session, found: Sequence[RunningSite]) -> list[RunningSite]:
    """Those of which nothing is to be done any more at their site."""
    due = set(session.scalars(select(Publication.site_id).where(Publication.due_at.is_not(None))))
    waiting = (ContentStatus.SCHEDULED, ContentStatus.PUBLISHING)
    under_way = set(session.scalars(select(Content.site_id).where(Content.status.in_(waiting))))
    return [site for site in at_rest(session, found) if site.site_id not in due | under_way]


def past_first_stage(session: Session, found: Sequence[RunningSite]) -> bool:
    """Whether stage 1 is over in all of them: the one stage with batches, which a second death would rightly split."""
    open_first = select(func.count()).where(
        StageRun.run_id.in_([site.run_id for site in found]),
        StageRun.number == 1,
        StageRun.status.in_((StageRunStatus.PENDING, StageRunStatus.RUNNING)),
    )
    return session.scalar(open_first) == 0


def describe(session: Session, site: RunningSite) -> str:
    """Where a run stands, for a failure's message."""
    lines = [f"run {site.run_id} ({site.variant}): {session.get_one(Run, site.run_id).status}"]
    for row in session.scalars(select(StageRun).where(StageRun.run_id == site.run_id).order_by(StageRun.number)):
        statuses = select(StageItem.status, func.count()).where(StageItem.stage_run_id == row.id)
        items = {status.value: number for status, number in session.execute(statuses.group_by(StageItem.status))}
        lines.append(
            f"  {row.number} {row.status} ({row.reason}) due {row.due_at} sends {row.sends} lanes {row.open_lanes} "
            f"items {items}"
        )
        lines += [
            f"    lane {lane.number} ticket {lane.ticket} lease {lane.lease_until} due {lane.due_at} sends {lane.sends}"
            for lane in session.scalars(select(Lane).where(Lane.stage_run_id == row.id, Lane.due_at.is_not(None)))
        ]
    slots = select(func.count()).where(CalendarSlot.site_id == site.site_id, CalendarSlot.content_id.is_not(None))
    lines.append(f"  slots taken: {session.scalar(slots)}")
    lines += [
        f"  publication {row.id} {row.status} due {row.due_at} sends {row.sends} lease {row.lease_until} "
        f"attempts {row.attempts} error {row.error}"
        for row in session.scalars(select(Publication).where(Publication.site_id == site.site_id))
    ]
    return "\n".join(lines)
