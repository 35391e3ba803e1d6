"""Owns asking a site whether it could take an article: there, ours to write to, in our zone, with a right clock.

Never: changes anything there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from pipeline.sites.port import SiteRefusedError, SiteUnavailableError
from pipeline.sites.wordpress import sentences
from pipeline.sites.wordpress.client import Client, Reply

#: What the user must be allowed, and what it is for.
_NEEDED: Final[Mapping[str, str]] = {
    "edit_posts": "write drafts",
    "publish_posts": "publish posts",
    "edit_published_posts": "edit what is published",
    "delete_posts": "take drafts away",
    "upload_files": "upload files",
}
_MOST_SKEW: Final = timedelta(seconds=45)
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404


def check(client: Client, *, timezone: str, username: str, now: datetime) -> list[str]:
    """What a person should know, though the site takes articles. SiteRefusedError where it takes none."""
    index = client.get("/")
    if index.status == _NOT_FOUND:
        raise SiteRefusedError(f"{sentences.NO_API} {index.said}")
    if not index.is_success:
        raise index.refusal()
    site = index.one()
    if "wp/v2" not in _list(site.get("namespaces")):
        raise SiteRefusedError(sentences.NO_API)
    user = client.get("/wp/v2/users/me", context="edit")
    if not user.is_success:
        raise _not_let_in(user, site)
    _require_rights(user.one(), username)
    return [*_zone(site, timezone, now=now), *_clock(index, now=now)]


def _list(found: Any) -> list[Any]:
    """The list that was answered; SiteUnavailableError where it is none. What is left out is an empty one."""
    if found is None or isinstance(found, list):
        return found or []
    raise SiteUnavailableError("The site's answer makes no sense: it names something where a list of names belongs.")


def _not_let_in(reply: Reply, site: Mapping[str, Any]) -> SiteRefusedError:
    methods = site.get("authentication")
    if isinstance(methods, list) or (isinstance(methods, dict) and "application-passwords" not in methods):
        return SiteRefusedError(
            "Application passwords are switched off at the site, or it is not reached by https. Switch them on there: "
            "without them nothing can be published."
        )
    if reply.status == _FORBIDDEN:
        return SiteRefusedError(f"{sentences.ROLE} {reply.refusal().message.removeprefix(sentences.ROLE).strip()}")
    return reply.refusal()


def _require_rights(user: Mapping[str, Any], username: str) -> None:
    rights = user.get("capabilities")
    allowed = rights if isinstance(rights, dict) else {}
    missing = [what for right, what in _NEEDED.items() if not allowed.get(right)]
    if missing:
        roles = ", ".join(map(str, _list(user.get("roles")))) or "none"
        what = sentences.joined(missing, word="or")
        raise SiteRefusedError(
            f"The user {username!r} (role at the site: {sentences.shown(roles)}) may not {what} there. "
            "Give the user the role author or editor, or set another user: igny8 site set SITE --username NAME "
            "--password-stdin."
        )


def _zone(site: Mapping[str, Any], timezone: str, *, now: datetime) -> list[str]:
    """Where its clocks go otherwise than is known here; the same hour under another name is no difference."""
    name, offset = str(site.get("timezone_string") or ""), site.get("gmt_offset")
    if name == timezone or not isinstance(offset, int | float | str):
        return []
    try:
        here, there = now.astimezone(ZoneInfo(timezone)).utcoffset(), timedelta(hours=float(offset))
    except (ValueError, KeyError, OSError, OverflowError):
        return []
    if here == there:
        return []
    shown = sentences.shown(name) or f"UTC{float(offset):+g}"
    told = (
        f"The site's own time zone is {shown}, here it is {timezone}. Articles appear at the right instant, but are "
        "dated otherwise there. Make the two equal: igny8 site set SITE --timezone ZONE, or at the site."
    )
    return [told]


def _clock(index: Reply, *, now: datetime) -> list[str]:
    if index.clock is None or abs(index.clock - now.astimezone(UTC)) <= _MOST_SKEW:
        return []
    seconds = round((index.clock - now.astimezone(UTC)).total_seconds())
    way = "ahead of" if seconds > 0 else "behind"
    told = (
        f"The site's clock is {abs(seconds)} seconds {way} ours. Articles appear when our clock says so; have the "
        "site's clock set right, or its own dates are wrong."
    )
    return [told]
