from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from pipeline.config import config, load_config, use_config
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.db.session import Database
from pipeline.engine import articles, publisher
from pipeline.engine.media import MediaStore
from pipeline.models import CalendarSlot, Content, Publication, SiteAutomationSettings
from pipeline.services import calendar, publications
from pipeline.services.invariants import violations
from pipeline.services.publications import Claim, Limits
from pipeline.sites.port import Article, SiteTarget
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

    def settings(self, **values: object) -> None:
        with self.database.transaction() as session:
            session.execute(update(SiteAutomationSettings).values(values))

    def auto_publish(self, *, enabled: bool) -> None:
        self.settings(auto_publish_enabled=enabled)

    def statuses(self, content_id: int) -> tuple[ContentStatus, PublicationStatus]:
        return self.content(content_id).status, self.publication(content_id).status

    def content(self, content_id: int) -> Content:
        with self.database.reading() as session:
            return session.get_one(Content, content_id)

    def publication(self, content_id: int) -> Publication:
        with self.database.reading() as session:
            return session.scalars(select(Publication).where(Publication.content_id == content_id)).one()

    def slot_of(self, content_id: int) -> datetime | None:
        with self.database.reading() as session:
            return session.scalar(select(CalendarSlot.slot_at).where(CalendarSlot.content_id == content_id))


class Line:
    """Beat and one worker on a clock that moves when a test says so."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.now = NOW
        monkeypatch.setattr(world.database, "now", lambda: self.now)

    def play(self, site: SiteTarget, *, until: datetime | timedelta) -> None:
        """Send what is due when it is due, and carry it out, up to an instant."""
        end = self.now + until if isinstance(until, timedelta) else until
        while (due := self._next()) is not None and due[1] <= end:
            self.now = max(self.now, due[1])
            self.send(due[0])
            self.carry_out(due[0], site)
        self.now = end

    def send(self, publication_id: int) -> None:
        """As beat does: nothing that has nothing to do."""
        with self.world.database.transaction() as session:
            row = session.get_one(Publication, publication_id)
            if row.due_at is not None:
                row.sends, row.due_at = row.sends + 1, self.now + timedelta(seconds=30)

    def carry_out(self, publication_id: int, site: SiteTarget) -> None:
        """As a worker does with one copy of the message."""
        publisher.publish(self.world.database, publication_id, open_target=lambda _: site, sleep=lambda _: None)

    def carry_out_in_folder(self, publication_id: int) -> None:
        """As `carry_out`, on the site's own folder."""
        publisher.publish(self.world.database, publication_id, sleep=lambda _: None)

    def article(self, publication: Publication) -> Article:
        """What a site is handed."""
        with self.world.database.reading() as session:
            media = MediaStore(config().home / "media")
            return articles.article(session, publication.content_id, media=media, published_at=self.now)

    def _next(self) -> tuple[int, datetime] | None:
        query = select(Publication.id, Publication.due_at).where(Publication.due_at.is_not(None))
        with self.world.database.reading() as session:
            found = session.execute(query.order_by(Publication.due_at, Publication.id).limit(1)).one_or_none()
        return None if found is None else (found[0], found[1])


@pytest.fixture
def line(world: World, home: Path, monkeypatch: pytest.MonkeyPatch) -> Line:
    return Line(world, monkeypatch)


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    yield World(database)
    with database.reading() as session:
        assert violations(session) == []


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The installation's folder."""
    folder = tmp_path / "home"
    use_config(load_config({"IGNY8_HOME": str(folder)}))
    yield folder
    use_config(None)
