"""The search finds what is called so: by how it begins anywhere, by what it holds among the newest, nothing foreign."""

from __future__ import annotations

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from pipeline.core.states import ContentStatus
from pipeline.db.session import Database
from pipeline.models import Site
from pipeline.services import runs, search, sites
from pipeline.services.search import Found, Kind
from tests.support.builders import make_content, make_keywords, make_site


def _found(session: Session, text: str, *found_in: Site, limit: int = 5) -> list[Found]:
    return search.search(
        session, text, account_id=found_in[0].account_id, sites=found_in, kinds=tuple(Kind), limit=limit
    )


def _texts(found: list[Found], kind: Kind) -> list[str]:
    return [one.text for one in found if one.kind is kind]


def test_what_begins_so_comes_first_and_each_once(database: Database) -> None:
    with database.transaction() as session:
        site = make_site(session)
        make_keywords(session, site=site, texts=["oak desk", "desk lamp", "Desk, small", "lamp", "standing desk"])

        found = _found(session, "  DESK ", site)
        assert _texts(found, Kind.KEYWORD) == ["desk lamp", "Desk, small", "standing desk", "oak desk"]
        assert _texts(_found(session, "desk", site, limit=3), Kind.KEYWORD) == [
            "desk lamp",
            "Desk, small",
            "standing desk",
        ]


@pytest.mark.parametrize("text", ["100%", "a_b", "c/d", "%", "_"])
def test_signs_that_stand_for_anything_stand_for_themselves(database: Database, text: str) -> None:
    with database.transaction() as session:
        site = make_site(session)
        make_keywords(session, site=site, texts=["is 100% oak", "is a_b", "is c/d", "is plain"])

        found = _texts(_found(session, text, site), Kind.KEYWORD)
        assert "is plain" not in found
        assert found


def test_articles_ideas_clusters_sites_and_runs_are_found(database: Database, site: Site) -> None:
    with database.transaction() as session:
        make_content(session, site=site, title="How to sit well", status=ContentStatus.DRAFT)
        [keyword] = make_keywords(session, site=site, texts=["sit"])
        started = runs.start(session, site=site, now=database.now())

        found = _found(session, "how to SIT", site)
        assert _texts(found, Kind.ARTICLE) == ["How to sit well"]
        assert Kind.IDEA in {one.kind for one in found}
        assert [one.id for one in _found(session, "sit", site) if one.kind is Kind.KEYWORD] == [keyword.id]
        assert _texts(_found(session, "DES", site), Kind.SITE) == ["Desks"]
        for said in (f"run {started.run_id}", f"#{started.run_id}", f"{started.run_id}"):
            assert _texts(_found(session, said, site), Kind.RUN) == [f"Run {started.run_id}"]


def test_nothing_is_found_at_another_site(database: Database, site: Site) -> None:
    with database.transaction() as session:
        here = sites.add_site(session, account_id=site.account_id, name="Here", timezone="UTC", now=database.now())
        make_keywords(session, site=site, texts=["lamp"])
        make_content(session, site=site, title="Lamp talk", status=ContentStatus.DRAFT)
        started = runs.start(session, site=site, now=database.now())

        assert _found(session, "lamp", here) == []
        assert _found(session, f"{started.run_id}", here) == []
        assert _texts(_found(session, "lamp", here, site), Kind.KEYWORD) == ["lamp"]


@pytest.mark.parametrize("text", ["", "   ", "\u200b", "\x00", "\ud800"])
def test_what_shows_nothing_finds_nothing(database: Database, text: str) -> None:
    with database.transaction() as session:
        site = make_site(session)
        make_keywords(session, site=site, texts=["desk"])

        assert _found(session, text, site) == []


def test_what_is_deleted_is_not_found(database: Database) -> None:
    with database.transaction() as session:
        site = make_site(session)
        [keyword] = make_keywords(session, site=site, texts=["desk"])
        keyword.deleted_at = database.now()
        session.flush()

        assert _found(session, "desk", site) == []
        assert sites.list_sites(session, account_id=site.account_id) == [site]


def test_letters_beyond_ascii_begin_too(database: Database) -> None:
    with database.transaction() as session:
        site = make_site(session)
        make_keywords(session, site=site, texts=["Übung im Sitzen", "übersicht", "über", "zebra"])

        assert set(_texts(_found(session, "ÜB", site), Kind.KEYWORD)) == {"Übung im Sitzen", "übersicht", "über"}


def test_a_beginning_is_found_by_the_index_of_site_and_key(sqlite_database: Database) -> None:
    with sqlite_database.transaction() as session:
        site = make_site(session)
        make_keywords(session, site=site, texts=["desk"])
        asked = "SELECT id FROM keywords WHERE site_id IN (?) AND normalised >= ? AND normalised < ? LIMIT 5"
        sent: list[str] = []
        event.listen(sqlite_database.engine, "before_cursor_execute", lambda *told: sent.append(told[2]))
        _found(session, "desk", site)
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}", (site.id, "desk", "desl")).all()

    assert any(
        "keywords.site_id IN (?) AND keywords.normalised >= ? AND keywords.normalised < ?" in one for one in sent
    )
    assert "(site_id=? AND normalised>? AND normalised<?)" in str(plan)
