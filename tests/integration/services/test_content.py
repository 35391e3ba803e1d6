from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import event, select

from pipeline.core.errors import NotFoundError
from pipeline.core.states import ContentStatus
from pipeline.db.session import Database
from pipeline.models import Account, AuditEvent, Cluster, Content, ContentTask, Idea, IdeaKeyword, Keyword, Site
from pipeline.services import audit, content


@pytest.fixture
def article(database: Database, site: Site) -> Content:
    """An article whose idea targets two keywords, one of unknown volume."""
    own = {"account_id": site.account_id, "site_id": site.id}
    with database.transaction() as session:
        cluster = Cluster(**own, name="Desks", normalised="desks")
        session.add(cluster)
        session.flush()
        words = [
            Keyword(**own, text=text, normalised=text, volume=volume, cluster_id=cluster.id)
            for text, volume in (("desk", None), ("standing desk", 900), ("unused", 5))
        ]
        idea = Idea(**own, cluster_id=cluster.id, title="Desk guide", normalised_title="desk guide")
        session.add_all([*words, idea])
        session.flush()
        session.add_all(IdeaKeyword(idea_id=idea.id, keyword_id=word.id) for word in words[:2])
        task = ContentTask(**own, idea_id=idea.id, title="Desk guide")
        session.add(task)
        session.flush()
        article = Content(
            **own,
            content_task_id=task.id,
            title="The desk guide",
            normalised_title="the desk guide",
            slug="desk-guide",
            meta_title="",
            meta_description="",
            excerpt="",
            body_html="<p>Desk</p>",
            word_count=1,
        )
        session.add(article)
        session.flush()
        return article


def test_lineage_leads_from_an_article_back_to_its_keywords_in_one_statement(
    database: Database, article: Content
) -> None:
    statements: list[str] = []
    event.listen(database.reader, "before_cursor_execute", lambda _c, _r, statement, *_: statements.append(statement))

    with database.reading() as session:
        found = content.lineage(session, article.id, account_id=article.account_id)

    assert [statement.split()[0] for statement in statements if statement != "BEGIN"] == ["SELECT"]
    assert found.content.title == "The desk guide"
    assert found.task.title == found.idea.title == "Desk guide"
    assert found.cluster.title == "Desks"
    assert [(word.text, word.volume) for word in found.keywords] == [("standing desk", 900), ("desk", None)]
    assert found.as_json()["idea"]["status"] == "new"


def test_contents_are_listed_by_status(database: Database, site: Site, article: Content) -> None:
    with database.reading() as session:
        assert [row.id for row in content.list_contents(session, site=site).items] == [article.id]
        assert not content.list_contents(session, site=site, status=ContentStatus.REVIEW).items
        assert content.count_by_status(session, site=site)[ContentStatus.DRAFT] == 1


def test_the_content_of_another_account_is_not_there(database: Database, article: Content) -> None:
    with database.transaction() as session:
        stranger = Account(name="stranger")
        session.add(stranger)
        session.flush()

        with pytest.raises(NotFoundError):
            content.get_content(session, account_id=stranger.id, content_id=article.id)
        with pytest.raises(NotFoundError):
            content.lineage(session, article.id, account_id=stranger.id)


def test_what_a_person_did_is_written_down(database: Database, site: Site, now: datetime) -> None:
    with database.transaction() as session:
        audit.record(
            session,
            account_id=site.account_id,
            actor="cli",
            action="site.added",
            subject_kind="site",
            subject_id=site.id,
            now=now,
            details={"name": site.name},
        )

    with database.reading() as session:
        event_row = session.scalars(select(AuditEvent)).one()
    assert (event_row.actor, event_row.action, event_row.details) == ("cli", "site.added", {"name": "Desks"})
