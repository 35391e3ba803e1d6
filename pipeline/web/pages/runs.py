"""Owns `/automation/…`: what would run now, runs that were, and one run watched live."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from pipeline.core.errors import PipelineError, PreflightError
from pipeline.core.roles import Scope
from pipeline.core.states import RunStatus
from pipeline.models import Run, Site
from pipeline.models.runs import ORIGINS
from pipeline.services import calendar, decisions, forecasts, runs, settings
from pipeline.web.pages.flower import flower, in_flower
from pipeline.web.pages.parameters import Before, Chosen, RunId
from pipeline.web.pages.run_parts import parts_of
from pipeline.web.pages.views import Page, View, page

router = APIRouter()
_RUNS_SHOWN: Final = 25
_DECISIONS_SHOWN: Final = 10


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
            "flower": flower(view),
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
    values = {"site": site, "run": run, "in_flower": in_flower(view, run)}
    return Page("run.html", {**values, **parts_of(view.session, run, site, now=view.now)}, site=site)


def _found(view: View, run_id: int) -> tuple[Run, Site]:
    run = runs.get_run(view.session, account_id=view.account_id, run_id=run_id)
    return run, view.session.get_one(Site, run.site_id)
