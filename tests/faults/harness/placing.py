"""Owns one wanted publication and who carries it out: beat and publishers on a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import select

from pipeline.config import load_config, use_config
from pipeline.core.states import ContentStatus
from pipeline.db.session import Database
from pipeline.engine import publisher
from pipeline.models import Base, Content, Publication
from pipeline.services import publications
from pipeline.services.invariants import violations
from tests.faults.harness.boundaries import Deaths
from tests.support.builders import make_content, make_site
from tests.support.publishing import NOW
from tests.support.sites import FakeSite, Killed

_REQUESTS: Final = ("publish", "read_back", "look_up")
_RESEND: Final = timedelta(seconds=30)


class Placing:
    """A content that a person wants at once, its site, and hands that may die."""

    def __init__(self, database: Database) -> None:
        self.database, self.now = database, NOW
        vars(database)["now"] = lambda: self.now
        self.site = FakeSite()
        with database.transaction() as session:
            row = make_site(session)
            content = make_content(session, site=row, status=ContentStatus.APPROVED, approved_at=NOW)
            publications.publish_now(session, content, now=NOW)
            self.content_id = content.id

    def strike(self, *at: int) -> Deaths:
        """Let the publisher die at these boundaries: of commits and of requests to the site."""
        deaths = Deaths(*at)
        vars(self.database)["transaction"] = deaths.within(type(self.database).transaction.__get__(self.database))
        for name in _REQUESTS:
            vars(self.site)[name] = deaths.around(f"a {name}", getattr(FakeSite, name).__get__(self.site))
        return deaths

    def play(self, *, until: timedelta) -> None:
        """Send what is due when it is due, and carry it out; whoever dies leaves the row as it is."""
        end = NOW + until
        while (due_at := self.publication().due_at) is not None and due_at <= end:
            self.now = max(self.now, due_at)
            self._send()
            try:
                publisher.publish(
                    self.database, self.publication().id, open_target=lambda _: self.site, sleep=lambda _: None
                )
            except Killed:
                continue

    def publication(self) -> Publication:
        """Its row."""
        with self.database.reading() as session:
            return session.scalars(select(Publication).where(Publication.content_id == self.content_id)).one()

    def content(self) -> Content:
        """The article's row."""
        with self.database.reading() as session:
            return session.get_one(Content, self.content_id)

    def broken_laws(self) -> list[str]:
        """Of the books."""
        with self.database.reading() as session:
            return violations(session)

    def _send(self) -> None:
        """As beat does, which is another process."""
        with Database.transaction.__get__(self.database)() as session:
            row = session.get_one(Publication, self.publication().id)
            row.sends, row.due_at = row.sends + 1, self.now + _RESEND


@contextmanager
def placing(folder: Path) -> Iterator[Placing]:
    """One, in a home and a database of its own."""
    folder.mkdir()
    use_config(load_config({"IGNY8_HOME": str(folder)}))
    database = Database(f"sqlite:///{folder}/igny8.db")
    Base.metadata.create_all(database.engine)
    try:
        yield Placing(database)
    finally:
        database.dispose()
        use_config(None)
