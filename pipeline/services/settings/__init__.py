"""Owns a site's settings: read, change, save, and where an inherited value comes from.

Never: commits; reads the environment.
"""

from pipeline.services.settings.changes import apply, changed
from pipeline.services.settings.check import checked
from pipeline.services.settings.document import document
from pipeline.services.settings.fields import FIELDS, Field
from pipeline.services.settings.freezing import Frozen, freeze
from pipeline.services.settings.resolution import Origin, ResolvedAi, resolve_ai
from pipeline.services.settings.rows import load, locked_row_of, make, next_run_at, row_of, save, schedule_of

__all__ = [
    "FIELDS",
    "Field",
    "Frozen",
    "Origin",
    "ResolvedAi",
    "apply",
    "changed",
    "checked",
    "document",
    "freeze",
    "load",
    "locked_row_of",
    "make",
    "next_run_at",
    "resolve_ai",
    "row_of",
    "save",
    "schedule_of",
]
