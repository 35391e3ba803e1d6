"""Owns `/setup/wizard`: from nothing to the first article on its slot, step by step.

How far somebody is says what is there, so that it can be left and gone on with at any time, by anybody who may.
"""

from __future__ import annotations

import json
from typing import Annotated, Final

from fastapi import APIRouter, Query

from pipeline.core.catalog import STAGES
from pipeline.core.presets import LIMITS, Preset, preset_of
from pipeline.core.roles import Role, Scope
from pipeline.core.states import StageRunStatus
from pipeline.services import beginnings, calendar, reports, settings
from pipeline.services.beginnings import Beginning, Step
from pipeline.web.pages import menu
from pipeline.web.pages.settings import DAYS, PRESETS
from pipeline.web.pages.sites import zones
from pipeline.web.pages.views import Page, View, page

router = APIRouter()
#: Where keywords of whole industries are, once that page is there.
_LIBRARY: Final = "/setup/add-keywords"
_NAMES: Final = {
    Step.SITE: "Your site",
    Step.KEYWORDS: "Keywords",
    Step.PLAN: "The plan",
    Step.RUN: "First run",
    Step.ARTICLE: "First article",
}

Wanted = Annotated[Step | None, Query()]
IsNew = Annotated[bool, Query(description="For one more site.")]


@router.get("/setup/wizard", include_in_schema=False)
@page(Scope.SITES, role=Role.OWNER, whole_account=True)
def show(view: View, step: Wanted = None, *, new: IsNew = False) -> Page:
    """Show the step that is next, or the one that somebody went back to."""
    site = None if new else view.shell.site
    if site is None:
        return Page("wizard.html", {**_around(Step.SITE, None), "site": None, "zones": zones()})
    done = beginnings.beginning_of(view.session, site)
    now = step if step is not None and done.reaches(step) else done.step
    document = json.loads(settings.find_json(view.session, account_id=view.account_id, site_id=site.id))
    row = settings.row_of(view.session, site)
    preset = preset_of(settings.settings_of(row)) if done.is_planned else Preset.BALANCED.value
    return Page(
        "wizard.html",
        {
            **_around(now, done),
            "site": site,
            "zones": zones() if now is Step.SITE else (),
            "library": f"{_LIBRARY}?site={site.id}" if _LIBRARY in menu.paths() else None,
            "document": document,
            "days": DAYS,
            "presets": [one for one in PRESETS if one[0] in LIMITS or one[0] == preset],
            "limits": {preset.value: limits for preset, limits in LIMITS.items()},
            "preset": preset,
            "is_quick": beginnings.asks_offline_models_alone(view.session),
            "stages_of_run": reports.run_report(view.session, done.run.id)["stages"] if done.run else [],
            "ended": StageRunStatus.COMPLETED.value,
            "next_slot": calendar.predicted_slot(view.session, site, now=view.now),
            "next_run_at": row.next_run_at,
        },
        site=site,
    )


def _around(now: Step, done: Beginning | None) -> dict[str, object]:
    """The way, and where on it one stands."""
    steps = list(Step)
    return {
        "step": now.value,
        "number": steps.index(now) + 1,
        "done": done,
        "stages": STAGES,
        "steps": [
            {
                "key": each.value,
                "name": _NAMES[each],
                "is_here": each is now,
                "is_done": done is not None and done.reaches(each) and (each is not done.step or each is Step.ARTICLE),
                "is_open": done is not None and done.reaches(each),
            }
            for each in steps
        ],
    }
