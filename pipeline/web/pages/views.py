"""Owns what a page is: a known caller, one reading transaction, a template; who is not known is asked to log in.

Pages only read. Whatever is changed goes through the API, with the log-in's token: one set of rules, one set of words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, wraps
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from pipeline.core.errors import PipelineError, UnknownCallerError
from pipeline.core.roles import Role, Scope
from pipeline.models import Site
from pipeline.services import sites
from pipeline.web.errors import status_of
from pipeline.web.operations import Needs, Unit, described, opened
from pipeline.web.pages.look import render
from pipeline.web.pages.packing import packed
from pipeline.web.pages.parameters import LONGEST_PLACE
from pipeline.web.pages.shell import Shell, frame, shell_of, theme_of

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Page:
    """A template and its values; `site`: the one that the page is about."""

    template: str
    values: dict[str, Any] = field(default_factory=dict)
    site: Site | None = None


@dataclass
class View:
    """One look: its transaction, who looks, and what the browser said."""

    unit: Unit
    request: Request

    @property
    def session(self) -> Session:
        """The reading transaction."""
        return self.unit.session

    @property
    def now(self) -> datetime:
        """Since when it is looked."""
        return self.unit.now

    @property
    def account_id(self) -> int:
        """The account that everything is looked up in."""
        return self.unit.account_id

    @cached_property
    def shell(self) -> Shell:
        """What stands around the page."""
        return shell_of(self.session, self.request, self.unit.caller, now=self.now)

    def site(self, site_id: int) -> Site:
        """The account's site of that id; NotFoundError."""
        return sites.get_site(self.session, account_id=self.account_id, site_id=site_id)

    def chosen_site(self) -> Site:
        """The site that the browser looks at; NoSiteYetError where the account has none."""
        if self.shell.site is None:
            raise NoSiteYetError
        return self.shell.site


class NoSiteYetError(PipelineError):
    """There is no site yet. Add one first."""


def page(
    scope: Scope, *, role: Role = Role.VIEWER, whole_account: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make an endpoint of a function that reads; its first parameter is the `View`, its answer a `Page`."""
    needs = Needs(scope, role, writes=False, whole_account=whole_account, is_page=True)

    def decorate(function: Callable[..., Page | Response]) -> Callable[..., Any]:
        @wraps(function)
        def endpoint(request: Request, **given: Any) -> Response:
            if "authorization" in request.headers:
                return _to_log_in(request)  # A key opens the API and no page.
            try:
                with opened(request, needs, given) as unit:
                    view = View(unit, request)
                    found = function(view, **given)
                    return found if isinstance(found, Response) else _answer(view, found)
            except NoSiteYetError:
                # The dashboard says what is to be done, as far as somebody may do it.
                return RedirectResponse("/", HTTPStatus.SEE_OTHER, headers=HEADERS)
            except UnknownCallerError:
                return _to_log_in(request)
            except PipelineError as error:
                return refused(request, status_of(error), error.message)

        made = described(endpoint, function, needs)
        # What goes out is a page, whatever the function answers.
        vars(made)["__signature__"] = vars(made)["__signature__"].replace(return_annotation=Response)
        return made

    return decorate


def refused(request: Request, status: HTTPStatus, message: str) -> Response:
    """A page that says what is not to be had."""
    text = render("refused.html", theme=theme_of(request), status=status, message=message)
    return packed(request, text, HEADERS, status)


def _answer(view: View, found: Page) -> Response:
    shell = view.shell if found.site is None else replace(view.shell, site=found.site)
    return packed(view.request, render(found.template, **frame(shell), now=view.now, **found.values), HEADERS)


def _to_log_in(request: Request) -> Response:
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    # What others put behind an address may be longer than any of ours: it is no reason to let nobody in.
    here = here if len(here) <= LONGEST_PLACE else request.url.path
    here = here if len(here) <= LONGEST_PLACE else "/"
    return RedirectResponse(f"/login?{urlencode({'next': here})}", HTTPStatus.SEE_OTHER, headers=HEADERS)
