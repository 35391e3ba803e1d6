"""Owns what an operation of the API is: a known caller, one transaction, one thread.

Who calls, what they may, and the work itself are one transaction in one thread: a writer on SQLite holds the database
from its first statement on, and must not wait for a thread of the pool then (decision 0025).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from typing import Any, Final, Protocol

from fastapi import Request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from pipeline.core.errors import ForbiddenError, UnknownCallerError
from pipeline.core.roles import Role, Scope, covers, includes
from pipeline.db.session import Database
from pipeline.services import api_keys, log_ins, site_access, sites
from pipeline.services.callers import Caller
from pipeline.web import cookies
from pipeline.web.queries import refuse_unknown
from pipeline.web.rates import Rates
from pipeline.web.strangers import Strangers, address_of, secret_of

#: Attribute of an endpoint: what it needs.
NEEDS: Final = "needs"


class Backend(Protocol):
    """What an app stands on."""

    def database(self) -> Database:
        """The database of this installation."""

    def send(self, stage_run_id: int) -> None:
        """Send a stage run that was made due, after its commit."""


@dataclass(frozen=True)
class Needs:
    """What a caller has to be for an operation, and whether it writes."""

    scope: Scope
    role: Role
    writes: bool
    #: Whether somebody who is narrowed down to some sites has no business there.
    whole_account: bool = False
    #: Whether people open it: what others put behind an address, such as where a link was clicked, does no harm there.
    is_page: bool = False


@dataclass(frozen=True)
class Unit:
    """One request's work: its transaction, who calls, and since when."""

    session: Session
    caller: Caller
    now: datetime
    backend: Backend

    @property
    def account_id(self) -> int:
        """The account that everything is looked up in."""
        return self.caller.account_id


