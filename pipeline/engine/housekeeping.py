"""Owns a sweep: a part of the books is checked, what is old is forgotten, people are reminded of what waits.

Portion after portion, each in a transaction of its own, for some seconds; the next sweep goes on. Any number of sweeps
at once do no harm. Never: repairs what the books say is wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.db.session import Database, after_commit
from pipeline.engine.own_canaries import forget_queues
from pipeline.logs import get_logger
from pipeline.models import Base
from pipeline.services import alerts, author_profiles, clearing, housekeeping, invariants

#: Rows of one table whose laws are checked in one sweep. Large: the charges of calls have no index of their own.
BOOKS_PORTION: Final = 20_000
#: Rows that one transaction forgets.
PORTION: Final = 500
SITES_A_PORTION: Final = 500
#: How long one step of a sweep goes on.
STEP_SECONDS: Final = 10.0
_log = get_logger(__name__)

#: Does one portion in a transaction; whether more may follow (None: never).
Step = Callable[[Session], bool | None]


def sweep(database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
    """One sweep. A step that fails is said, and keeps no other from its work."""
    _check_books(database)
    for name, step in _steps(database.now()).items():
        _guarded(name, lambda step=step: _repeated(database, step, clock))  # type: ignore[misc]  # a default in a lambda


def _steps(now: datetime) -> dict[str, Step]:
    """What is done portion by portion."""
    answers = now - timedelta(days=config().answers_days)
    events = now - timedelta(days=config().events_days)
    forgotten: dict[str, Step] = {
        of.__tablename__: lambda session, of=of, instant=instant: housekeeping.forget_rows(  # type: ignore[misc]  # the same
            session, of, instant, before=events, size=PORTION
        )
        for of, instant in housekeeping.GROWING
    }
    return {
        "answers": lambda session: housekeeping.forget_answers(session, before=answers, size=PORTION),
        **forgotten,
        "notifications": lambda session: housekeeping.forget_notifications(session, before=events, size=PORTION),
        "dead": lambda session: _forget_the_dead(session, now=now),
        "sites": lambda session: clearing.clear_sites(session, now=now, size=PORTION),
        "keywords": lambda session: clearing.forget_keywords(session, now=now, size=PORTION),
        "author_profiles": lambda session: author_profiles.forget_deleted(session, now=now, size=PORTION),
        "reviews": lambda session: housekeeping.remind_of_reviews(session, size=SITES_A_PORTION, now=now),
    }


def _forget_the_dead(session: Session, *, now: datetime) -> None:
    names = housekeeping.forget_the_dead(session, now=now)
    workers = [name for name in names if name.startswith("worker:")]
    after_commit(session, lambda: forget_queues(workers))


def _check_books(database: Database) -> None:
    """A portion of each table; one that cannot be checked keeps no other from it, and no finding from being told."""
    findings: list[str] = []
    for of in invariants.walked():
        _guarded(f"books of {of.__tablename__}", lambda of=of: findings.extend(_portion(database, of)))  # type: ignore[misc]  # the same
    for finding in findings:
        _log.error("books_wrong", finding=finding)
    if findings:
        _guarded("books", lambda: _tell(database, findings))


def _portion(database: Database, of: type[Base]) -> list[str]:
    with database.transaction() as session:
        found, _ = housekeeping.check_books(session, of, size=BOOKS_PORTION)
    return found


def _tell(database: Database, findings: list[str]) -> None:
    with database.transaction() as session:
        alerts.books_wrong(session, findings, now=database.now())


def _repeated(database: Database, step: Step, clock: Callable[[], float]) -> None:
    until = clock() + STEP_SECONDS
    more: bool | None = True
    while more and clock() < until:
        with database.transaction() as session:
            more = step(session)


def _guarded(name: str, work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:  # noqa: BLE001 - whatever is wrong with one step, the others are due
        _log.exception("housekeeping_step_failed", step=name)
