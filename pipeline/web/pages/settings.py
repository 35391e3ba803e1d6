"""Owns `/sites/{site_id}/settings/ai-automation`: the one page of a site's settings (plan 4.1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter

from pipeline.core.catalog import STAGES
from pipeline.core.matrix import SiteSettings
from pipeline.core.presets import LIMITS, Preset, preset_of
from pipeline.core.roles import Scope
from pipeline.services import settings
from pipeline.services.settings import FIELDS
from pipeline.web.api.settings import etag_of
from pipeline.web.pages.parameters import SiteId
from pipeline.web.pages.views import Page, View, page

router = APIRouter()
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: How a preset is called, tagged and told.
PRESETS: Final = (
    (Preset.CONSERVATIVE.value, "Conservative", "", "Low throughput, high quality. 5 tasks and 3 images a run."),
    (Preset.BALANCED.value, "Balanced", "Recommended", "Moderate throughput. 10 tasks and 20 images a run."),
    (Preset.AGGRESSIVE.value, "Aggressive", "", "Maximum throughput. No limits."),
    ("custom", "Custom", "", "Your own values in the table below."),
)


@router.get("/sites/{site_id}/settings/ai-automation", include_in_schema=False)
@page(Scope.SETTINGS)
def show(view: View, site_id: SiteId) -> Page:
    """Show every setting of a site with what it is at a new one."""
    site = view.site(site_id)
    row = settings.row_of(view.session, site)
    body = settings.find_json(view.session, account_id=view.account_id, site_id=site.id)
    document = json.loads(body)
    inherited = settings.decided_for(view.session, site.account_id)
    return Page(
        "settings.html",
        {
            "site": site,
            "etag": etag_of(body),
            "document": document,
            "values": _flat(document),
            "defaults": _flat(SiteSettings().model_dump(mode="json")),
            "fields": FIELDS,
            "stages": STAGES,
            "days": DAYS,
            "presets": PRESETS,
            "limits": {preset.value: limits for preset, limits in LIMITS.items()},
            "preset": preset_of(settings.settings_of(row)),
            "next_run_at": row.next_run_at,
            "saved_at": row.updated_at,
            "inherited": inherited,
            "available_ucr": view.shell.available_ucr,
        },
        site=site,
    )


def _flat(document: Mapping[str, Any]) -> dict[str, Any]:
    """Every value of a document by the dotted name that faults give it."""
    found: dict[str, Any] = {}
    for group, values in document.items():
        if group == "stages":
            rows = values.values() if isinstance(values, Mapping) else values
            for number, stage_row in enumerate(rows, start=1):
                found |= {f"stages.{number}.{column}": value for column, value in stage_row.items()}
        elif isinstance(values, Mapping):
            found |= {f"{group}.{name}": value for name, value in values.items()}
    return found
