"""Owns the sites under fault: the same keywords each, an account of its own each, one run each through all stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.core.money import ucr
from pipeline.core.states import LIVE_RUNS, ContentStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.engine import dispatch
from pipeline.models import Account, CalendarSlot, Content, Lane, Run, Site, StageItem, StageRun
from pipeline.services import credits as ledger
from pipeline.services import keywords, runs, settings, sites

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
}
_numbers = count(1)


@dataclass(frozen=True)
class RunningSite:
    """A site whose one run was started."""

    variant: str
    site_id: int
    account_id: int
    run_id: int


def start_site(database: Database, variant: str, *, send: bool = True) -> RunningSite:
    """Make a site, import the keywords, press Run Now. The broker may be away: beat sends it then."""
    site_id = make_site(database, variant)
    now = database.now()
    with database.transaction() as session:
        site = session.get_one(Site, site_id)
        started = runs.start(session, site=site, now=now)
    assert started.run_id is not None, started.reason
    assert started.stage_run_id is not None
    if send:
        dispatch.publish_stage(database, started.stage_run_id)
    return RunningSite(variant, site_id, site.account_id, started.run_id)


def make_site(database: Database, variant: str) -> int:
    """Make a site, in an account of its own, with the keywords: its id."""
    now = database.now()
    with database.transaction() as session:
        account = Account(name=f"account {next(_numbers)}", created_at=now)
        session.add(account)
        session.flush()
        ledger.grant(session, account_id=account.id, amount_ucr=_CREDITS, key=f"grant:{account.id}", now=now)
        site = sites.add_site(session, account_id=account.id, name="site", timezone="UTC", now=now)
        settings.apply(session, site, {**VARIANTS[variant], "publishing.publish_days": _far_day(now)}, now=now)
        keywords.add(session, site, KEYWORDS, now=now)
    return site.id


def running_site(database: Database, variant: str, run_id: int) -> RunningSite:
    """A site whose run somebody else started."""
    with database.reading() as session:
        run = session.get_one(Run, run_id)
        return RunningSite(variant, run.site_id, run.account_id, run_id)


def _far_day(now: datetime) -> str:
    """A weekday that is days away: nothing comes due for publishing while the test runs."""
    return (now + timedelta(days=3)).strftime("%a").lower()


def at_rest(session: Session, found: Sequence[RunningSite]) -> list[RunningSite]:
    """Those whose run has ended and whose approved content has its slot."""
    live = set(session.scalars(select(Run.id).where(Run.status.in_(LIVE_RUNS))))
    unscheduled = set(session.scalars(select(Content.site_id).where(Content.status == ContentStatus.APPROVED)))
    return [site for site in found if site.run_id not in live and site.site_id not in unscheduled]


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
    return "\n".join(lines)
