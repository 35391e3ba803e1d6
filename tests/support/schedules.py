"""Owns what the tests of schedules share: sites with a schedule, a beat ticked at chosen instants, what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import select, update

import stages  # noqa: F401 - a run asks every stage what waits for it
from pipeline.core.states import RunStatus
from pipeline.db.session import Database
from pipeline.models import Decision, Run, Site, SiteAutomationSettings
from pipeline.services import accounts, decisions, settings, sites
from scheduler import runs as duty
from scheduler.duty import Context
from tests.support.builders import make_keywords

_names = count(1)


@dataclass
class Schedules:
    """An installation and the hands of its beats."""

    database: Database
    sender: Any

    def site(
        self, *, now: datetime, timezone: str = "UTC", waits: bool = True, changes: dict[str, str] | None = None
    ) -> int:
        """A site whose schedule was switched on at `now`, with a keyword that waits; its id."""
        with self.database.transaction() as session:
            account = accounts.init_installation(session, now=now)
            site = sites.add_site(
                session, account_id=account.id, name=f"site {next(_names)}", timezone=timezone, now=now
            )
            settings.apply(session, site, {"automation.enabled": "true", **prefixed(changes or {})}, now=now)
            if waits:
                make_keywords(session, site=site, texts=["desk"])
        return site.id

    def change(self, site_id: int, changes: dict[str, str], *, now: datetime) -> None:
        with self.database.transaction() as session:
            settings.apply(session, session.get_one(Site, site_id), prefixed(changes), now=now)

    def tick(self, now: datetime, *, sender: Any = None) -> datetime | None:
        """One beat does the duty at that instant."""
        return duty.start_due_runs(Context(self.database, sender or self.sender, now))

    def row(self, site_id: int) -> SiteAutomationSettings:
        with self.database.reading() as session:
            return session.scalars(select(SiteAutomationSettings).filter_by(site_id=site_id)).one()

    def runs(self, site_id: int) -> list[Run]:
        with self.database.reading() as session:
            return list(session.scalars(select(Run).where(Run.site_id == site_id).order_by(Run.id)))

    def decisions(self, site_id: int) -> list[Decision]:
        """The site's, oldest first."""
        with self.database.reading() as session:
            site = session.get_one(Site, site_id)
            found = decisions.list_decisions(session, account_id=site.account_id, site_id=site_id, limit=10_000)
        return list(reversed(found))

    def decided(self, site_id: int) -> list[tuple[str, datetime | None]]:
        return [(row.kind, row.scheduled_for) for row in self.decisions(site_id)]

    def end_run(self, site_id: int, *, status: RunStatus = RunStatus.COMPLETED) -> None:
        """The site's live run is over, by no work of ours."""
        with self.database.transaction() as session:
            live = update(Run).where(Run.site_id == site_id, Run.status == RunStatus.QUEUED)
            session.execute(live.values(status=status))


def prefixed(changes: dict[str, str]) -> dict[str, str]:
    """Keys of the group `automation`, unless they name another."""
    return {key if "." in key else f"automation.{key}": value for key, value in changes.items()}
