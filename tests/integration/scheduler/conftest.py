from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from celery import Celery
from sqlalchemy import insert, select

from pipeline.config import load_config, use_config
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.db.session import Database
from pipeline.models import Content, Publication, Site
from scheduler.beat import PipelineScheduler
from scheduler.duty import Context
from scheduler.outage import Outage
from scheduler.sending import Message
from tests.support.builders import make_content, make_site
from tests.support.publishing import NOW


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


class RecordingSender:
    """A broker that keeps what it gets, and is away when it is told to be."""

    def __init__(self, *, clock: Clock | None = None, accepts: int | None = None) -> None:
        self.outage = Outage("broker", clock=clock or Clock())
        #: How many more it takes before it is away; None: all.
        self.accepts = accepts
        self.sent: list[Message] = []

    @property
    def may_send(self) -> bool:
        return self.outage.wait_seconds == 0

    def send(self, messages: Sequence[Message]) -> int:
        taken = messages if self.accepts is None else messages[: self.accepts]
        if self.accepts is not None:
            self.accepts -= len(taken)
        self.sent += taken
        if len(taken) < len(messages):
            self.outage.failed(ConnectionRefusedError("nobody listens"))
        else:
            self.outage.ended()
        return len(taken)

    def probe(self) -> bool:
        return self.accepts is None

    def close(self) -> None:
        """There is nothing to close."""


class Stage:
    """A database, an app without a broker, and beats to tick by hand."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.sender = RecordingSender(clock=self.clock)
        self.app = Celery("test", broker="memory://", set_as_current=False)

    def beat(self, **options: Any) -> PipelineScheduler:
        given = {"database": lambda: self.database, "sender": self.sender, "clock": self.clock}
        return PipelineScheduler(self.app, **{**given, **options})

    def context(self, *, now: datetime = NOW, sender: RecordingSender | None = None) -> Context:
        return Context(self.database, sender or self.sender, now)  # type: ignore[arg-type]  # it stands in for the broker

    def make_site(self) -> Site:
        with self.database.transaction() as session:
            return make_site(session)

    def approve(self, site: Site, count: int = 1, *, status: ContentStatus = ContentStatus.APPROVED) -> list[Content]:
        with self.database.transaction() as session:
            return [make_content(session, site=site, status=status, approved_at=NOW) for _ in range(count)]

    def plan(self, count: int, *, due_at: datetime = NOW) -> list[int]:
        """Planned publications, a second apart, the first due at `due_at`; their ids."""
        site = self.make_site()
        contents = self.approve(site, count, status=ContentStatus.SCHEDULED)
        rows = [
            {
                "account_id": site.account_id,
                "site_id": site.id,
                "content_id": content.id,
                "status": PublicationStatus.PLANNED,
                "due_at": due_at + timedelta(seconds=number),
            }
            for number, content in enumerate(contents)
        ]
        with self.database.transaction() as session:
            session.execute(insert(Publication), rows)
            return list(session.scalars(select(Publication.id).order_by(Publication.id)))

    def publication(self, publication_id: int) -> Publication:
        with self.database.reading() as session:
            return session.get_one(Publication, publication_id)


@pytest.fixture
def stage(database: Database) -> Stage:
    return Stage(database)


@pytest.fixture(autouse=True)
def _usual_configuration() -> Iterator[None]:
    use_config(load_config({}))
    yield
    use_config(None)
