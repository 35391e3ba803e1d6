"""Fixtures of tests against a real site: the site, and an installation that publishes to it on a clock of its own."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture
from sqlalchemy import select, update

from pipeline.config import config, load_config, use_config
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.db.session import Database
from pipeline.engine import publisher
from pipeline.engine.media import MediaStore
from pipeline.models import Content, Publication, Site, SiteAutomationSettings
from pipeline.secrets import encrypted
from pipeline.services import calendar, publications
from pipeline.services.invariants import violations
from tests.support.builders import make_content, make_image, make_image_prompt, make_site
from tests.support.real_site import RealSite, real_site

#: How long the client of these tests waits for one answer.
PATIENCE_SECONDS = 2


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSite]:
    """The real site; one a session and worker."""
    with real_site(tmp_path_factory.mktemp("real")) as site:
        yield site


@pytest.fixture
def there(real: RealSite) -> RealSite:
    """The real site with nothing published on it."""
    real.clear()
    return real


class Publishing:
    """An installation with one site; beat and one worker are a hand that plays them, and time is what it says."""

    def __init__(self, database: Database, there: RealSite, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database = database
        #: Behind the site's own clock, for which a slot to come would be no time to show anything.
        self.now = database.now() - timedelta(days=5)
        #: What happens before each visit.
        self.before_visit: Callable[[], None] = lambda: None
        monkeypatch.setattr(database, "now", lambda: self.now)
        with database.transaction() as session:
            self.site = make_site(session, name="Still Water", target="site", url=there.url)
        self.log_in(there, "editor")

    def log_in(self, there: RealSite, role: str, *, password: str | None = None) -> None:
        """Publish as that user from now on."""
        secret = encrypted(password or there.passwords[role], home=config().home)
        self.set_site(username=role, credentials=secret)

    def set_site(self, **values: Any) -> None:
        with self.database.transaction() as session:
            session.execute(update(Site).values(values))

    def approve(self, count: int = 1, *, pictures: int = 0, size: int = 64, **values: Any) -> list[Content]:
        """Articles with images of their own, the first of each featured."""
        media = MediaStore(config().home / "media")
        with self.database.transaction() as session:
            made = [
                make_content(session, site=self.site, status=ContentStatus.APPROVED, approved_at=self.now, **values)
                for _ in range(count)
            ]
            for content in made:
                for position in range(pictures):
                    place = {"place": "How to begin"} if position else {}
                    prompt = make_image_prompt(session, content=content, position=position, **place)
                    data = _png(seed=content.id * 100 + position, size=size)
                    make_image(session, prompt=prompt, sha256=media.store(data).sha256, mime="image/png")
        return made

    def schedule(self) -> None:
        """Everything that is approved onto the next slots."""
        with self.database.transaction() as session:
            session.execute(
                update(SiteAutomationSettings).values(
                    publish_days=["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
                    publish_time_slots=[f"{hour:02}:{minute:02}" for hour in range(24) for minute in (0, 20, 40)],
                )
            )
            calendar.fill(session, self.site.id, now=self.now, limit=1_000)

    def publish_now(self, content: Content) -> Publication:
        """As a person who wants it at once; the publication after the first try."""
        with self.database.transaction() as session:
            publications.publish_now(session, session.get_one(Content, content.id), now=self.now)
        self.play(until=self.now)
        return self.publication(content)

    def play(self, *, until: datetime | timedelta) -> None:
        """Send what is due when it is due, and carry it out, up to an instant. A minute's wait is a second's."""
        end = self.now + until if isinstance(until, timedelta) else until
        limits = publisher.limits_of(config())
        while True:
            with self.database.transaction() as session:
                publications.make_due(session, ahead=limits.draft_ahead, now=self.now, most=1)
            due = self._next()
            if due is None or due.due_at is None or due.due_at > end:
                break
            if due.attempts:
                time.sleep(1)
            self.now = max(self.now, due.due_at)
            self.before_visit()
            with self.database.transaction() as session:
                session.execute(update(Publication).where(Publication.id == due.id).values(sends=1))
            publisher.publish(self.database, due.id, sleep=lambda _: None)
        self.now = end

    def publication(self, content: Content) -> Publication:
        with self.database.reading() as session:
            return session.scalars(select(Publication).where(Publication.content_id == content.id)).one()

    def publications(self) -> Mapping[int, Publication]:
        with self.database.reading() as session:
            return {row.content_id: row for row in session.scalars(select(Publication))}

    def status(self, content: Content) -> tuple[ContentStatus, PublicationStatus, str | None]:
        with self.database.reading() as session:
            status = session.get_one(Content, content.id).status
        row = self.publication(content)
        return status, row.status, row.error

    def _next(self) -> Publication | None:
        with self.database.reading() as session:
            query = select(Publication).where(Publication.due_at.is_not(None))
            return session.scalars(query.order_by(Publication.due_at, Publication.id).limit(1)).first()


@pytest.fixture
def publishing(
    sqlite_database: Database, there: RealSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Publishing]:
    environ = {
        "IGNY8_HOME": str(tmp_path / "home"),
        "IGNY8_ALLOW_PRIVATE_SITES": "1",
        "IGNY8_SITE_TIMEOUT_SECONDS": str(PATIENCE_SECONDS),
    }
    use_config(load_config(environ))
    yield Publishing(sqlite_database, there, monkeypatch)
    with sqlite_database.reading() as session:
        assert violations(session) == []
    use_config(None)


def _png(*, seed: int, size: int) -> bytes:
    """A picture that no other one equals; noise, so that its size says how many bytes it has."""
    noise = random.Random(seed).randbytes(size * size * 3)
    file = io.BytesIO()
    Picture.frombytes("RGB", (size, size), noise).save(file, "PNG")
    return file.getvalue()
