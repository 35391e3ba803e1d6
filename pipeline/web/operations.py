"""Owns what an operation of the API is: a known caller, one transaction, one thread.

Who calls, what they may, and the work itself are one transaction in one thread: a writer on SQLite holds the database
from its first statement on, and must not wait for a thread of the pool then (decision 0025).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
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
from pipeline.services import api_keys
from pipeline.services.api_keys import Caller

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


def reads(scope: Scope, *, role: Role = Role.VIEWER) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make an endpoint of a function that only looks; its first parameter is the `Unit`."""
    return _operation(Needs(scope, role, writes=False))


def writes(scope: Scope, *, role: Role = Role.EDITOR) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make an endpoint of a function that changes something; its first parameter is the `Unit`."""
    return _operation(Needs(scope, role, writes=True))


class Steps:
    """A request that does something slow, such as asking a receiver, between two transactions."""

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


def writes_in_steps(scope: Scope, *, role: Role) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make an endpoint of a function whose first parameter is `Steps`; it has to begin with `reading`."""
    needs = Needs(scope, role, writes=True)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def endpoint(request: Request, **given: Any) -> Any:
            return function(Steps(request, needs), **given)

        return _described(endpoint, function, needs)

    return decorate


def _operation(needs: Needs) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def endpoint(request: Request, **given: Any) -> Any:
            with _unit(request, needs) as unit:
                return function(unit, **given)

        return _described(endpoint, function, needs)

    return decorate


def _described(endpoint: Callable[..., Any], function: Callable[..., Any], needs: Needs) -> Callable[..., Any]:
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
    needs = getattr(request.scope.get("endpoint"), NEEDS, None)
    if needs is None:
        return
    database = request.app.state.backend.database()
    with database.reading() as session:
        _admit(session, request, needs, now=database.now())


@contextmanager
def _unit(request: Request, needs: Needs) -> Iterator[Unit]:
    backend: Backend = request.app.state.backend
    database = backend.database()
    now = database.now()
    with database.transaction() if needs.writes else database.reading() as session:
        caller = _admit(session, request, needs, now=now)
        if caller.is_unmarked:
            _mark(database, session, caller, writes=needs.writes, now=now)
        yield Unit(session, caller, now, backend)


def _admit(session: Session, request: Request, needs: Needs, *, now: datetime) -> Caller:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.casefold() != "bearer" or not key:
        raise UnknownCallerError
    caller = api_keys.caller_of(session, key.strip(), now=now)
    if not includes(caller.role, needs.role):
        raise ForbiddenError(f"This key has the role {caller.role}; that takes {needs.role}.")
    if not covers(caller.scopes, needs.scope):
        raise ForbiddenError(f"This key is narrowed down to {', '.join(caller.scopes)}; that takes {needs.scope}.")
    return caller


def _mark(database: Database, session: Session, caller: Caller, *, writes: bool, now: datetime) -> None:
    """Write down that the key is used. A reader does so beside its own transaction, and goes on where it cannot."""
    if writes:
        api_keys.mark_used(session, caller.key_id, now=now)
        return
    with suppress(DBAPIError), database.transaction() as other:
        api_keys.mark_used(other, caller.key_id, now=now)
