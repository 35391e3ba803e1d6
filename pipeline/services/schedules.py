"""Owns what a schedule does at its instants: start a run, wait for the live one, skip, or record what was missed.

An instant is claimed by moving the schedule on from it: of any number of beats one finds it as it was.
Never: commits; publishes (the caller sends the stage run it is given, after its commit).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, bindparam, func, select
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.core.errors import InvalidValueError, LiveRunError, NotReadyError
from pipeline.core.recurrence import Frequency
from pipeline.core.schedule import Schedule
from pipeline.core.states import LIVE_RUNS
from pipeline.models import Run, Site, SiteAutomationSettings
from pipeline.services import decisions, runs, schedule_pauses
from pipeline.services.settings import schedule_of


@dataclass(frozen=True)
class Due:
    """A schedule with something to do, as it was read: its start instant, or that of the run that waits."""

    site_id: int
    at: datetime
    #: Whether a run waited for the live one, which has ended.
    queued: bool = False


def due(session: Session, *, now: datetime, limit: int) -> Sequence[Due]:
    """What is due, the longest waiting first: starts that have come, then runs whose predecessor has ended."""
    row = SiteAutomationSettings
    starts = select(row.site_id, row.next_run_at).where(row.next_run_at <= now).order_by(row.next_run_at).limit(limit)
    # Written out, not bound: only so is the partial index of live runs seen to hold them all.
    words: BindParameter[Any] = bindparam("live", list(LIVE_RUNS), expanding=True, literal_execute=True)
    live = select(Run.id).where(Run.site_id == row.site_id, Run.status.in_(words)).exists()
    waiting = select(row.site_id, row.queued_for).where(row.queued_for.is_not(None), ~live).order_by(row.queued_for)
    found = [Due(site_id, at) for site_id, at in session.execute(starts) if at is not None]
    ended = session.execute(waiting.limit(limit)).all()
    return [*found, *(Due(site_id, at, queued=True) for site_id, at in ended if at is not None)]


def next_due(session: Session) -> datetime | None:
    """When the next start is due; None where no schedule is on."""
    next_run_at = SiteAutomationSettings.next_run_at
    # Said aloud, so that SQLite takes the partial index too.
    return session.scalar(select(func.min(next_run_at)).where(next_run_at.is_not(None)))


def start_due(session: Session, entry: Due, *, now: datetime) -> int | None:
    """Do what is due of one schedule: at most one run, for the latest instant that is not too late.

    The stage run to send after the commit; None where no run started, which is a recorded decision, or where
    somebody else did it or changes the schedule right now.
    """
    row = _claimed(session, entry)
    if row is None:
        return None
    site = session.get_one(Site, row.site_id)
    if entry.queued:
        row.queued_for = None
        return _start(session, site, row, scheduled_for=entry.at, now=now)
    instant = _move_on(session, site, row, entry, now=now)
    return None if instant is None else _start(session, site, row, scheduled_for=instant, now=now)


def set_aside(session: Session, entry: Due, *, reason: str, now: datetime) -> None:
    """Skip what is due of a schedule that could not be started for a fault of ours, so that it holds up no other."""
    row = _claimed(session, entry)
    if row is None:
        return
    site = session.get_one(Site, row.site_id)
    instant: datetime | None = entry.at
    if entry.queued:
        row.queued_for = None
    else:
        instant = _move_on(session, site, row, entry, now=now)
    if instant is not None:
        decisions.record(session, site, kind="skipped", reason=reason, scheduled_for=instant, now=now)


def _claimed(session: Session, entry: Due) -> SiteAutomationSettings | None:
    """The schedule, locked, if it still is as it was read."""
    row = SiteAutomationSettings
    same = row.queued_for == entry.at if entry.queued else row.next_run_at == entry.at
    query = select(row).where(row.site_id == entry.site_id, same)
    return session.scalar(query.with_for_update(skip_locked=True).execution_options(populate_existing=True))


def _move_on(
    session: Session, site: Site, row: SiteAutomationSettings, entry: Due, *, now: datetime
) -> datetime | None:
    """Compute the next start from now; the instant to run for, None where it is too late for any."""
    schedule = schedule_of(row, site)
    late_by_most = _catch_up(schedule.frequency)
    earliest = now - late_by_most
    try:
        row.next_run_at = schedule.next_start(after=now)
        start = schedule.latest_start(since=max(entry.at, earliest), until=now)
    except InvalidValueError as error:
        schedule_pauses.pause_row(session, site, row, reason=error.message, actor=schedule_pauses.SCHEDULER, now=now)
        schedule_pauses.alert(session, site, reason=error.message, now=now)
        return None
    # Zone rules may have changed since the instant was computed: it stands as it was promised.
    start = start or (entry.at if entry.at >= earliest else None)
    if start is None:
        _miss(session, site, schedule, entry, late_by_most=late_by_most, now=now)
        return None
    return schedule.instant_of(start)


def _miss(
    session: Session, site: Site, schedule: Schedule, entry: Due, *, late_by_most: timedelta, now: datetime
) -> None:
    reason = (
        f"nobody was there to start it; it was found {_span(now - entry.at)} late, "
        f"and at most {_span(late_by_most)} are made up for"
    )
    instant = schedule.instant_of(entry.at)
    decisions.record(session, site, kind="missed", reason=reason, scheduled_for=instant, now=now)


def _start(
    session: Session, site: Site, row: SiteAutomationSettings, *, scheduled_for: datetime, now: datetime
) -> int | None:
    """Start the run of an instant; why not is recorded."""
    before = session.scalar(select(Run.id).where(Run.site_id == site.id, Run.scheduled_for == scheduled_for))
    if before is not None:
        reason = f"run {before} was started for this instant already"
    else:
        try:
            started = runs.start(session, site=site, now=now, origin="scheduled", scheduled_for=scheduled_for)
        except LiveRunError as live:
            if row.automation_overlap == "queue" and row.queued_for is None:
                row.queued_for = scheduled_for
                return None
            waits = ", and another run waits for its end already" if row.queued_for is not None else ""
            reason = f"run {live.run_id} was still live{waits}"
        except NotReadyError as error:
            reason = error.message
        else:
            return started.stage_run_id
    decisions.record(session, site, kind="skipped", reason=reason, scheduled_for=scheduled_for, now=now)
    return None


def _catch_up(frequency: str) -> timedelta:
    """How late a run of that frequency may still start."""
    seconds = {
        Frequency.HOURLY: config().catchup_hourly_seconds,
        Frequency.DAILY: config().catchup_daily_seconds,
        Frequency.WEEKLY: config().catchup_weekly_seconds,
    }
    return timedelta(seconds=seconds[Frequency(frequency)])


def _span(span: timedelta) -> str:
    """A span for a person: "3 d 2 h 10 min"."""
    hours, minutes = divmod(int(span.total_seconds()) // 60, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if count]
    return " ".join(parts) or f"{span.total_seconds():g} s"
