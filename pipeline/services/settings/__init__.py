"""Owns a site's settings: read, change, save, and where an inherited value comes from.

Never: commits; reads the environment.
"""

from pipeline.services.settings.changes import apply, changed
from pipeline.services.settings.check import checked
from pipeline.services.settings.document import as_json, document, find_json
from pipeline.services.settings.fields import FIELDS, Field
from pipeline.services.settings.incoming import laid_over
from pipeline.services.settings.resolution import Origin, ResolvedAi, resolve_ai
from pipeline.services.settings.rows import (
    load,
    locked_row_of,
    make,
    next_run_at,
    row_of,
    save,
    schedule_of,
    settings_of,
)
from pipeline.services.settings.saving import Page, ScheduleChange, lock_page, store

__all__ = [
    "FIELDS",
    "Field",
    "Origin",
    "Page",
    "ResolvedAi",
    "ScheduleChange",
    "apply",
    "as_json",
    "changed",
    "checked",
    "document",
    "find_json",
    "laid_over",
    "load",
    "lock_page",
    "locked_row_of",
    "make",
    "next_run_at",
    "resolve_ai",
    "row_of",
    "save",
    "schedule_of",
    "settings_of",
    "store",
]
