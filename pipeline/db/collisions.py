"""Owns telling two transactions that met from a database that is away: drivers raise the same for both.

A deadlock, a serialization failure, a lock that did not come in time, a transaction that slept for so long that the
server gave its locks to others: nothing of the transaction that is told of it stands, the database is there, and the
same will do at the next try. Never: tries again.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError

#: SQLSTATE: serialization_failure, deadlock_detected, lock_not_available, idle_in_transaction_session_timeout.
_STATES: Final = frozenset({"40001", "40P01", "55P03", "25P03"})
#: SQLite's result codes; what refines them stands in the higher bits.
_CODES: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_PRIMARY: Final = 0xFF


class CollisionError(OperationalError):
    """Two changes met, and nothing of this one was saved. Try again."""

    @property
    def message(self) -> str:
        """The sentence to show."""
        return (type(self).__doc__ or "").strip()


def tell_collisions(engine: Engine) -> None:
    """Let whatever `engine` does raise CollisionError where two transactions met."""
    event.listen(engine, "handle_error", _told)


def _told(context: ExceptionContext) -> CollisionError | None:
    """What is raised instead; None: the error stands."""
    if not _is_collision(context.original_exception):
        return None
    told = context.sqlalchemy_exception
    statement, params = (told.statement, told.params) if told is not None else (None, None)
    return CollisionError(statement, params, context.original_exception)


def _is_collision(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return code & _PRIMARY in _CODES
    return getattr(error, "sqlstate", None) in _STATES
