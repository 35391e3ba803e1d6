"""What was deleted 30 days ago is removed a portion at a time; what it cost stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from pipeline.core.states import ContentStatus
from pipeline.db.session import Database
from pipeline.engine.housekeeping import sweep
from pipeline.models import Base, Content, Keyword, Site
from pipeline.services import clearing, keywords, site_deletion, sites
from pipeline.services.site_deletion import KEPT, Drafts
from tests.support.builders import make_content, make_image, make_image_prompt, make_keywords, make_site

import stages  # noqa: F401  isort:skip - a sweep knows them


def _counts(database: Database, site_id: int) -> dict[str, int]:
    """Rows of the site, by table."""
    with database.reading() as session:
        return {
            table.name: count
            for table in Base.metadata.sorted_tables
            if "site_id" in table.c
            and (count := session.scalar(select(func.count()).where(table.c.site_id == site_id)))
        }


def _site(database: Database) -> int:
    with database.transaction() as session:
        site = make_site(session, name="Desks")
        make_keywords(session, site=site, texts=["desk", "lamp", "chair"])
        content = make_content(session, site=site, status=ContentStatus.REVIEW)
        make_image(session, prompt=make_image_prompt(session, content=content))
        return site.id


def _delete(database: Database, site_id: int, *, ago: timedelta) -> None:
    with database.transaction() as session:
        site = session.get_one(Site, site_id)
        site_deletion.delete(session, site, drafts=Drafts.KEEP, actor="test", now=database.now() - ago)


def test_a_site_is_cleared_after_its_time_a_portion_at_a_time(database: Database) -> None:
    site_id, other_id = _site(database), _site(database)
    _delete(database, site_id, ago=KEPT + timedelta(seconds=1))
    rounds = 0

    with_more = True
    while with_more:
        with database.transaction() as session:
            with_more = clearing.clear_sites(session, now=database.now(), size=2)
        rounds += 1

    assert rounds > 5
    assert set(_counts(database, site_id)) == {"igny8_site_ai_automation_settings"}
    assert _counts(database, other_id)["keywords"] == 3
    with database.reading() as session:
        site = session.get_one(Site, site_id)
        assert site.cleared_at is not None
        assert site_deletion.list_deleted(session, account_id=site.account_id) == []


def test_what_can_still_be_restored_is_not_touched(database: Database) -> None:
    site_id = _site(database)
    _delete(database, site_id, ago=KEPT - timedelta(minutes=1))

    sweep(database)

    with database.transaction() as session:
        site = session.get_one(Site, site_id)
        site_deletion.restore(session, site, actor="test", now=database.now())
        assert sites.get_site(session, account_id=site.account_id, site_id=site_id).name == "Desks"
        assert session.scalars(select(Content.id).where(Content.site_id == site_id)).all() != []


@pytest.mark.parametrize(("ago", "left"), [(KEPT + timedelta(seconds=1), 2), (KEPT - timedelta(minutes=1), 3)])
def test_a_deleted_keyword_is_removed_after_its_time(database: Database, ago: timedelta, left: int) -> None:
    site_id = _site(database)
    with database.transaction() as session:
        keyword = session.scalars(select(Keyword).where(Keyword.text == "lamp")).one()
        keywords.delete(session, keyword, actor="test", now=database.now() - ago)

    sweep(database)

    assert _counts(database, site_id)["keywords"] == left
