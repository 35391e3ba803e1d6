"""Owns who may do what: the roles of people and keys, and the scopes that narrow a key down."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What somebody may do; each may also do what those after it may."""

    #: Runs the installation: models, providers, the system's settings; in their own account also what an owner may.
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
    #: Articles: list, show, decide, edit, publish.
    CONTENT = "content"
    #: The calendar of a site: show it, move what stands on it.
    CALENDAR = "calendar"
    #: The account's credits.
    CREDITS = "credits"
    #: Why runs started, or did not.
    DECISIONS = "decisions"
    #: Who may do what: log-in, people, keys.
    ACCESS = "access"
    #: What was done, and by whom.
    AUDIT = "audit"
    #: Models that may be asked, with cost and price.
    MODELS = "models"
    #: Providers, with their keys.
    PROVIDERS = "providers"
    #: What counts for every account.
    SYSTEM = "system"
    #: What the stages tell their models.
    PROMPTS = "prompts"
    #: What calls cost and brought.
    REPORTS = "reports"
    #: What the account was told.
    NOTIFICATIONS = "notifications"
    #: Addresses that notifications are posted to, and each delivery.
    WEBHOOKS = "webhooks"


_ORDER: Final = tuple(Role)


def includes(role: Role, needed: Role) -> bool:
    """Whether whoever has `role` may do what `needed` may."""
    return _ORDER.index(role) <= _ORDER.index(needed)


def lesser(one: Role, other: Role) -> Role:
    """The role of the two that may less."""
    return other if includes(one, other) else one


def covers(scopes: Collection[str], scope: Scope) -> bool:
    """Whether a key of these scopes reaches that part of the API; none at all: every part."""
    return not scopes or scope in scopes
