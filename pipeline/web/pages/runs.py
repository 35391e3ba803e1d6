"""Owns `/automation/…`: what would run now, runs that were, and one run watched live."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from fastapi import APIRouter

from pipeline.config import config
from pipeline.core.errors import PipelineError, PreflightError
from pipeline.core.roles import Role, Scope
from pipeline.core.states import LIVE_RUNS, RunStatus, StageRunStatus
from pipeline.models import Run, Site
from pipeline.models.runs import ORIGINS
from pipeline.services import calendar, decisions, forecasts, reports, runs, settings
from pipeline.services.run_items import lines_of
from pipeline.services.stage_runs import of_run
from pipeline.web.pages.parameters import Before, Chosen, RunId
from pipeline.web.pages.views import Page, View, page

router = APIRouter()
ITEMS_SHOWN: Final = 30
_RUNS_SHOWN: Final = 25
_DECISIONS_SHOWN: Final = 10
#: Below the home: `pipeline.local.flower` writes it.
FLOWER_FILE: Final = "flower.url"
_FINISHED: Final = ("done", "failed", "skipped", "released")


@router.get("/automation/overview", include_in_schema=False)
@page(Scope.RUNS)
def overview(view: View) -> Page:
    """Show what waits at the chosen site, when it runs next, and let it run now."""
    site = view.chosen_site()
    schedule = settings.row_of(view.session, site)
    return Page(
        "overview.html",
        {
            "site": site,
            "schedule": schedule,
            "live_id": runs.live_run_id(view.session, site.id),
            "ahead": calendar.forecast(view.session, site, now=view.now),
            "next_slot": calendar.predicted_slot(view.session, site, now=view.now),
            "runs": runs.list_runs(view.session, account_id=view.account_id, site_id=site.id, limit=5),
            "flower": flower_address() if view.unit.caller.role is Role.PLATFORM_ADMIN else None,
            "decisions": decisions.list_decisions(
                view.session, account_id=view.account_id, site_id=site.id, limit=_DECISIONS_SHOWN
            ),
        },
        site=site,
    )


@router.get("/automation/run", include_in_schema=False)
@page(Scope.RUNS)
def run_now(view: View) -> Page:
    """Show what a run of the chosen site would do, and then let it run."""
    site = view.chosen_site()
    return Page("run_now.html", {"site": site, "live_id": runs.live_run_id(view.session, site.id)}, site=site)


@router.get("/automation/forecast", include_in_schema=False)
@page(Scope.RUNS)
def forecast(view: View) -> Page:
    """Show what a run of the chosen site would do, cost and last; the overview asks for it when it is there."""
    site = view.chosen_site()
    try:
        found = forecasts.forecast(view.session, site, now=view.now).as_json()
    except PreflightError as error:
        return Page("forecast.html", {"site": site, "found": None, "faults": [fault.message for fault in error.faults]})
    except PipelineError as error:
        return Page("forecast.html", {"site": site, "found": None, "faults": [error.message]})
    return Page("forecast.html", {"site": site, "found": found, "faults": []})


@router.get("/automation/runs", include_in_schema=False)
@page(Scope.RUNS)
def history(view: View, before: Before = None, *, every: bool = False, status: Chosen = "", by: Chosen = "") -> Page:
    """List the runs of the chosen site, or of all; of one status, or started in one way."""
    site = view.chosen_site()
    wanted = RunStatus(status) if status in list(RunStatus) else None
    origin = by if by in ORIGINS else None
    found = runs.list_runs(
        view.session,
        account_id=view.account_id,
        site_id=None if every else site.id,
        status=wanted,
        origin=origin,
        before_id=before,
        limit=_RUNS_SHOWN + 1,
    )
    zones = {each.id: each for each in view.shell.sites}
    more = found[_RUNS_SHOWN - 1].id if len(found) > _RUNS_SHOWN else None
    chosen = {"status": wanted.value if wanted else "", "by": origin or "", "every": every}
    return Page(
        "history.html",
        {
            "site": site,
            "runs": found[:_RUNS_SHOWN],
            "sites": zones,
            "more": more,
            "chosen": chosen,
            "statuses": list(RunStatus),
            "origins": ORIGINS,
        },
    )


@router.get("/automation/runs/{run_id}", include_in_schema=False)
@page(Scope.RUNS)
def show(view: View, run_id: RunId) -> Page:
    """Show a run; it is watched while it lives."""
    run, site = _found(view, run_id)
    return Page("run.html", {"site": site, "run": run, **_parts(view, run, site)}, site=site)


@router.get("/automation/runs/{run_id}/parts", include_in_schema=False)
@page(Scope.RUNS)
def parts(view: View, run_id: RunId) -> Page:
    """Show what of a run may differ from before, without what stands around it."""
    run, site = _found(view, run_id)
    return Page("run_parts.html", {"site": site, "run": run, **_parts(view, run, site)}, site=site)


def flower_address() -> str | None:
    """Where operators watch the tasks, as Flower wrote it down; None: it has not run here."""
    with suppress(OSError):
        return (config().home / FLOWER_FILE).read_text("utf-8").strip() or None
    return None


def _found(view: View, run_id: int) -> tuple[Run, Site]:
    run = runs.get_run(view.session, account_id=view.account_id, run_id=run_id)
    return run, view.session.get_one(Site, run.site_id)


def _parts(view: View, run: Run, site: Site) -> dict[str, Any]:
    rows = of_run(view.session, run.id)
    report = reports.run_report(view.session, run.id)
    spent, held = sum(row.spent for row in rows), sum(row.held for row in rows)
    current = next((row for row in rows if row.status is StageRunStatus.RUNNING), None)
    lines = lines_of(view.session, rows, most=ITEMS_SHOWN)
    return {
        "rows": [
            {
                "row": row,
                "told": told,
                "finished": sum(told[name] for name in _FINISHED),
                "lines": lines[row.id],
                "took": None if row.admitted_at is None else (row.finished_at or view.now) - row.admitted_at,
            }
            for row, told in zip(rows, report["stages"], strict=True)
        ],
        "current": current,
        "working_on": [line for line in lines[current.id] if line.status.value == "leased"] if current else [],
        "is_live": run.status in LIVE_RUNS,
        "is_paused": run.status is RunStatus.PAUSED,
        "spent_ucr": spent,
        "held_ucr": held,
        "left_ucr": max(0, run.available - spent - held),
        "elapsed": None if run.started_at is None else (run.finished_at or view.now) - run.started_at,
        "articles": next(told for told in report["stages"] if told["key"] == "tasks_to_content"),
        "failed": sum(told["failed"] for told in report["stages"]),
        "ended": sum(1 for row in rows if row.finished_at is not None),
        "next_slot": calendar.predicted_slot(view.session, site, now=view.now),
    }
