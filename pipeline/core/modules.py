"""Owns the modules that can be switched off: for everybody, or by an account for itself."""

from __future__ import annotations

from enum import StrEnum


class Module(StrEnum):
    """A part of the product that people see or do not see (plan 4.3)."""

    #: Keywords, clusters, ideas.
    PLANNER = "planner"
    #: Content tasks, articles, images.
    WRITER = "writer"
    #: Prompts and author profiles.
    THINKER = "thinker"
    #: Schedules and runs.
    AUTOMATION = "automation"
