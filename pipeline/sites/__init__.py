"""Owns the choice of a site's target by its kind; each target is imported when it is first asked for.

Never: credentials at rest, the database, the calendar.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pipeline.sites.port import SiteRefusedError, SiteTarget


class SiteKind(StrEnum):
    """What stands behind a site."""

    #: A browsable static site in a folder of this machine; the default.
    FOLDER = "folder"


def target(
    kind: str,
    *,
    site_name: str,
    timezone: str,
    folder: Path | None = None,
    base_url: str | None = None,
    language: str = "en",
) -> SiteTarget:
    """Return the target of a site of `kind` (a `SiteKind`), ready to publish to.

    `folder` is where a folder site lives; `base_url` is its public address, if it has one.
    Raises SiteRefusedError for an unknown kind or options the kind cannot work with.
    """
    if kind != SiteKind.FOLDER:
        allowed = ", ".join(SiteKind)
        raise SiteRefusedError(f"Site kind {kind!r} is not known. Allowed: {allowed}. Change the site's kind.")
    if folder is None:
        raise SiteRefusedError("A folder site needs a folder to write to. Give it one and try again.")
    from pipeline.sites.folder import FolderSite

    return FolderSite(folder, site_name=site_name, timezone=timezone, base_url=base_url, language=language)
