"""Owns the pause of a schedule: by a person, or by runs that fail in a row; and its end.

Never: starts runs; touches runs that a person asked for.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError
from pipeline.models import Run, Site, SiteAutomationSettings
from pipeline.models.base import table_of
from pipeline.services import alerts, audit, decisions
from pipeline.services import settings as site_settings

#: Who pauses a schedule when no person does, in the audit trail.
SCHEDULER: Final = "scheduler"
#: Ends of a run that count as failures of the schedule.
FAILURES: Final = alerts.FAILED_RUNS
_log = structlog.get_logger()
_settings = table_of(SiteAutomationSettings)


def pause(session: Session, site: Site, *, actor: str, now: datetime) -> SiteAutomationSettings:
    """Start nothing by itself until it is resumed. ConflictError where the schedule is off or paused already."""
    row = site_settings.locked_row_of(session, site)
    if not row.automation_enabled:
        raise ConflictError(
            f"The schedule of {site.name} is off: there is nothing to pause. "
            "`igny8 settings set SITE automation.enabled=true` switches it on."
        )
    if row.paused_at is not None:
        raise ConflictError(f"The schedule of {site.name} is paused already: {row.paused_reason}.")
    pause_row(session, site, row, reason="a person paused it", actor=actor, now=now)
    return row


def resume(session: Session, site: Site, *, actor: str, now: datetime) -> SiteAutomationSettings:
    """Go on: the next run is computed from now, failures count anew. ConflictError where it is not paused."""
    row = site_settings.locked_row_of(session, site)
    if row.paused_at is None:
        raise ConflictError(f"The schedule of {site.name} is not paused: there is nothing to resume.")
    row.paused_at, row.paused_reason, row.failed_in_a_row = None, None, 0
    row.next_run_at = site_settings.next_run_at(row, site, now=now)
    alerts.automation_resumed(session, site.id, now=now)
    _audit(session, site, action="schedule.resumed", actor=actor, reason=None, now=now)
    session.flush()
    return row


def pause_row(
    session: Session, site: Site, row: SiteAutomationSettings, *, reason: str, actor: str, now: datetime
) -> None:
    """Pause, with `reason` for a person; `row` is locked. A run that waited for another's end is skipped."""
    row.paused_at, row.paused_reason, row.next_run_at = now, reason, None
    if row.queued_for is not None:
        told = f"the schedule was paused: {reason}"
        decisions.record(session, site, kind="skipped", reason=told, scheduled_for=row.queued_for, now=now)
        row.queued_for = None
    _audit(session, site, action="schedule.paused", actor=actor, reason=reason, now=now)
    session.flush()


def run_ended(session: Session, run: Run, *, now: datetime) -> None:
    """Count what a scheduled run came to; too many failures in a row pause the schedule, and somebody is told.

    Runs that people asked for count neither way, nor do those they cancelled.
    """
    if run.origin != "scheduled":
        return
    if run.status not in FAILURES:
        is_counting = (_settings.c.site_id == run.site_id) & (_settings.c.failed_in_a_row > 0)
        session.execute(update(_settings).where(is_counting).values(failed_in_a_row=0))
        return
    site = session.get_one(Site, run.site_id)
    row = site_settings.locked_row_of(session, site)
    row.failed_in_a_row += 1
    most = row.automation_pause_after_failures
    if row.automation_enabled and row.paused_at is None and 0 < most <= row.failed_in_a_row:
        many = "the scheduled run" if row.failed_in_a_row == 1 else f"{row.failed_in_a_row} scheduled runs in a row"
        reason = f"{many} failed, the last as {run.status} (run {run.id}); put right what it says, then resume"
        pause_row(session, site, row, reason=reason, actor=SCHEDULER, now=now)
        alert(session, site, reason=reason, now=now, run_id=run.id)


def alert(session: Session, site: Site, *, reason: str, now: datetime, run_id: int | None = None) -> None:
    """Tell the account that a schedule paused itself, and the log."""
    alerts.automation_paused(session, site, reason=reason, now=now)
    _log.error("schedule.paused", site_id=site.id, site=site.name, reason=reason, run_id=run_id)


def _audit(session: Session, site: Site, *, action: str, actor: str, reason: str | None, now: datetime) -> None:
    audit.record(
        session,
        account_id=site.account_id,
        actor=actor,
        action=action,
        subject_kind="site",
        subject_id=site.id,
        now=now,
        details={} if reason is None else {"reason": reason},
    )
