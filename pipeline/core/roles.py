"""Owns who may do what: the roles of people and keys, and the scopes that narrow a key down."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What somebody may do; each may also do what those after it may."""

    #: Runs the installation: providers, models, every account.
    PLATFORM_ADMIN = "platform_admin"
    #: Everything in their account, keys and people included.
    OWNER = "owner"
    #: Works: changes settings and content, starts and stops runs.
    EDITOR = "editor"
    #: Looks.
    VIEWER = "viewer"


class Scope(StrEnum):
    """A part of the API that a key may be narrowed down to."""

    #: Sites: list, add, show.
    SITES = "sites"
    #: Settings of sites and of the account.
    SETTINGS = "settings"
    #: Runs: start, look, pause, resume, cancel, retry.
    RUNS = "runs"
    #: Models that may be asked, with cost and price.
    MODELS = "models"
    #: Providers, with their keys.
    PROVIDERS = "providers"
    #: What counts for every account.
    SYSTEM = "system"
    #: Articles: list, show, decide, edit, publish.
    CONTENT = "content"
    #: The calendar of a site: show it, move what stands on it.
    CALENDAR = "calendar"
    #: The account's credits.
    CREDITS = "credits"
    #: Why runs started, or did not.
    DECISIONS = "decisions"


_ORDER: Final = tuple(Role)


def includes(role: Role, needed: Role) -> bool:
    """Whether whoever has `role` may do what `needed` may."""
    return _ORDER.index(role) <= _ORDER.index(needed)


def covers(scopes: Collection[str], scope: Scope) -> bool:
    """Whether a key of these scopes reaches that part of the API; none at all: every part."""
    return not scopes or scope in scopes
