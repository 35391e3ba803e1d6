from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from pipeline.core.errors import ConflictError, InvalidValueError, StaleError
from pipeline.models import AuditEvent, Content
from pipeline.services import edits
from pipeline.services.edits import Changes
from tests.support.builders import make_content, make_site
from tests.support.publishing import NOW

if TYPE_CHECKING:
    from pipeline.db.session import Database


@pytest.fixture
def written(database: Database) -> Content:
    with database.transaction() as session:
        return make_content(session, site=make_site(session), title="Choose a spade", slug="choose-a-spade")


def _edit(database: Database, content: Content, changes: Changes, *, version: int | None = None) -> bool:
    with database.transaction() as session:
        row = session.get_one(Content, content.id)
        return edits.edit(session, row, changes, expected_version=version, actor="test", now=NOW)


def _read(database: Database, content: Content) -> Content:
    with database.reading() as session:
        return session.get_one(Content, content.id)


def test_an_edit_changes_what_is_given_and_raises_the_version(database: Database, written: Content) -> None:
    assert _edit(database, written, Changes(title="  Choose \n a rake ", tags=["Rakes", "rakes", "Garden"]), version=1)

    row = _read(database, written)
    assert (row.title, row.normalised_title, row.tags, row.version) == (
        "Choose a rake",
        "choose a rake",
        ["Rakes", "Garden"],
        2,
    )
    assert (row.slug, row.body_html) == (written.slug, written.body_html)


def test_a_body_is_sanitised_and_counted_as_written_ones_are(database: Database, written: Content) -> None:
    _edit(
        database, written, Changes(body_html="<h1>Two words</h1><p onclick='x()'>and three more</p><script>1</script>")
    )

    row = _read(database, written)
    assert (row.body_html, row.word_count) == ("<h2>Two words</h2><p>and three more</p>", 5)


def test_what_says_the_same_changes_nothing(database: Database, written: Content) -> None:
    assert not _edit(database, written, Changes(title=written.title, slug="Choose a spade"))

    assert _read(database, written).version == 1


def test_an_edit_of_an_older_version_is_refused(database: Database, written: Content) -> None:
    _edit(database, written, Changes(excerpt="Another."), version=1)

    with pytest.raises(StaleError, match="has version 2 by now, not 1"):
        _edit(database, written, Changes(excerpt="A third."), version=1)

    assert _read(database, written).excerpt == "Another."


def test_every_wrong_value_is_named_and_nothing_is_changed(database: Database, written: Content) -> None:
    wrong = Changes(
        title=" ", slug="///", meta_title="m" * 301, excerpt="", body_html="<b>x</b>", tags=["t"] * 2 + ["u" * 61]
    )

    with pytest.raises(InvalidValueError) as told:
        _edit(database, written, wrong)

    assert {fault.field for fault in told.value.faults} == {
        "title", "slug", "meta_title", "excerpt", "body_html", "tags",
    }  # fmt: skip
    assert _read(database, written).version == 1


@pytest.mark.parametrize("body", ["<p>" * 6_000, "x" * 400_001])
def test_a_body_that_cannot_be_used_is_refused_with_the_reason(database: Database, written: Content, body: str) -> None:
    with pytest.raises(InvalidValueError, match="at most"):
        _edit(database, written, Changes(body_html=body))


@pytest.mark.parametrize("changes", [Changes(title="Choose a SPADE!"), Changes(slug="choose-a-spade")])
def test_a_title_or_slug_of_another_article_of_the_site_is_refused(
    database: Database, written: Content, changes: Changes
) -> None:
    with database.transaction() as session:
        site = session.merge(written).site_id
        other = make_content(session, site=session.merge(make_site(session)))
        other.site_id = site

    with pytest.raises(ConflictError, match=f"Content {written.id} of this site has the"):
        _edit(database, other, changes)


def test_the_same_title_on_another_site_is_no_matter(database: Database, written: Content) -> None:
    with database.transaction() as session:
        other = make_content(session, site=make_site(session))

    assert _edit(database, other, Changes(title=written.title, slug=written.slug))


def test_of_edits_of_one_version_at_the_same_moment_one_is_kept(database: Database, written: Content) -> None:
    def edit(number: int) -> bool:
        try:
            return _edit(database, written, Changes(title=f"Title {number}"), version=1)
        except StaleError:
            return False

    with ThreadPoolExecutor(6) as pool:
        kept = list(pool.map(edit, range(6)))

    assert (sum(kept), _read(database, written).version) == (1, 2)
    assert _read(database, written).title == f"Title {kept.index(True)}"


def test_two_articles_never_get_one_title_at_the_same_moment(database: Database) -> None:
    with database.transaction() as session:
        site = make_site(session)
        contents = [make_content(session, site=site) for _ in range(6)]

    def edit(content: Content) -> bool:
        try:
            return _edit(database, content, Changes(title="The one title"))
        except ConflictError:
            return False

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(edit, contents)) == 1


def test_an_edit_is_in_the_audit_trail(database: Database, written: Content) -> None:
    _edit(database, written, Changes(title="Choose a rake", excerpt="Another."))

    with database.reading() as session:
        event = session.scalars(select(AuditEvent)).one()
    assert (event.action, event.subject_id) == ("content.edited", written.id)
    assert event.details == {"version": 2, "fields": ["excerpt", "normalised_title", "title"]}
