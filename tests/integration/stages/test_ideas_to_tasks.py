from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, select

from pipeline.contract import Produced
from pipeline.core.states import ContentTaskStatus, IdeaStatus
from pipeline.db.session import Database
from pipeline.models import ContentTask, Idea, Site
from stages.ideas_to_tasks import IdeasToTasks
from tests.support.builders import make_cluster, make_content_task, make_idea, make_subjects

STAGE = IdeasToTasks()


@pytest.fixture
def ideas(database: Database, site: Site) -> list[Idea]:
    with database.transaction() as session:
        cluster = make_cluster(session, site=site)
        return [make_idea(session, site=site, cluster=cluster, title=f"Idea {number}") for number in range(100)]


def keep(database: Database, site: Site, ideas: list[Idea]) -> Produced:
    with database.transaction() as session:
        return STAGE.keep(session, make_subjects(session, ideas, site=site), None)


def tasks(database: Database) -> list[ContentTask]:
    with database.reading() as session:
        return list(session.scalars(select(ContentTask).order_by(ContentTask.id)))


def statuses(database: Database) -> set[IdeaStatus]:
    with database.reading() as session:
        return set(session.scalars(select(Idea.status)))


def test_every_idea_becomes_a_row_to_write_in_its_order(database: Database, site: Site, ideas: list[Idea]) -> None:
    produced = keep(database, site, ideas)

    rows = tasks(database)
    assert [(row.idea_id, row.title, row.status) for row in rows] == [
        (idea.id, idea.title, ContentTaskStatus.QUEUED) for idea in ideas
    ]
    assert {(row.account_id, row.site_id, row.times_tried) for row in rows} == {(site.account_id, site.id, 0)}
    assert produced == {row.idea_id: [row.id] for row in rows}
    assert statuses(database) == {IdeaStatus.QUEUED}


def test_a_hundred_ideas_take_three_statements(database: Database, site: Site, ideas: list[Idea]) -> None:
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        seen.append(arguments[2].split()[0])

    event.listen(database.engine, "before_cursor_execute", note)
    keep(database, site, ideas)
    event.remove(database.engine, "before_cursor_execute", note)

    assert [word for word in seen if word != "BEGIN"] == ["INSERT", "UPDATE", "SELECT"]


def test_an_idea_that_has_its_row_keeps_it(database: Database, site: Site, ideas: list[Idea]) -> None:
    with database.transaction() as session:
        earlier = make_content_task(session, site=site, idea=ideas[0])

    produced = keep(database, site, ideas[:2])

    assert len(tasks(database)) == 2
    assert produced[ideas[0].id] == [earlier.id]


def test_ideas_that_are_not_of_the_slice_wait_on(database: Database, site: Site, ideas: list[Idea]) -> None:
    keep(database, site, ideas[:20])

    assert len(tasks(database)) == 20
    assert statuses(database) == {IdeaStatus.NEW, IdeaStatus.QUEUED}


def test_an_idea_that_no_longer_waits_is_left_alone(database: Database, site: Site, ideas: list[Idea]) -> None:
    with database.transaction() as session:
        session.get_one(Idea, ideas[0].id).status = IdeaStatus.NEEDS_ATTENTION

    produced = keep(database, site, ideas[:2])

    assert list(produced) == [ideas[1].id]
