"""Owns sites under attack: started, waited for, compared with runs that nobody disturbed.

What an undisturbed run leaves behind is worked out once, in this process, with no process to wait for.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from alembic import command
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.ai import ADAPTERS
from pipeline.ai.offline import OfflineProvider
from pipeline.core.states import CallStatus, RunStatus
from pipeline.db import migrate
from pipeline.db.session import DATABASE_AWAY, Database
from pipeline.engine import gates
from pipeline.models import AiCall, Base, Run, StageRun
from pipeline.services import accounts
from scheduler.calendar import CalendarDuty
from scheduler.duty import Context
from tests.faults.harness import laws, rows
from tests.faults.harness.fleet import Fleet
from tests.faults.harness.rows import Rows
from tests.faults.harness.sampler import Sampler
from tests.faults.harness.sites import RunningSite, at_rest, describe, make_site, start_run
from tests.support.driver import Driver
from tests.support.seven_stages import the_seven_stages

#: How long all of it may take to come to rest after the last fault.
HEAL_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05


class Siege:
    """A database, the processes that work on it, and the sites they work on."""

    def __init__(self, database: Database, fleet: Fleet, sampler: Sampler) -> None:
        """Use `besieged`."""
        self.database, self.fleet, self.sampler = database, fleet, sampler
        self.sites: list[RunningSite] = []

    def start(self, variant: str = "one lane") -> RunningSite:
        """One more site, its run accepted."""
        self.sites.append(start_run(self.database, make_site(self.database, variant)))
        return self.sites[-1]

    def wait(self, ask: Callable[[], bool], *, what: str, seconds: float = HEAL_SECONDS) -> float:
        """Return when it is so: after how many seconds. Fails with what every run and process says."""
        began = time.monotonic()
        while not self._is_so(ask):
            died = self.fleet.died()
            assert not died, f"{died} ended by itself\n{self.fleet.tails()}"
            assert time.monotonic() - began < seconds, f"{what}\n{self._described()}\n{self.fleet.tails()}"
            time.sleep(_POLL_SECONDS)
        return time.monotonic() - began

    def _is_so(self, ask: Callable[[], bool]) -> bool:
        try:
            return ask()
        except DATABASE_AWAY:
            return False

    def heal(self, *, seconds: float = HEAL_SECONDS) -> float:
        """Wait until every run has ended and every article has its slot: after how many seconds."""
        return self.wait(lambda: len(self._at_rest()) == len(self.sites), what="not all runs have ended",
                         seconds=seconds)  # fmt: skip

    def asked(self) -> int:
        """How many questions the provider has seen."""
        return self.fleet.journal.read().asked.total()

    def wait_for_questions(self, more: int, *, seconds: float = HEAL_SECONDS) -> float:
        """Return when the provider has seen so many more: after how many seconds."""
        wanted = self.asked() + more
        return self.wait(lambda: self.asked() >= wanted, what="nobody asks the provider", seconds=seconds)

    def complaints(self, *, ended: RunStatus = RunStatus.COMPLETED) -> list[str]:
        """Every way in which these sites, or the database as a whole, are not as they should be."""
        found = []
        for site in self.sites:
            with self.database.reading() as session:
                status, reason = session.execute(select(Run.status, Run.reason).where(Run.id == site.run_id)).one()
                left = _rows(session, site.site_id)
            if status is not ended:
                found.append(f"run {site.run_id} is {status}: {reason}")
            if ended is RunStatus.COMPLETED:
                lines = rows.differences(undisturbed(site.variant), left)
                found += [f"site {site.site_id} ({site.variant}): {line}" for line in lines]
        return [*found, *self.broken_laws()]

    def broken_laws(self) -> list[str]:
        """What must hold at rest, however the runs ended, and what was seen meanwhile that must never be."""
        seen = self.fleet.journal.read()
        with self.database.reading() as session:
            found = [*laws.broken_laws(session), *laws.unwitnessed_calls(session, seen)]
        return [*found, *self.sampler.complaints()]

    def count(self, status: CallStatus) -> int:
        """How many calls are so."""
        with self.database.reading() as session:
            return session.scalar(select(func.count()).where(AiCall.status == status)) or 0

    def _at_rest(self) -> list[RunningSite]:
        with self.database.reading() as session:
            return at_rest(session, self.sites)

    def _described(self) -> str:
        resting = self._at_rest()
        with self.database.reading() as session:
            return "\n".join(describe(session, site) for site in self.sites if site not in resting)


@contextmanager
def besieged(database: Database, fleet: Fleet, *, leases: bool = True) -> Iterator[Siege]:
    """A siege that is looked at all the time. `leases`: whether they are made by the clock of this process, too."""
    with Sampler(fleet.config.database_url, leases=leases) as sampler:
        yield Siege(database, fleet, sampler)


@contextmanager
def new_database(url: str, *, as_installed: bool = False) -> Iterator[Database]:
    """A new installation's database; its connections are closed at the end.

    `as_installed`: it says of which version it is, as commands and the API want it.
    """
    database = Database(url)
    try:
        Base.metadata.create_all(database.engine)
        if as_installed:
            with database.engine.begin() as connection:
                command.stamp(migrate._alembic(connection), "head")
        with database.transaction() as session:
            accounts.init_installation(session, now=database.now())
        yield database
    finally:
        database.dispose()


@contextmanager
def short_home() -> Iterator[Path]:
    """A folder whose path is short: a socket lies below it."""
    with tempfile.TemporaryDirectory(prefix="igny8-", dir="/tmp") as name:
        yield Path(name)


@cache
def undisturbed(variant: str) -> Rows:
    """What is left of a run of that variant when nothing happens to it."""
    before = ADAPTERS["offline"]
    with short_home() as home, the_seven_stages(), new_database(f"sqlite:///{home}/igny8.db") as database:
        ADAPTERS["offline"] = lambda _: OfflineProvider(latency_seconds=0)
        gates.adapter.cache_clear()
        try:
            return _run_alone(database, variant)
        finally:
            ADAPTERS["offline"] = before
            gates.adapter.cache_clear()


def _run_alone(database: Database, variant: str) -> Rows:
    driver = Driver(database)
    site = start_run(database, make_site(database, variant), sends=False)
    with database.reading() as session:
        first = select(StageRun.id).where(StageRun.run_id == site.run_id, StageRun.number == 1)
        driver.send_stage(session.scalars(first).one())
    assert driver.run_to_end(site.run_id) is RunStatus.COMPLETED
    CalendarDuty()(Context(database, None, database.now()))  # type: ignore[arg-type]  # it sends nothing.
    with database.reading() as session:
        return _rows(session, site.site_id)


def _rows(session: Session, site_id: int) -> Rows:
    """All that two runs of the same words have in common."""
    return {**rows.rows_of(session, site_id), "calendar": rows.calendar_of(session, site_id)}
