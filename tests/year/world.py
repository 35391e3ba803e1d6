"""Owns what the simulated year begins with: a database whose clock stands, and its sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import event, select

import stages  # noqa: F401 - a run asks every stage what waits for it
from pipeline.db.migrate import upgrade
from pipeline.db.session import Database
from pipeline.models import Site
from pipeline.services import accounts, settings, sites
from tests.support.approved import add_approved
from tests.support.builders import make_keywords

EVERY_DAY: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKDAYS: Final = EVERY_DAY[:5]


@dataclass(frozen=True)
class SiteCase:
    """One site: its zone, its runs, its calendar."""

    name: str
    zone: str
    frequency: str
    #: "HH:MM"; where it can be, a time that a clock change skips and another repeats.
    run_at: str
    #: Of weekly runs.
    weekday: str
    days: tuple[str, ...]
    time_slots: tuple[str, ...]

    @property
    def weekly_capacity(self) -> int:
        """Items a week."""
        return len(self.days) * len(self.time_slots)


CASES: Final = (
    SiteCase("Berlin", "Europe/Berlin", "daily", "02:30", "mon", EVERY_DAY, ("02:30", "09:00", "14:00", "18:00")),
    SiteCase("New York", "America/New_York", "daily", "02:30", "mon", EVERY_DAY, ("01:30", "02:30", "12:00")),
    SiteCase("New York, weekly", "America/New_York", "weekly", "02:30", "sun", WEEKDAYS, ("09:00",)),
    SiteCase("Lord Howe", "Australia/Lord_Howe", "daily", "02:15", "mon", EVERY_DAY, ("01:45", "02:15", "02:30")),
    SiteCase("Lord Howe, hourly", "Australia/Lord_Howe", "hourly", "00:15", "mon", WEEKDAYS, ("09:00",)),
)


class Clock:
    """An instant that stands until the driver moves it."""

    def __init__(self, now: datetime) -> None:
        self.now = now


class FrozenDatabase(Database):
    """A database that knows no time but the driver's. Nothing of it outlives the simulation, so nothing is synced."""

    def __init__(self, url: str, clock: Clock) -> None:
        super().__init__(url)
        self._frozen = clock
        if self.is_sqlite:
            event.listen(self.engine, "connect", _unsynced)

    def now(self) -> datetime:
        """The driver's instant."""
        return self._frozen.now


@dataclass(frozen=True)
class World:
    """The database and the ids of its sites by their names."""

    database: FrozenDatabase
    site_ids: dict[str, int]

    def approve(self, cases: Sequence[SiteCase], *, weeks: int) -> None:
        """Give every site so many weeks' worth of approved articles."""
        now = self.database.now()
        for case in cases:
            with self.database.transaction() as session:
                site = session.scalars(select(Site).where(Site.id == self.site_ids[case.name])).one()
                add_approved(session, site, case.weekly_capacity * weeks, now=now)


def make_world(url: str, clock: Clock, cases: Sequence[SiteCase]) -> World:
    """The sites with their schedules switched on, each with a keyword that waits for ever."""
    database = FrozenDatabase(url, clock)
    upgrade(database)
    found = {}
    with database.transaction() as session:
        account = accounts.init_installation(session, now=clock.now)
        for case in cases:
            site = sites.add_site(session, account_id=account.id, name=case.name, timezone=case.zone, now=clock.now)
            settings.apply(session, site, _settings(case), now=clock.now)
            make_keywords(session, site=site, texts=["desk"])
            found[case.name] = site.id
    return World(database, found)


def _settings(case: SiteCase) -> dict[str, str]:
    return {
        "automation.enabled": "true",
        "automation.frequency": case.frequency,
        "automation.time": case.run_at,
        "automation.weekday": case.weekday,
        "publishing.publish_days": ",".join(case.days),
        "publishing.time_slots": ",".join(case.time_slots),
    }


def _unsynced(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")
