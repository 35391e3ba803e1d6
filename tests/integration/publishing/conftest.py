from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from pipeline.config import load_config, use_config
from pipeline.core.states import ContentStatus
from pipeline.db.session import Database
from pipeline.models import CalendarSlot, Content, Publication, SiteAutomationSettings
from pipeline.services import calendar, publications
from pipeline.services.publications import Claim, Limits
from tests.support.builders import make_content, make_site
from tests.support.publishing import NOW

LIMITS = Limits(
    lease=timedelta(minutes=1),
    retries=[timedelta(minutes=minutes) for minutes in (1, 5)],
    spacing=timedelta(minutes=15),
)


class World:
    """One site, its contents, and a hand that plays beat and publisher."""

    def __init__(self, database: Database) -> None:
        self.database = database
        with database.transaction() as session:
            self.site = make_site(session, name="Still Water")

    def approve(self, count: int = 1) -> list[Content]:
        with self.database.transaction() as session:
            return [
                make_content(session, site=self.site, status=ContentStatus.APPROVED, approved_at=NOW)
                for _ in range(count)
            ]

    def schedule(self, count: int = 1, *, now: datetime = NOW) -> list[Publication]:
        contents = self.approve(count)
        with self.database.transaction() as session:
            calendar.fill(session, self.site.id, now=now, limit=count)
        return [self.publication(content.id) for content in contents]

    def publish_now(self, content: Content, *, now: datetime = NOW) -> Publication:
        with self.database.transaction() as session:
            return publications.publish_now(session, session.get_one(Content, content.id), now=now)

    def send(self, publication: Publication) -> None:
        with self.database.transaction() as session:
            session.execute(update(Publication).where(Publication.id == publication.id).values(sends=1))

    def claim(self, publication: Publication, *, now: datetime) -> Claim | None:
        """What the publisher gets when a message arrives at `now`."""
        self.send(publication)
        with self.database.transaction() as session:
            return publications.claim(session, publication.id, limits=LIMITS, now=now)

    def auto_publish(self, *, enabled: bool) -> None:
        with self.database.transaction() as session:
            session.execute(update(SiteAutomationSettings).values(auto_publish_enabled=enabled))

    def content(self, content_id: int) -> Content:
        with self.database.reading() as session:
            return session.get_one(Content, content_id)

    def publication(self, content_id: int) -> Publication:
        with self.database.reading() as session:
            return session.scalars(select(Publication).where(Publication.content_id == content_id)).one()

    def slot_of(self, content_id: int) -> datetime | None:
        with self.database.reading() as session:
            return session.scalar(select(CalendarSlot.slot_at).where(CalendarSlot.content_id == content_id))


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The installation's folder."""
    folder = tmp_path / "home"
    use_config(load_config({"IGNY8_HOME": str(folder)}))
    yield folder
    use_config(None)
