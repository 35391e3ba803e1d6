from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from pipeline.core.errors import ConflictError, NotFoundError
from pipeline.core.states import ContentStatus
from pipeline.models import AuditEvent, Content, SiteAutomationSettings
from pipeline.services import calendar, content, reviews
from tests.support.builders import make_content, make_site
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from pipeline.db.session import Database
    from pipeline.models import Site


@pytest.fixture
def site(database: Database) -> Site:
    with database.transaction() as session:
        return make_site(session)


def _written(database: Database, site: Site, status: ContentStatus = ContentStatus.REVIEW) -> Content:
    with database.transaction() as session:
        return make_content(session, site=site, status=status, approved_at=NOW)


def _read(database: Database, row: Content) -> Content:
    with database.reading() as session:
        return session.get_one(Content, row.id)


def test_who_approves_is_told_when_it_will_be_published_and_so_it_is(database: Database, site: Site) -> None:
    _written(database, site, ContentStatus.APPROVED)
    row = _written(database, site)

    with database.transaction() as session:
        told = reviews.approve(session, session.get_one(Content, row.id), actor="test", note="Good.", now=NOW)
    with database.transaction() as session:
        calendar.fill(session, site.id, now=NOW, limit=10)

    with database.reading() as session:
        shown = calendar.entries(session, site, now=NOW)
    slots = {entry.content_id: entry.at for day in shown for entry in day.entries if entry.content_id}
    assert told == slots[row.id] == grid(2)[1]


def test_where_there_are_no_slots_approval_says_so(database: Database, site: Site) -> None:
    row = _written(database, site)
    with database.transaction() as session:
        session.execute(update(SiteAutomationSettings).values(publish_days=[]))

        told = reviews.approve(session, session.get_one(Content, row.id), actor="test", now=NOW)

    assert told is None
    assert _read(database, row).status is ContentStatus.APPROVED


def test_only_what_is_in_review_is_approved(database: Database, site: Site) -> None:
    row = _written(database, site, ContentStatus.DRAFT)

    with pytest.raises(ConflictError, match="is draft"), database.transaction() as session:
        reviews.approve(session, session.get_one(Content, row.id), actor="test", now=NOW)


def test_what_is_rejected_leaves_its_slot_to_the_next(database: Database, site: Site) -> None:
    row, other = (_written(database, site, ContentStatus.APPROVED) for _ in range(2))
    with database.transaction() as session:
        calendar.schedule_next(session, session.get_one(Content, row.id), now=NOW)
        reviews.reject(session, session.get_one(Content, row.id), actor="test", note="Off topic.", now=NOW)

        slot_at = calendar.schedule_next(session, session.get_one(Content, other.id), now=NOW)

    assert slot_at == grid(1)[0]
    assert _read(database, row).status is ContentStatus.REJECTED
    with database.reading() as session:
        event = session.scalars(select(AuditEvent)).one()
    assert (event.action, event.details) == ("content.rejected", {"note": "Off topic."})


def test_what_is_rejected_cannot_be_rejected_again(database: Database, site: Site) -> None:
    row = _written(database, site, ContentStatus.REJECTED)

    with pytest.raises(ConflictError, match="is rejected"), database.transaction() as session:
        reviews.reject(session, session.get_one(Content, row.id), actor="test", now=NOW)


def test_what_was_never_published_cannot_be_withdrawn(database: Database, site: Site) -> None:
    row = _written(database, site, ContentStatus.NEEDS_ATTENTION)

    with pytest.raises(ConflictError, match="There is nothing to withdraw"), database.transaction() as session:
        reviews.withdraw(session, session.get_one(Content, row.id), actor="test", now=NOW)


@pytest.mark.parametrize("status", [ContentStatus.DRAFT, ContentStatus.APPROVED, ContentStatus.REJECTED])
def test_what_is_deleted_is_shown_to_nobody_and_stays_in_its_row(
    database: Database, site: Site, status: ContentStatus
) -> None:
    row = _written(database, site, status)

    with database.transaction() as session:
        reviews.delete(session, session.get_one(Content, row.id), actor="test", now=NOW)

    assert (_read(database, row).deleted_at, _read(database, row).status) == (NOW, ContentStatus.REJECTED)
    with database.reading() as session:
        assert content.list_contents(session, site=site).items == []
        assert sum(content.count_by_status(session, site=site).values()) == 0
        with pytest.raises(NotFoundError):
            content.lineage(session, row.id, account_id=row.account_id)
        with pytest.raises(NotFoundError):
            content.get_content(session, account_id=row.account_id, content_id=row.id)


def test_what_is_deleted_leaves_its_slot_to_the_next(database: Database, site: Site) -> None:
    row, other = (_written(database, site, ContentStatus.APPROVED) for _ in range(2))
    with database.transaction() as session:
        calendar.schedule_next(session, session.get_one(Content, row.id), now=NOW)
        reviews.delete(session, session.get_one(Content, row.id), actor="test", now=NOW)

        assert calendar.schedule_next(session, session.get_one(Content, other.id), now=NOW) == grid(1)[0]
