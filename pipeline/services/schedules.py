"""Owns what a schedule does at its instants: start a run, wait for the live one, skip, or record what was missed.

An instant is claimed by moving the schedule on from it: of any number of beats one finds it as it was.
Never: commits; publishes (the caller sends the stage run it is given, after its commit).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, func, select, update
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.core.errors import InvalidValueError, LiveRunError, PipelineError
from pipeline.core.recurrence import Frequency
from pipeline.core.schedule import Schedule
from pipeline.core.states import LIVE_RUNS
from pipeline.models import Run, Site, SiteAutomationSettings
from pipeline.models.base import table_of
from pipeline.models.selecting import is_one_of, written_out
from pipeline.services import decisions, run_starts, schedule_pauses
from pipeline.services.run_starts import Wanted
from pipeline.services.settings import schedule_of

#: How long a schedule is left alone whose row makes everything fail.
POSTPONED_FOR: Final = timedelta(minutes=15)

_settings, _runs = table_of(SiteAutomationSettings), table_of(Run)
_is_live = _runs.c.status.in_([written_out(status) for status in LIVE_RUNS])
#: A run waited for the live one, which has ended.
_MAY_START = and_(
    _settings.c.queued_for.is_not(None), ~exists().where(_runs.c.site_id == _settings.c.site_id, _is_live)
)
#: Made once: beat asks it every second. Said aloud, so that SQLite takes the partial index too.
_LOOK = select(
    select(func.min(_settings.c.next_run_at)).where(_settings.c.next_run_at.is_not(None)).scalar_subquery(),
    select(_settings.c.site_id).where(_MAY_START).exists(),
)


@dataclass(frozen=True)
class Due:
    """A schedule with something to do, as it was read: its start instant, or that of the run that waits."""

    site_id: int
    at: datetime
    #: Whether a run waited for the live one, which has ended.
    queued: bool = False


@dataclass(frozen=True)
class _Claimed:
    """A due schedule, its row locked."""

    due: Due
    site: Site
    row: SiteAutomationSettings


def due(session: Session, *, now: datetime, limit: int, queued: bool) -> Sequence[Due]:
    """What is due, the longest waiting first: starts that have come, or (`queued`) runs whose predecessor has ended."""
    row = SiteAutomationSettings
    query = _due(select(row.site_id, _instant(queued=queued)), now=now, queued=queued).limit(limit)
    return [Due(site_id, at, queued) for site_id, at in session.execute(query)]


def next_due(session: Session, *, now: datetime) -> datetime | None:
    """When the next start is due, now where a run that waited may start; None where no schedule is on."""
    start_at, may_start = session.execute(_LOOK).one()
    return now if may_start else start_at


def start_chunk(session: Session, *, now: datetime, limit: int, queued: bool) -> list[int]:
    """Do what is due of up to `limit` schedules that nobody else is at: for each what `start_due` does for one.

    The stage runs to send after the commit. Whatever is raised, nothing of the transaction may stand.
    """
    row = SiteAutomationSettings
    query = _due(select(row, Site).join(Site, Site.id == row.site_id), now=now, queued=queued).limit(limit)
    return _start_claimed(session, _locked(session, query, queued=queued), now=now)


def start_due(session: Session, entry: Due, *, now: datetime) -> int | None:
    """Do what is due of one schedule: at most one run, for the latest instant that is not too late.

    The stage run to send after the commit; None where no run started, which is a recorded decision, or where
    somebody else did it or changes the schedule right now.
    """
    return next(iter(_start_claimed(session, _claimed(session, entry), now=now)), None)


def set_aside(session: Session, entry: Due, *, reason: str, now: datetime) -> None:
    """Skip what is due of a schedule that could not be started for a fault of ours, so that it holds up no other."""
    for claimed in _claimed(session, entry):
        instant = _instant_to_run(session, claimed, now=now)
        if instant is not None:
            decisions.record(session, claimed.site, kind="skipped", reason=reason, scheduled_for=instant, now=now)


def postpone(session: Session, entry: Due, *, now: datetime) -> None:
    """Leave alone for a while what could not even be set aside; a run that waited for another's end is forgotten.

    Reads nothing of the schedule: whatever is wrong with its row, it holds up no other.
    """
    as_read = (_settings.c.site_id == entry.site_id) & (_settings.c[_instant(queued=entry.queued).key] == entry.at)
    later = {"queued_for": None} if entry.queued else {"next_run_at": now + POSTPONED_FOR}
    session.execute(update(_settings).where(as_read).values(later))


def _instant(*, queued: bool) -> Any:
    return SiteAutomationSettings.queued_for if queued else SiteAutomationSettings.next_run_at


def _due(query: Any, *, now: datetime, queued: bool) -> Any:
    row = SiteAutomationSettings
    if not queued:
        return query.where(row.next_run_at <= now).order_by(row.next_run_at)
    return query.where(_MAY_START).order_by(row.queued_for)


def _claimed(session: Session, entry: Due) -> list[_Claimed]:
    """The schedule, locked, if it still is as it was read."""
    row = SiteAutomationSettings
    same: ColumnElement[bool] = _instant(queued=entry.queued) == entry.at
    query = select(row, Site).join(Site, Site.id == row.site_id).where(row.site_id == entry.site_id, same)
    return _locked(session, query, queued=entry.queued)


def _locked(session: Session, query: Any, *, queued: bool) -> list[_Claimed]:
    """Those of the query's schedules that nobody else has locked, as they are now."""
    alone = query.with_for_update(skip_locked=True, of=SiteAutomationSettings)
    rows = session.execute(alone.execution_options(populate_existing=True)).all()
    return [
        _Claimed(Due(site.id, row.queued_for if queued else row.next_run_at, queued), site, row) for row, site in rows
    ]


