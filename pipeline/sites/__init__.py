"""Owns the choice of a site's target by its kind; each target is imported when it is first asked for.

Never: credentials at rest, the database, the calendar.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from pipeline.sites.notes import Notes
from pipeline.sites.port import SiteRefusedError, SiteTarget


class SiteKind(StrEnum):
    """What stands behind a site."""

    #: A browsable static site in a folder of this machine; the default.
    FOLDER = "folder"
    #: A site that is reached over the network, with a user and an application password.
    SITE = "site"
    #: An address that every article is posted to, signed.
    WEBHOOK = "webhook"


#: Kinds at which an article is drafted before its slot: making it visible is the smallest part of the work there.
DRAFTED_AHEAD: frozenset[str] = frozenset({SiteKind.SITE})


@dataclass(frozen=True)
class Login:
    """Who publishes at a site that is reached over the network, and how it is reached."""

    #: Empty where nobody has a name: a receiver that is told shares a secret alone.
    username: str
    password: str = field(repr=False)
    #: Letters and digits that no other site has: what is ours there is known by it.
    key: str
    timeout_seconds: float
    allow_private: bool
    #: The category that every article gets; None: the site's own default.
    category: str | None = None


def target(
    kind: str,
    *,
    site_name: str,
    timezone: str,
    folder: Path | None = None,
    base_url: str | None = None,
    language: str = "en",
    login: Login | None = None,
    notes: Notes | None = None,
    site_id: int = 0,
) -> SiteTarget:
    """Return the target of a site of `kind` (a `SiteKind`), ready to publish to.

    `folder` is where a folder site lives; `base_url` is its public address, if it has one. What is reached over the
    network has its address there, and a `login`; `notes` is what is known of it. `site_id` is told to a receiver.
    Raises SiteRefusedError for an unknown kind or options the kind cannot work with.
    """
    if kind == SiteKind.WEBHOOK:
        return _told(base_url, login, site_id=site_id)
    if kind == SiteKind.SITE:
        return _remote(base_url, login, timezone=timezone, notes=notes)
    if kind != SiteKind.FOLDER:
        allowed = ", ".join(SiteKind)
        raise SiteRefusedError(f"Site kind {kind!r} is not known. Allowed: {allowed}. Change the site's kind.")
    if folder is None:
        raise SiteRefusedError("A folder site needs a folder to write to. Give it one and try again.")
    from pipeline.sites.folder import FolderSite

    return FolderSite(folder, site_name=site_name, timezone=timezone, base_url=base_url, language=language)


def _remote(base_url: str | None, login: Login | None, *, timezone: str, notes: Notes | None) -> SiteTarget:
    if not base_url or login is None or not login.username or not login.password:
        raise SiteRefusedError(
            "The site has no address, no user name or no application password. Set what is missing: "
            "igny8 site set SITE --url URL --username NAME --password-stdin."
        )
    from pipeline.sites.wordpress import Access, RemoteSite

    access = Access(base_url, login.username, login.password, login.timeout_seconds, allow_private=login.allow_private)
    return RemoteSite(access, key=login.key, timezone=timezone, category=login.category, notes=notes)


def _told(url: str | None, login: Login | None, *, site_id: int) -> SiteTarget:
    from pipeline.sites.webhook import WebhookSite

    secret, is_laboratory = (None, False) if login is None else (login.password, login.allow_private)
    return WebhookSite(url, secret, site_id=site_id, allow_private=is_laboratory, now=lambda: datetime.now(UTC))
