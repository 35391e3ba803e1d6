"""Owns a site's settings: read, change, save, and where an inherited value comes from.

Never: commits; reads the environment.
"""

from pipeline.services.settings.changes import apply, changed
from pipeline.services.settings.check import checked
from pipeline.services.settings.document import document
from pipeline.services.settings.fields import FIELDS, Field
from pipeline.services.settings.resolution import Origin, ResolvedAi, resolve_ai
from pipeline.services.settings.rows import load, make, row_of, save

__all__ = [
    "FIELDS",
    "Field",
    "Origin",
    "ResolvedAi",
    "apply",
    "changed",
    "checked",
    "document",
    "load",
    "make",
    "resolve_ai",
    "row_of",
    "save",
]
