from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.states import ContentStatus
from pipeline.db.session import Database
from pipeline.models import CalendarSlot, Content, Publication, Site, SiteAutomationSettings
from tests.support.builders import make_content, make_site
from tests.support.publishing import NOW


class World:
    """One site in Berlin (mon to fri; 09:00, 14:00, 18:00) and shorthands to look at it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        with database.transaction() as session:
            self.site = make_site(session)

    def approve(self, count: int, *, site: Site | None = None) -> list[Content]:
        """Contents approved a minute after each other, the last an hour ago."""
        with self.database.transaction() as session:
            first = NOW - timedelta(hours=1, minutes=count)
            return [
                make_content(
                    session,
                    site=site or self.site,
                    status=ContentStatus.APPROVED,
                    approved_at=first + timedelta(minutes=number),
                )
                for number in range(count)
            ]

    def settings(self, **values: object) -> None:
        with self.database.transaction() as session:
            row = session.scalars(
                select(SiteAutomationSettings).where(SiteAutomationSettings.site_id == self.site.id)
            ).one()
            for name, value in values.items():
                setattr(row, name, value)

    def content(self, content_id: int) -> Content:
        with self.database.reading() as session:
            return session.get_one(Content, content_id)

    def publication(self, content_id: int) -> Publication:
        with self.database.reading() as session:
            return session.scalars(select(Publication).where(Publication.content_id == content_id)).one()

    def held(self) -> dict[datetime, int]:
        """Taken slots of the site by instant."""
        with self.database.reading() as session:
            return {slot.slot_at: slot.content_id for slot in self.slots(session) if slot.content_id is not None}

    def free(self) -> list[datetime]:
        with self.database.reading() as session:
            return [slot.slot_at for slot in self.slots(session) if slot.content_id is None]

    def slots(self, session: Session) -> Sequence[CalendarSlot]:
        query = select(CalendarSlot).where(CalendarSlot.site_id == self.site.id).order_by(CalendarSlot.slot_at)
        return session.scalars(query).all()


@pytest.fixture
def world(database: Database) -> World:
    return World(database)