def _start_claimed(session: Session, claimed: Sequence[_Claimed], *, now: datetime) -> list[int]:
    """Move each schedule on, and start the runs of those whose instant is not too late; the stage runs to send."""
    wanted = []
    for each in claimed:
        instant = _instant_to_run(session, each, now=now)
        if instant is not None:
            wanted.append(Wanted(each.site, each.row, instant))
    return _start(session, wanted, now=now)


def _instant_to_run(session: Session, claimed: _Claimed, *, now: datetime) -> datetime | None:
    """Take what is due from the schedule; the instant to run for, None where it is too late for any."""
    if claimed.due.queued:
        claimed.row.queued_for = None
        return claimed.due.at
    return _move_on(session, claimed.site, claimed.row, claimed.due, now=now)


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


def _start(session: Session, wanted: Sequence[Wanted], *, now: datetime) -> list[int]:
    """Start the runs of these instants, the stage runs to send; why not is recorded."""
    if not wanted:
        return []
    before = _started_before(session, wanted)
    for each in wanted:
        if each.site.id in before:
            _skip(session, each, reason=f"run {before[each.site.id]} was started for this instant already", now=now)
    fresh = [each for each in wanted if each.site.id not in before]
    to_send = []
    for each, outcome in zip(fresh, run_starts.start_many(session, fresh, origin="scheduled", now=now), strict=True):
        if isinstance(outcome, LiveRunError):
            _wait_or_skip(session, each, outcome, now=now)
        elif isinstance(outcome, PipelineError):
            _skip(session, each, reason=outcome.message, now=now)
        elif outcome.stage_run_id is not None:
            to_send.append(outcome.stage_run_id)
    return to_send


def _started_before(session: Session, wanted: Sequence[Wanted]) -> dict[int, int]:
    """Site -> the run of the instant that is wanted, of those that have it already."""
    query = select(Run.site_id, Run.scheduled_for, Run.id).where(
        is_one_of(session, Run.site_id, [each.site.id for each in wanted]),
        Run.scheduled_for.in_({each.scheduled_for for each in wanted}),
    )
    found = {(site_id, instant): run_id for site_id, instant, run_id in session.execute(query)}
    instants = [(each.site.id, each.scheduled_for) for each in wanted]
    return {key[0]: found[key] for key in instants if key in found}


def _wait_or_skip(session: Session, wanted: Wanted, live: LiveRunError, *, now: datetime) -> None:
    row = wanted.row
    if row.automation_overlap == "queue" and row.queued_for is None:
        row.queued_for = wanted.scheduled_for
        return
    waits = ", and another run waits for its end already" if row.queued_for is not None else ""
    _skip(session, wanted, reason=f"run {live.run_id} was still live{waits}", now=now)


def _skip(session: Session, wanted: Wanted, *, reason: str, now: datetime) -> None:
    decisions.record(session, wanted.site, kind="skipped", reason=reason, scheduled_for=wanted.scheduled_for, now=now)


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
