"""Owns what must hold at rest whatever was killed: beside the laws of the books, what independent witnesses say.

The provider's journal and the sites' own lists of posts know nothing of the database. Never: writes.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.core.states import LIVE_RUNS, CallStatus, ContentStatus, ItemStatus, LaneStatus
from pipeline.models import Account, AiCall, Content, Lane, Publication, Run, StageItem, StageRun
from pipeline.services.invariants import violations
from tests.faults.harness.provider_journal import Seen
from tests.faults.harness.sites import RunningSite
from tests.support.rest_site import RestSite

#: What is said of a stage before its counts where a person ended its run.
_CANCELLED: Final = "the run was cancelled; "
#: Each process carries the server's clock on by its own.
_CLOCKS_DIFFER: Final = timedelta(milliseconds=50)


def broken_laws(session: Session) -> list[str]:
    """Every law of the books that rows break, and whatever is still held, leased or open although all is at rest."""
    held = session.scalar(select(func.sum(Account.held))), session.scalar(select(func.sum(StageRun.held)))
    leases = [
        *session.scalars(select(Lane.stage_run_id).where(Lane.lease_until.is_not(None))),
        *session.scalars(select(Publication.id).where(Publication.lease_until.is_not(None))),
    ]
    live = session.scalars(select(Run.id).where(Run.status.in_(LIVE_RUNS))).all()
    return [
        *violations(session),
        *([f"at rest {held} is held"] if any(held) else []),
        *([f"at rest there are leases of {leases}"] if leases else []),
        *([f"at rest the runs {live} are live"] if live else []),
        *_wrong_counts(session),
        *_wrong_order(session),
    ]


def unwitnessed_calls(session: Session, seen: Seen) -> list[str]:
    """The provider saw no request that no call stands for, and what is settled is what it answered and bills.

    What it billed beyond that are calls that were lost.
    """
    query = select(AiCall.key, AiCall.status, AiCall.cost_picodollars).where(AiCall.stage_run_id.is_not(None))
    rows = session.execute(query).all()
    calls = Counter(row.key for row in rows)
    lost = Counter(row.key for row in rows if row.status is CallStatus.LOST)
    settled = {row.key: row.cost_picodollars for row in rows if row.status is CallStatus.SETTLED}
    found = [f"the provider saw {key} {seen.asked[key]} times, {calls[key]} calls" for key in seen.asked
             if seen.asked[key] > calls[key]]  # fmt: skip
    for key in {*settled, *seen.answered}:
        billed = [one.cost_picodollars for one in seen.answered.get(key, [])]
        cost = settled.get(key)
        if cost is not None and cost not in billed:
            found.append(f"a settled call {key} cost {cost}, the provider bills {billed}")
        beyond = len(billed) - (cost is not None)
        if beyond > lost[key]:
            found.append(f"the provider answered {key} {len(billed)} times; {lost[key]} calls of it are lost")
    return [*found, *_wrong_sum(settled, seen, lost)]


def _wrong_sum(settled: dict[str, int], seen: Seen, lost: Counter[str]) -> list[str]:
    """What answered calls cost is the journal's sum less what was answered to calls that are flagged lost."""
    billed = sum(one.cost_picodollars for answers in seen.answered.values() for one in answers)
    to_lost = sum(
        one.cost_picodollars
        for key, answers in seen.answered.items()
        for one in answers[(1 if key in settled else 0) :]
        if lost[key]
    )
    cost = sum(settled.values())
    return [] if cost == billed - to_lost else [f"answered calls cost {cost}, the provider bills {billed} - {to_lost}"]


def wrong_posts(session: Session, there: RestSite, site: RunningSite) -> list[str]:
    """Every published article is visible once at its site, and nothing else is."""
    query = select(Content.title).where(Content.site_id == site.site_id, Content.status == ContentStatus.PUBLISHED)
    expected = Counter(session.scalars(query))
    with there.lock:
        shown = Counter(post["title"] for post in there.shown())
    return [
        *(f"the site does not show {title!r}" for title in expected - shown),
        *(f"the site shows {title!r} {shown[title]} times" for title in shown - expected),
    ]


def _wrong_counts(session: Session) -> list[str]:
    """What is said of a stage is what its rows are."""
    done = func.count().filter(StageItem.status == ItemStatus.DONE)
    failed = func.count().filter(StageItem.status == ItemStatus.FAILED)
    items = (
        select(StageItem.stage_run_id, done.label("done"), failed.label("failed"))
        .group_by(StageItem.stage_run_id)
        .subquery()
    )
    told = select(StageRun.id, StageRun.reason, StageRun.open_lanes, items.c.done, items.c.failed)
    found = [
        f"stage run {row.id} says {row.reason!r}, its rows: {row.done} done, {row.failed} failed"
        for row in session.execute(told.join(items, items.c.stage_run_id == StageRun.id))
        if row.reason
        and " done" in row.reason
        and not row.reason.removeprefix(_CANCELLED).startswith(_said(row.done, row.failed))
    ]
    open_lanes = func.count().filter(Lane.status == LaneStatus.OPEN)
    lanes = select(Lane.stage_run_id, open_lanes.label("open")).group_by(Lane.stage_run_id).subquery()
    differing = select(StageRun.id).join(lanes, lanes.c.stage_run_id == StageRun.id)
    wrong = session.scalars(differing.where(StageRun.open_lanes != lanes.c.open)).all()
    twice = session.execute(_inputs_taken_twice()).all()
    return [
        *found,
        *(f"stage run {row} does not count its open lanes right" for row in wrong),
        *(f"{row.subject_id} was done {row.times} times in stage {row.number} of site {row.site_id}" for row in twice),
    ]


def _said(done: int, failed: int) -> str:
    return f"{done} done" + (f", {failed} failed" if failed else "")


def _inputs_taken_twice() -> Any:
    """A subject is done once in a stage, over all runs of its site."""
    return (
        select(Run.site_id, StageRun.number, StageItem.subject_id, func.count().label("times"))
        .join(StageRun, StageRun.id == StageItem.stage_run_id)
        .join(Run, Run.id == StageRun.run_id)
        .where(StageItem.status == ItemStatus.DONE)
        .group_by(Run.site_id, StageRun.number, StageItem.subject_id)
        .having(func.count() > 1)
    )


def _wrong_order(session: Session) -> list[str]:
    """No stage was admitted before the one before it had ended."""
    query = select(StageRun.run_id, StageRun.number, StageRun.admitted_at, StageRun.finished_at)
    rows = session.execute(query.order_by(StageRun.run_id, StageRun.number)).all()
    return [
        f"stage {after.number} of run {after.run_id} began before stage {before.number} had ended"
        for before, after in pairwise(rows)
        if before.run_id == after.run_id
        and after.admitted_at is not None
        and after.admitted_at < before.finished_at - _CLOCKS_DIFFER
    ]