def reads(
    scope: Scope, *, role: Role = Role.VIEWER, whole_account: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make an endpoint of a function that only looks; its first parameter is the `Unit`."""
    return _operation(Needs(scope, role, writes=False, whole_account=whole_account))


def writes(
    scope: Scope, *, role: Role = Role.EDITOR, whole_account: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make an endpoint of a function that changes something; its first parameter is the `Unit`."""
    return _operation(Needs(scope, role, writes=True, whole_account=whole_account))


class Steps:
    """A request that does something slow, such as hashing a password, between two transactions."""

    def __init__(self, request: Request, needs: Needs) -> None:
        """Nothing is open yet."""
        self._request = request
        self._needs = needs

    @contextmanager
    def reading(self) -> Iterator[Unit]:
        """Look, the caller admitted first."""
        with _unit(self._request, replace(self._needs, writes=False)) as unit:
            yield unit

    @contextmanager
    def writing(self) -> Iterator[Unit]:
        """Change something, the caller admitted again: much may have happened since."""
        with _unit(self._request, self._needs) as unit:
            yield unit


def writes_in_steps(
    scope: Scope, *, role: Role, whole_account: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make an endpoint of a function whose first parameter is `Steps`; it begins with one of them."""
    needs = Needs(scope, role, writes=True, whole_account=whole_account)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def endpoint(request: Request, **given: Any) -> Any:
            return function(Steps(request, needs), **given)

        return described(endpoint, function, needs)

    return decorate


def _operation(needs: Needs) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def endpoint(request: Request, **given: Any) -> Any:
            with opened(request, needs, given) as unit:
                return function(unit, **given)

        return described(endpoint, function, needs)

    return decorate


@contextmanager
def opened(request: Request, needs: Needs, given: Mapping[str, Any]) -> Iterator[Unit]:
    """One request's work, the caller admitted and what was asked for within their reach."""
    with _unit(request, needs) as unit:
        _look_up(unit, given)
        yield unit


def described(endpoint: Callable[..., Any], function: Callable[..., Any], needs: Needs) -> Callable[..., Any]:
    """Let FastAPI see the parameters of the function, with the request in the place of its first one."""
    signature = inspect.signature(function, eval_str=True)
    _, *others = signature.parameters.values()
    first = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
    keywords = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in others]
    vars(endpoint).update({"__signature__": signature.replace(parameters=[first, *keywords]), NEEDS: needs})
    del vars(endpoint)["__wrapped__"]
    return endpoint


def require_caller(request: Request) -> None:
    """Refuse a caller whom the operation does not know or let in; what the request says is looked at after that."""
    if hasattr(request.scope.get("endpoint"), NEEDS):
        require_secret(request)
        database = request.app.state.backend.database()
        with database.reading() as session:
            admit(session, request, now=database.now())


def admit(session: Session, request: Request, *, now: datetime) -> Caller:
    """Who calls, let in as the operation says and confined to their sites; for what is read before its transaction."""
    caller = _admit(session, request, getattr(request.scope["endpoint"], NEEDS), now=now)
    if caller.site_ids is not None:
        site_access.confine(session, caller.site_ids)
    return caller


@contextmanager
def _unit(request: Request, needs: Needs) -> Iterator[Unit]:
    require_secret(request)
    backend: Backend = request.app.state.backend
    database = backend.database()
    now = database.now()
    with database.transaction() if needs.writes else database.reading() as session:
        caller = _admit(session, request, needs, now=now)
        if not needs.is_page:
            refuse_unknown(request.query_params, request.scope.get("route"))
        if caller.is_unmarked:
            _mark(database, session, caller, writes=needs.writes, now=now)
        if caller.site_ids is not None:
            site_access.confine(session, caller.site_ids)
        yield Unit(session, caller, now, backend)


def _admit(session: Session, request: Request, needs: Needs, *, now: datetime) -> Caller:
    caller = _recognised(session, request, now=now)
    rates: Rates = request.app.state.rates
    rates.count(caller.name)
    if not includes(caller.role, needs.role):
        has = "This key has" if caller.log_in_id is None else "You have"
        raise ForbiddenError(f"{has} the role {caller.role}; that takes {needs.role}.")
    if not covers(caller.scopes, needs.scope):
        raise ForbiddenError(f"This key is narrowed down to {', '.join(caller.scopes)}; that takes {needs.scope}.")
    if caller.site_ids is not None and (needs.whole_account or not includes(Role.EDITOR, needs.role)):
        reaches = "This key reaches" if caller.log_in_id is None else "You reach"
        raise ForbiddenError(f"{reaches} some sites only; that takes the whole account.")
    return caller


def require_secret(request: Request) -> str:
    """What says who asks. UnknownCallerError where nothing does: the database need not be asked."""
    secret = secret_of(request.headers, request.cookies)
    if secret is None:
        raise UnknownCallerError
    return secret


def _recognised(session: Session, request: Request, *, now: datetime) -> Caller:
    """Who calls; where nobody is known by what was sent, that counts for the address it came from."""
    strangers: Strangers = request.app.state.strangers
    secret = require_secret(request)
    try:
        caller = caller_of(session, request, now=now)
    except UnknownCallerError:
        strangers.forget(secret, address_of(request))
        raise
    strangers.know(secret)
    return caller


def caller_of(session: Session, request: Request, *, now: datetime) -> Caller:
    """Who sends the request: the key in its header counts, or else the cookie of a log-in.

    UnknownCallerError; ForbiddenError for a change that no page of ours sent.
    """
    secret = require_secret(request)
    if "authorization" in request.headers:
        return api_keys.caller_of(session, secret, now=now)
    caller = log_ins.caller_of(session, secret, now=now)
    cookies.refuse_forgery(request, secret)
    return caller


def _look_up(unit: Unit, given: Mapping[str, Any]) -> None:
    """Whoever is narrowed down learns nothing of another site, however the operation looks it up."""
    site_id = given.get("site_id")
    if unit.caller.site_ids is not None and site_id is not None:
        sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)


def _mark(database: Database, session: Session, caller: Caller, *, writes: bool, now: datetime) -> None:
    """Write down that it is used. A reader does so beside its own transaction, and goes on where it cannot."""
    if writes:
        _write_mark(session, caller, now=now)
        return
    with suppress(DBAPIError), database.transaction() as other:
        _write_mark(other, caller, now=now)


def _write_mark(session: Session, caller: Caller, *, now: datetime) -> None:
    if caller.key_id is not None:
        api_keys.mark_used(session, caller.key_id, now=now)
    if caller.log_in_id is not None:
        log_ins.mark_seen(session, caller.log_in_id, now=now)
