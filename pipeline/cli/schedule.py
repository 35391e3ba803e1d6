"""Owns `schedule show|pause|resume` and `decisions`: when a site runs by itself, and why it did or did not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import typer

from pipeline.cli.edge import ACTOR, account_of, reading, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, LimitOption, SiteArgument
from pipeline.cli.output import document, local_instant, say, status, table
from pipeline.models import Decision, Site, SiteAutomationSettings
from pipeline.services import decisions as service
from pipeline.services import runs, schedule_pauses, settings, sites

app = typer.Typer()


@app.command("show")
def show(site: SiteArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Show when a site runs by itself, or why it does not."""
    with reading() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        schedule = settings.row_of(session, row)
        live_run_id = runs.live_run_id(session, row.id)
    if as_json:
        document({**schedule_json(schedule, row), "live_run_id": live_run_id})
        return
    say(f"{row.name} (site {row.id}): {_rhythm(schedule)}, times of {row.timezone}.")
    say(f"Next run: {next_run(schedule, row)}")
    if live_run_id is not None:
        say(f"Run {live_run_id} is live: igny8 run-show {live_run_id}")
    if schedule.queued_for is not None:
        say(f"The run of {local_instant(schedule.queued_for, row.timezone)} starts when it ends.")
    if schedule.failed_in_a_row:
        say(f"Scheduled runs that failed in a row: {schedule.failed_in_a_row}")


@app.command("pause")
def pause(site: SiteArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Start no run of a site by itself until its schedule is resumed; igny8 run still does."""
    _act(site, account, schedule_pauses.pause, as_json=as_json)


@app.command("resume")
def resume(site: SiteArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Go on with a paused schedule, from now; nothing is made up for."""
    _act(site, account, schedule_pauses.resume, as_json=as_json)


def decisions(
    site: SiteArgument,
    *,
    limit: LimitOption = 20,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """List why runs of a site started, were skipped or were missed, the newest first."""
    with reading() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        found = service.list_decisions(session, account_id=row.account_id, site_id=row.id, limit=limit)
    if as_json:
        document([_decision_json(decision) for decision in found])
        return
    if not found:
        say("No run of this site has been decided yet.")
        return
    lines = [
        (
            local_instant(decision.at, row.timezone),
            status(decision.kind),
            local_instant(decision.scheduled_for, row.timezone),
            decision.run_id,
            decision.reason,
        )
        for decision in found
    ]
    table(["decided", "", "for", "run", "reason"], lines, right=["run"])
    say(f"Times are those of {row.timezone}.")


def next_run(schedule: SiteAutomationSettings, site: Site) -> str:
    """When the next run starts, or why none does."""
    if schedule.paused_at is not None:
        since = local_instant(schedule.paused_at, site.timezone)
        return f"none: paused since {since} ({schedule.paused_reason}). igny8 schedule resume {site.id} goes on"
    return local_instant(schedule.next_run_at, site.timezone) or "none: automation.enabled is false"


def schedule_json(schedule: SiteAutomationSettings, site: Site) -> dict[str, Any]:
    """A schedule as one JSON object; instants are UTC."""
    return {
        "site_id": site.id,
        "timezone": site.timezone,
        "enabled": schedule.automation_enabled,
        "frequency": schedule.automation_frequency,
        "time": schedule.automation_time,
        "weekday": schedule.automation_weekday,
        "next_run_at": schedule.next_run_at,
        "queued_for": schedule.queued_for,
        "paused_at": schedule.paused_at,
        "paused_reason": schedule.paused_reason,
        "failed_in_a_row": schedule.failed_in_a_row,
    }


def _act(
    name: str,
    account: str,
    action: Callable[..., SiteAutomationSettings],
    *,
    as_json: bool,
) -> None:
    database = ready_database()
    now: datetime = database.now()
    with database.transaction() as session:
        site = sites.find_site(session, account_of(session, account).id, name)
        schedule = action(session, site, actor=ACTOR, now=now)
    if as_json:
        document(schedule_json(schedule, site))
        return
    say(f"Next run of {site.name}: {next_run(schedule, site)}")


def _rhythm(schedule: SiteAutomationSettings) -> str:
    """Such as "weekly on mon at 02:00"."""
    if schedule.automation_frequency == "hourly":
        return f"hourly at minute {schedule.automation_time[-2:]}"
    day = f" on {schedule.automation_weekday}" if schedule.automation_frequency == "weekly" else ""
    return f"{schedule.automation_frequency}{day} at {schedule.automation_time}"


def _decision_json(decision: Decision) -> dict[str, Any]:
    return {
        "id": decision.id,
        "kind": decision.kind,
        "reason": decision.reason,
        "scheduled_for": decision.scheduled_for,
        "run_id": decision.run_id,
        "at": decision.at,
    }
