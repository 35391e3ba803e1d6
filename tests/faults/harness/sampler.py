"""Owns looking at the rows many times a second while faults strike: what must hold at every moment.

A database that is away is not looked at; how often it was is told. Never: writes.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.core.states import LaneStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.models import Account, Lane, Publication, StageRun

EVERY_SECONDS: Final = 0.1
#: Between the statement that read a lease and the clock that was read before it.
_SLACK: Final = timedelta(seconds=1)
_MOST_TOLD: Final = 20


class Sampler:
    """One thread that looks. A context: it looks inside it."""

    def __init__(self, url: str, *, every_seconds: float = EVERY_SECONDS, leases: bool = True) -> None:
        """With connections of its own. `leases`: whether its clock is the one that leases are made by."""
        self._looks_at_leases = leases
        self._every_seconds = every_seconds
        self._database = Database(url)
        self._thread = threading.Thread(target=self._look_for_ever, name="sampler", daemon=True)
        self._ended = threading.Event()
        #: How often it looked, and how often it could not.
        self.samples = self.missed = 0
        self._found: dict[str, None] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._database.dispose()

    def complaints(self) -> list[str]:
        """A line for each row that was ever seen as it must not be; that nothing was looked at is one, too."""
        return list(self._found)[:_MOST_TOLD] if self.samples else ["no sample was ever taken"]

    def _look_for_ever(self) -> None:
        while not self._ended.wait(self._every_seconds):
            try:
                lease = timedelta(seconds=config().lease_seconds) + _SLACK
                now = self._database.now()
                with self._database.reading() as session:
                    seen = [*_over_caps(session), *_two_stages(session)]
                    if self._looks_at_leases:
                        seen += _too_long_leases(session, until=now + lease)
            except SQLAlchemyError:
                self.missed += 1
            else:
                self.samples += 1
                self._found.update(dict.fromkeys(seen))


def _over_caps(session: Session) -> list[str]:
    used = StageRun.spent + StageRun.held + StageRun.lost
    stages = session.execute(select(StageRun.id, used, StageRun.cap).where(used > StageRun.cap)).all()
    accounts = session.execute(select(Account.id).where(Account.held > Account.balance)).all()
    return [
        *(
            f"stage run {row[0]} was seen with {row[1]} of {row[2]} micro-credits spent, held and lost"
            for row in stages
        ),
        *(f"account {row[0]} was seen with more held than it has" for row in accounts),
    ]


def _too_long_leases(session: Session, *, until: object) -> list[str]:
    """Nobody's lease is longer than a lease is."""
    lanes = session.execute(select(Lane.stage_run_id, Lane.number).where(Lane.lease_until > until)).all()
    placed = session.scalars(select(Publication.id).where(Publication.lease_until > until)).all()
    return [
        *(f"lane {row.number} of stage run {row.stage_run_id} was seen with too long a lease" for row in lanes),
        *(f"publication {row} was seen with too long a lease" for row in placed),
    ]


def _two_stages(session: Session) -> list[str]:
    """No stage of a run works while one before it does."""
    open_lane = select(Lane.stage_run_id).where(Lane.status == LaneStatus.OPEN)
    rows = session.execute(
        select(StageRun.run_id, StageRun.number).where(
            StageRun.status == StageRunStatus.RUNNING, StageRun.id.in_(open_lane)
        )
    ).all()
    runs = [row.run_id for row in rows]
    return [f"run {run} was seen in two stages at once" for run in set(runs) if runs.count(run) > 1]
