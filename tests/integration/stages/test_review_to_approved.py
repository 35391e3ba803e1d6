from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from pipeline.contract import Produced
from pipeline.core.matrix import SiteSettings
from pipeline.core.states import ContentStatus
from pipeline.db.session import Database
from pipeline.models import Content, Site
from stages.review_to_approved import ReviewToApproved
from tests.support.builders import make_content, make_subjects

STAGE = ReviewToApproved()


def keep(database: Database, site: Site, contents: list[Content]) -> Produced:
    with database.transaction() as session:
        return STAGE.keep(session, make_subjects(session, contents, site=site), None)


def test_what_is_complete_is_approved_now(database: Database, site: Site) -> None:
    with database.transaction() as session:
        contents = [make_content(session, site=site, status=ContentStatus.REVIEW) for _ in range(3)]

    produced = keep(database, site, contents)

    assert produced == {content.id: [content.id] for content in contents}
    with database.reading() as session:
        for content in session.scalars(select(Content)):
            assert content.status is ContentStatus.APPROVED
            assert content.approved_at is not None
            assert abs(datetime.now(UTC) - content.approved_at) < timedelta(minutes=1)


def test_the_order_of_approval_follows_the_order_of_the_slices(database: Database, site: Site) -> None:
    with database.transaction() as session:
        contents = [make_content(session, site=site, status=ContentStatus.REVIEW) for _ in range(6)]

    keep(database, site, contents[3:])
    keep(database, site, contents[:3])

    with database.reading() as session:
        approved = session.scalars(select(Content.id).order_by(Content.approved_at, Content.id))
        assert list(approved) == [content.id for content in [*contents[3:], *contents[:3]]]


def test_what_a_person_decided_meanwhile_is_left_alone(database: Database, site: Site) -> None:
    with database.transaction() as session:
        rejected = make_content(session, site=site, status=ContentStatus.REJECTED)

    assert keep(database, site, [rejected]) == {}
    with database.reading() as session:
        assert session.get_one(Content, rejected.id).status is ContentStatus.REJECTED


def test_it_rests_while_people_approve() -> None:
    settings = SiteSettings()
    settings.publishing.auto_approval_enabled = False

    assert STAGE.needed_setting is not None
    assert not STAGE.needed_setting.is_on(settings)
    assert STAGE.needed_setting.is_on(SiteSettings())
    assert STAGE.needed_setting.reason == "waiting for people"
