"""Owns a site's settings: read, change, save, and where an inherited value comes from.

What people save goes through `calendar.save_settings`, which has the calendar follow. Never: commits; reads the
environment.
"""

from pipeline.services.settings.changes import apply, changed
from pipeline.services.settings.check import checked
from pipeline.services.settings.defaults import (
    decided_for,
    from_texts,
    live_models,
    load_account,
    load_system,
    resolved_of,
    save_account,
    save_system,
)
from pipeline.services.settings.document import as_json, document, find_json
from pipeline.services.settings.fields import ACCOUNT_FIELDS, FIELDS, PREFERENCES, SYSTEM_FIELDS, Field
from pipeline.services.settings.freezing import Frozen, freeze
from pipeline.services.settings.incoming import laid_over
from pipeline.services.settings.pages import Page, differences, lock_page
from pipeline.services.settings.preferences import load_preferences, save_preferences
from pipeline.services.settings.resolution import Decided, Origin, ResolvedAi, resolve_ai
from pipeline.services.settings.rows import (
    load,
    locked_row_of,
    make,
    next_run_at,
    row_of,
    save,
    schedule_of,
    settings_of,
    write,
)

__all__ = [
    "ACCOUNT_FIELDS",
    "FIELDS",
    "PREFERENCES",
    "SYSTEM_FIELDS",
    "Decided",
    "Field",
    "Frozen",
    "Origin",
    "Page",
    "ResolvedAi",
    "apply",
    "as_json",
    "changed",
    "checked",
    "decided_for",
    "differences",
    "document",
    "find_json",
    "freeze",
    "from_texts",
    "laid_over",
    "live_models",
    "load",
    "load_account",
    "load_preferences",
    "load_system",
    "lock_page",
    "locked_row_of",
    "make",
    "next_run_at",
    "resolve_ai",
    "resolved_of",
    "row_of",
    "save",
    "save_account",
    "save_preferences",
    "save_system",
    "schedule_of",
    "settings_of",
    "write",
]
