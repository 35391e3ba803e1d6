from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.states import ContentStatus
from pipeline.db.session import Database
from pipeline.models import AuditEvent, CalendarSlot, Content, Publication, Site, SiteAutomationSettings
from pipeline.services import calendar, settings
from pipeline.services.invariants import violations
from tests.support.builders import make_content, make_site
from tests.support.publishing import NOW

ActedT = TypeVar("ActedT")


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

    def scheduled(self, count: int) -> list[Content]:
        """So many contents on the first slots after `NOW`."""
        contents = self.approve(count)
        with self.database.transaction() as session:
            calendar.fill(session, self.site.id, now=NOW, limit=count)
        return contents

    def act(self, action: Callable[..., ActedT], *content_ids: int, now: datetime = NOW, **given: Any) -> ActedT:
        """What a person does with contents, in a transaction of its own."""
        with self.database.transaction() as session:
            contents = [session.get_one(Content, content_id) for content_id in content_ids]
            return action(session, *contents, actor="ada", now=now, **given)

    def undo(self, *, now: datetime = NOW, undo_id: int | None = None) -> None:
        with self.database.transaction() as session:
            site = session.get_one(Site, self.site.id)
            calendar.undo(session, site, actor="ada", now=now, undo_id=undo_id)

    def save(self, *, follow: calendar.Follow = calendar.Follow.REFLOW, now: datetime = NOW, **publishing: Any) -> Any:
        """Save settings as a person does, the calendar following; what it did."""
        with self.database.transaction() as session:
            page = calendar.lock_settings(session, account_id=self.site.account_id, site_id=self.site.id)
            values = page.settings.model_dump()
            new = settings.checked({**values, "publishing": {**values["publishing"], **publishing}})
            return calendar.save_settings(session, page, new, follow=follow, actor="ada", now=now)

    def set_timezone(self, timezone: str, *, follow: calendar.Follow = calendar.Follow.REFLOW) -> Any:
        with self.database.transaction() as session:
            site = session.get_one(Site, self.site.id)
            return calendar.set_timezone(session, site, timezone, follow=follow, actor="ada", now=NOW)

    def at(self, content_id: int) -> datetime | None:
        """Where the content stands."""
        return {held: at for at, held in self.held().items()}.get(content_id)

    def slot_of(self, content_id: int) -> CalendarSlot:
        with self.database.reading() as session:
            return session.scalars(select(CalendarSlot).where(CalendarSlot.content_id == content_id)).one()

    def audited(self) -> list[str]:
        with self.database.reading() as session:
            return list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))

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
def world(database: Database) -> Iterator[World]:
    yield World(database)
    with database.reading() as session:
        assert violations(session) == []
