"""Owns what stands around every page: side bar, site, credits, who is here. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fastapi import Request
from sqlalchemy.orm import Session

from pipeline.core.roles import Role, includes
from pipeline.models import Account, Site, User
from pipeline.services import credits as ledger
from pipeline.services import notifications, sites
from pipeline.services.callers import Caller
from pipeline.services.settings.modules import resolved_modules
from pipeline.web.pages import menu
from pipeline.web.pages.menu import Section
from pipeline.web.pages.pace import Paces

#: Which site a browser looks at, and in which light.
SITE_COOKIE: Final = "igny8_site"
THEME_COOKIE: Final = "igny8_theme"
_THEMES: Final = ("light", "dark")


@dataclass(frozen=True)
class Shell:
    """What the frame of a page shows."""

    path: str
    theme: str
    csrf_token: str
    account: str
    user: str
    initials: str
    may_edit: bool
    may_own: bool
    sections: Sequence[Section]
    sites: Sequence[Site]
    #: None: the account has none yet.
    site: Site | None
    #: None: who reaches some sites only is not told what the account has.
    available_ucr: int | None
    #: For how many days that is enough; None: nothing was used lately, or they are not told.
    lasts_days: int | None
    unread: int

    @property
    def is_whole(self) -> bool:
        """Whether every site of the account is there for them, and the account with it."""
        return self.available_ucr is not None


def theme_of(request: Request) -> str:
    """The light that the browser's reader chose; light until then."""
    theme = request.cookies.get(THEME_COOKIE, "")
    return theme if theme in _THEMES else _THEMES[0]


def shell_of(session: Session, request: Request, caller: Caller, *, now: datetime) -> Shell:
    """The frame of the caller's pages, about the site that the browser looks at."""
    account_id = caller.account_id
    listed = sites.list_sites(session, account_id=account_id)
    user = session.get_one(User, caller.user_id)  # Pages are of people: a key opens none.
    name = user.name or user.email
    is_whole = caller.site_ids is None
    available_ucr = ledger.balance(session, account_id).available_ucr if is_whole else None
    paces: Paces = request.app.state.paces
    outlook = (
        paces.outlook(session, account_id, available_ucr=available_ucr, now=now) if available_ucr is not None else None
    )
    modules = {module: bool(decided.value) for module, decided in resolved_modules(session, account_id).items()}
    return Shell(
        path=request.url.path,
        theme=theme_of(request),
        csrf_token=caller.csrf_token or "",
        account=session.get_one(Account, account_id).name,
        user=name,
        initials=initials_of(name),
        may_edit=includes(caller.role, Role.EDITOR),
        may_own=includes(caller.role, Role.OWNER),
        sections=menu.sections(modules=modules, role=caller.role, is_whole=is_whole),
        sites=listed,
        site=_chosen(request, listed),
        available_ucr=available_ucr,
        lasts_days=outlook.days if outlook else None,
        unread=notifications.count_unread(session, account_id=account_id) if is_whole else 0,
    )


def initials_of(name: str) -> str:
    """Two letters of a name."""
    parts = [part for part in name.replace("@", " ").split() if part[0].isalnum()] or ["?"]
    return (parts[0][0] + (parts[1][0] if len(parts) > 1 else parts[0][1:2])).upper()


def frame(shell: Shell) -> dict[str, Any]:
    """What the base template needs besides."""
    tools = {"is_open": menu.is_open, "is_here": menu.is_here, "initials_of": initials_of, "site_names": site_names}
    return {"shell": shell, **tools}


def site_names(listed: Sequence[Site]) -> dict[int, str]:
    """What the sites are called."""
    return {site.id: site.name for site in listed}


def _chosen(request: Request, listed: Sequence[Site]) -> Site | None:
    """The site that the address names, else the one that the browser looked at last, else the first."""
    wanted = request.query_params.get("site") or request.cookies.get(SITE_COOKIE, "")
    return next((site for site in listed if str(site.id) == wanted), listed[0] if listed else None)
