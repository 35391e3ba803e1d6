"""Owns what people change of a site itself: its name, where its content goes, its credentials, its zone.

Credentials go in and never come out: whoever reads a site is shown a mask, and sending the mask back changes nothing.
Never: commits; asks a site.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.core.errors import Fault, InvalidValueError
from pipeline.core.normal import display_text
from pipeline.models import Site
from pipeline.net import askable_url
from pipeline.secrets import encrypted
from pipeline.services import audit, calendar, placing, site_notes, site_titles
from pipeline.services.calendar import Changed, Follow
from pipeline.services.sites import lock_site, name_faults, timezone_faults
from pipeline.sites import SiteKind

#: What stands for credentials that are set.
MASK: Final = "********"
#: What may be changed, and whether it may be taken away (None).
FIELDS: Final[Mapping[str, bool]] = {
    "name": False,
    "timezone": False,
    "target": False,
    "url": True,
    "username": True,
    "credentials": True,
    "category": True,
}
#: What decides where articles go, and as whom.
_CONNECTION: Final = frozenset({"target", "url", "username", "credentials"})
#: What a site that is reached over the network needs, and what that is called.
#: What a site has to have, by its target: how it is called.
_NEEDED: Final[Mapping[str, Mapping[str, str]]] = {
    SiteKind.SITE: {"url": "address", "username": "user name", "credentials": "application password"},
    SiteKind.WEBHOOK: {"url": "address", "credentials": "secret"},
}
_MOST_CATEGORY: Final = 200
_MOST_USERNAME: Final = 200
_MOST_CREDENTIALS: Final = 4_000


def edit(
    session: Session,
    site: Site,
    changes: Mapping[str, str | None],
    *,
    follow: Follow,
    home: Path,
    actor: str,
    now: datetime,
    is_trusted: bool = False,
) -> Changed:
    """Change the named fields of the site (of FIELDS), all or none; what that did to its calendar.

    A password that is kept is sent to no other address than it was given for, unless whoever asks `is_trusted`: may
    read it anyway. InvalidValueError names every fault.
    """
    values = _checked(session, site, changes)
    if values.get("credentials") == MASK:
        del values["credentials"]
    moved, zone = Changed((), None), values.pop("timezone", site.timezone)
    if zone != site.timezone:
        moved = calendar.set_timezone(session, site, zone, follow=follow, actor=actor, now=now)
    lock_site(session, site)
    _refuse_half_a_connection(site, values)
    if not is_trusted:
        _refuse_to_tell_a_stranger(site, values)
    differing = _differing(site, values, home=home)
    if differing:
        _change(session, site, differing, actor=actor, now=now)
    return moved


def _change(session: Session, site: Site, differing: Mapping[str, Any], *, actor: str, now: datetime) -> None:
    """Write the columns, with what follows of them, and leave a trace of it."""
    _follow(session, site, differing, now=now)
    for name, value in differing.items():
        setattr(site, name, value)
    session.flush()
    audit.record(
        session,
        account_id=site.account_id,
        actor=actor,
        action="site.edited",
        subject_kind="site",
        subject_id=site.id,
        now=now,
        details={"fields": sorted(differing)},
    )


def _differing(site: Site, values: Mapping[str, Any], *, home: Path) -> dict[str, Any]:
    """The columns that change; credentials are another secret each time they are given."""
    plain = {name: value for name, value in values.items() if name != "credentials"}
    differing = {name: value for name, value in plain.items() if getattr(site, name) != value}
    secret = values.get("credentials")
    if secret:
        differing["credentials"] = encrypted(secret, home=home)
    elif "credentials" in values and site.credentials is not None:
        differing["credentials"] = None
    return differing


def _refuse_half_a_connection(site: Site, values: Mapping[str, Any]) -> None:
    """A site that is reached over the network has an address that keeps a password secret, a user and a password.

    One that is told has an address and a secret.
    """
    kind = values.get("target", site.target)
    needed = _NEEDED.get(kind)
    if needed is None:
        return
    is_left = {name: values.get(name, getattr(site, name)) for name in needed}
    faults = [
        Fault(name, f"a site that is reached over the network needs its {what}. Give it, or set the target folder.")
        for name, what in needed.items()
        if not is_left[name]
    ]
    if kind == SiteKind.SITE:
        faults += _front_page_faults(str(is_left["url"] or ""))
    if faults:
        raise InvalidValueError(faults)


def refuse_address(url: str) -> None:
    """Raise InvalidValueError for an address that no password is to be sent to."""
    faults = [*_url_faults(url), *_front_page_faults(url)]
    if faults:
        raise InvalidValueError(faults)


def _front_page_faults(url: str) -> list[Fault]:
    faults = []
    if "?" in url or "#" in url:
        faults.append(Fault("url", "the address of a site has no ? and no #. Give that of its front page."))
    if url.lower().startswith("http://") and not config().allow_private_sites:
        faults.append(Fault("url", "by http:// everybody on the way reads the password. Give the https:// address."))
    return faults


def _refuse_to_tell_a_stranger(site: Site, values: Mapping[str, Any]) -> None:
    """Whoever may set an address and never reads a password must not have it sent to an address of theirs."""
    if values.get("target", site.target) != SiteKind.SITE or values.get("credentials") or site.credentials is None:
        return
    is_as_before = site.target == SiteKind.SITE and _host(values.get("url", site.url)) == _host(site.url)
    if not is_as_before:
        told = (
            "the password that is kept was given for another address, and is not sent to this one. Give it together "
            "with the address."
        )
        raise InvalidValueError([Fault("credentials", told)])


def _host(url: str | None) -> tuple[str | None, int | None]:
    """Whose address it is; by http and by https the same."""
    parts = urlsplit(url or "")
    is_usual = parts.port is None or (parts.scheme, parts.port) in {("http", 80), ("https", 443)}
    return parts.hostname, None if is_usual else parts.port


def _follow(session: Session, site: Site, differing: Mapping[str, Any], *, now: datetime) -> None:
    """What is known of a site ends with its address; another connection is looked at at once."""
    if {"target", "url"} & differing.keys():
        site_notes.forget_all(session, site)
        site_titles.forget_all(session, site)
        placing.forget_traces(session, site.id, now=now)
    if _CONNECTION & differing.keys():
        placing.doubt_drafts(session, site.id)
        site_notes.doubt_search_texts(session, site)
        site.next_check_at = now
    placing.try_drafts_again(session, site.id, now=now)


def _checked(session: Session, site: Site, changes: Mapping[str, str | None]) -> dict[str, Any]:
    """The values as they are kept; InvalidValueError with every fault at once."""
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, value in changes.items():
        if value is None:
            values[name] = None
            if not FIELDS[name]:
                faults.append(Fault(name, "it must not be empty. Leave it out to keep it as it is."))
            continue
        values[name] = display_text(value) if name in {"name", "username", "category"} else value
        faults += _faults_of(session, site, name, values[name])
    if faults:
        raise InvalidValueError(faults)
    empty = {name: None for name in ("url", "username", "category") if values.get(name) is not None}
    return values | {name: values[name].strip() or gone for name, gone in empty.items()}


def _faults_of(session: Session, site: Site, name: str, value: str) -> list[Fault]:
    if name == "name":
        return [] if value == site.name else name_faults(session, site.account_id, value)
    if name == "timezone":
        return timezone_faults(value)
    if name == "target" and value not in list(SiteKind):
        return [Fault(name, f"{value!r} is not known. Allowed: {', '.join(SiteKind)}.")]
    if name == "url":
        return _url_faults(value)
    most = {"username": _MOST_USERNAME, "credentials": _MOST_CREDENTIALS, "category": _MOST_CATEGORY}.get(name)
    if most is not None and len(value) > most:
        return [Fault(name, f"it has {len(value):,} characters; at most {most:,} are allowed. Shorten it.")]
    return []


def _url_faults(url: str) -> list[Fault]:
    try:
        askable_url(url)
    except InvalidValueError as error:
        return [Fault("url", error.message)]
    return []
