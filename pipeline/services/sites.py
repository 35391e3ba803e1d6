"""Owns the sites of an account: adding one with its settings, and finding one that is there.

One that was deleted is not there, for nobody but whoever restores it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from pipeline.core.calendar import parse_timezone
from pipeline.core.errors import Fault, InvalidValueError, NotFoundError
from pipeline.core.normal import display_text
from pipeline.models import Site
from pipeline.services import plans, settings, site_health

MAX_NAME_CHARACTERS: Final = 100
_NAMES_SHOWN: Final = 5
#: Ids are 64 bits.
_ID_DIGITS: Final = 18


def add_site(session: Session, *, account_id: int, name: str, timezone: str, now: datetime) -> Site:
    """Add a site with default settings. InvalidValueError names every fault of its name and zone.

    ConflictError where the account's plan has no room for another one.
    """
    name = display_text(name)
    faults = [*name_faults(session, account_id, name), *timezone_faults(timezone)]
    if faults:
        raise InvalidValueError(faults)
    plans.require_room(session, account_id, "most_sites")
    site = Site(account_id=account_id, name=name, timezone=timezone, created_at=now)
    session.add(site)
    session.flush()
    site.next_check_at = site_health.next_check(site.id, after=now)
    settings.make(session, site, now=now)
    return site


def get_site(session: Session, *, account_id: int, site_id: int) -> Site:
    """The account's site of that id; NotFoundError where it is another account's, or not there."""
    site = session.scalar(_there(account_id).where(Site.id == site_id))
    if site is None:
        raise NotFoundError(f"There is no site {site_id} in this account.")
    return site


def find_site(session: Session, account_id: int, name_or_id: str) -> Site:
    """The account's site of that name, or else of that id; NotFoundError with the sites there are."""
    own = _there(account_id)
    site = session.scalar(own.where(Site.name == display_text(name_or_id)))
    if site is None and is_id(name_or_id):
        site = session.scalar(own.where(Site.id == int(name_or_id)))
    if site is None:
        raise NotFoundError(f"There is no site {name_or_id!r}. {_known(session, account_id)}")
    return site


def is_id(text: str) -> bool:
    """Whether a text can be the id of a row."""
    return text.isascii() and text.isdecimal() and len(text) <= _ID_DIGITS


def list_sites(session: Session, *, account_id: int) -> Sequence[Site]:
    """Every site of the account, oldest first."""
    return session.scalars(_there(account_id).order_by(Site.id)).all()


def lock_site(session: Session, site: Site) -> None:
    """Keep others from deleting the site until the transaction ends. NotFoundError where somebody was faster."""
    there = select(Site.id).where(Site.id == site.id, Site.deleted_at.is_(None))
    if session.scalar(there.with_for_update(key_share=True)) is None:
        raise NotFoundError(f"There is no site {site.id} in this account.")


def of_a_site_that_is_there(column: Any) -> ColumnElement[bool]:
    """Whether the site that the column names was not deleted."""
    return select(Site.id).where(Site.id == column, Site.deleted_at.is_(None)).exists()


def name_faults(session: Session, account_id: int, name: str) -> list[Fault]:
    """What is wrong with a name for another site of the account."""
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS:
        return [Fault("name", f"a site's name has 1 to {MAX_NAME_CHARACTERS} characters; this one has {len(name)}.")]
    if session.scalar(_there(account_id).where(Site.name == name)) is not None:
        return [Fault("name", f"there is a site called {name!r} already. Choose another name.")]
    return []


def timezone_faults(timezone: str) -> list[Fault]:
    """What is wrong with a zone."""
    try:
        parse_timezone(timezone)
    except InvalidValueError as error:
        return [Fault("timezone", error.message)]
    return []


def _there(account_id: int) -> Select[Site]:
    return select(Site).where(Site.account_id == account_id, Site.deleted_at.is_(None))


def _known(session: Session, account_id: int) -> str:
    names = [site.name for site in list_sites(session, account_id=account_id)]
    if not names:
        return "This account has none yet: add one with `igny8 site add --name NAME --timezone ZONE`."
    shown = ", ".join(names[:_NAMES_SHOWN]) + (" …" if len(names) > _NAMES_SHOWN else "")
    return f"Sites here: {shown}."
