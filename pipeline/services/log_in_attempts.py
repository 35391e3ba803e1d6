"""Owns how often a password may be tried for one e-mail address: counted in the database, whichever process asks."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import case, delete, update
from sqlalchemy.orm import Session

from pipeline.core.errors import TooManyRequestsError
from pipeline.models import LogInAttempts
from pipeline.models.base import table_of
from pipeline.models.inserting import insert_into

MOST: Final = 10
WITHIN: Final = timedelta(minutes=15)
_ROWS: Final = table_of(LogInAttempts)


def spend(session: Session, email: str, *, now: datetime) -> None:
    """Count one attempt, before the password is looked at. TooManyRequestsError past the last that is allowed."""
    row = insert_into(session, LogInAttempts).values(email_hash=_hash_of(email), since=now, count=1)
    is_over = _ROWS.c.since <= now - WITHIN
    again = row.on_conflict_do_update(
        index_elements=[_ROWS.c.email_hash],
        set_={
            "since": case((is_over, now), else_=_ROWS.c.since),
            "count": case((is_over, 1), else_=_ROWS.c.count + 1),
        },
    )
    count, since = session.execute(again.returning(_ROWS.c.count, _ROWS.c.since)).one()
    if count > MOST:
        wait = since + WITHIN - now
        told = f"A password was tried {MOST} times for this address within {WITHIN.seconds // 60} minutes. "
        raise TooManyRequestsError(
            f"{told}Wait {wait.seconds // 60 + 1} minutes, then try again.", retry_after_seconds=wait.seconds + 1
        )


def note_failure(session: Session, email: str) -> None:
    """Write as much as is written where somebody has the address: how long it takes tells nobody which it was."""
    session.execute(update(_ROWS).where(_ROWS.c.email_hash == _hash_of(email)).values(count=_ROWS.c.count))


def forget(session: Session, email: str) -> None:
    """Count anew: the password was right, or is another one now."""
    session.execute(delete(_ROWS).where(_ROWS.c.email_hash == _hash_of(email)))


def forget_old(session: Session, *, now: datetime) -> None:
    """Delete what counts no longer."""
    session.execute(delete(_ROWS).where(_ROWS.c.since <= now - WITHIN))


def _hash_of(email: str) -> str:
    return sha256(email.encode("utf-8", "replace")).hexdigest()
