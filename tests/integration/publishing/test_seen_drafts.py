"""Drafts that the site said are ours, and what is left there of those that never became any."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from pipeline.config import config
from pipeline.core.states import PublicationStatus
from pipeline.engine import site_checks
from pipeline.models import Content, Publication, Site, SiteNote
from pipeline.services import calendar, placing, publications, reviews, site_edits, site_notes
from pipeline.sites.notes import Note, NoteKind
from pipeline.sites.port import Placed, SiteRefusedError
from tests.integration.publishing.test_drafts_ahead import DraftingSite
from tests.support.publishing import NOW

if TYPE_CHECKING:
    from tests.integration.publishing.conftest import Line, World

_IMAGE = (NoteKind.IMAGE, "1:abc")


@pytest.fixture
def site(world: World) -> DraftingSite:
    """The world's site is one over the network."""
    with world.database.transaction() as session:
        values = {"target": "site", "url": "https://site.example", "username": "ann", "credentials": b"k:secret"}
        session.execute(update(Site).values(values))
    return DraftingSite()


def _look_ahead(line: Line, site: DraftingSite) -> Publication:
    """An article whose draft was tried."""
    (publication,) = line.world.schedule()
    with line.world.database.transaction() as session:
        assert publications.make_due(session, ahead=timedelta(days=2), now=line.now, most=9) == 1
    line.play(site, until=line.now)
    return line.world.publication(publication.content_id)


def _check(line: Line, site: DraftingSite) -> None:
    """As the hourly check does."""
    site_checks.check(
        line.world.database,
        line.world.site.id,
        open_target=lambda _: site,  # type: ignore[arg-type,return-value]  # the part that a check needs
        sleep=lambda _: None,
    )


def _keep_image(line: Line, content_id: int) -> None:
    """As a visit does that uploaded one."""
    with line.world.database.transaction() as session:
        row = session.get_one(Site, line.world.site.id)
        site_notes.save(session, row, {_IMAGE: Note(*_IMAGE, "5", "https://x.example")}, content_id=content_id)


def test_a_draft_is_looked_at_where_the_site_did_not_say_for_hours_that_it_is_ours(
    line: Line, site: DraftingSite
) -> None:
    row = _look_ahead(line, site)
    assert row.slot_at is not None

    line.play(site, until=line.now + timedelta(hours=2))
    assert line.now < row.slot_at
    line.play(site, until=row.slot_at)

    assert site.was_seen == [False]


def test_a_check_before_the_slot_spares_that_look(line: Line, site: DraftingSite) -> None:
    row = _look_ahead(line, site)
    assert (row.seen_at, row.slot_at is not None) == (NOW, True)
    line.now = row.slot_at - timedelta(minutes=50)  # type: ignore[operator]

    _check(line, site)

    assert line.world.publication(row.content_id).seen_at == line.now
    line.play(site, until=timedelta(minutes=50))
    assert site.was_seen == [True]


def test_a_draft_that_a_check_does_not_find_is_looked_at(line: Line, site: DraftingSite) -> None:
    row = _look_ahead(line, site)
    line.now = row.slot_at - timedelta(minutes=50)  # type: ignore[operator]
    kept, site.drafts = site.drafts, {}

    _check(line, site)

    assert line.world.publication(row.content_id).seen_at is None
    site.drafts = kept
    line.play(site, until=timedelta(minutes=50))
    assert site.was_seen == [False]


def test_another_user_makes_each_draft_looked_at(line: Line, site: DraftingSite) -> None:
    row = _look_ahead(line, site)
    with line.world.database.transaction() as session:
        own = session.get_one(Site, line.world.site.id)
        keep, home = calendar.Follow.REFLOW, config().home
        site_edits.edit(session, own, {"username": "bob"}, follow=keep, home=home, actor="ann", now=line.now)

    assert line.world.publication(row.content_id).seen_at is None


@pytest.mark.parametrize("how", ["unschedule", "reject", "delete"])
def test_images_of_a_refused_draft_are_taken_away_with_the_wish(line: Line, site: DraftingSite, how: str) -> None:
    site.fail("draft", SiteRefusedError("No such category."))
    row = _look_ahead(line, site)
    assert (row.status, row.has_trace) == (PublicationStatus.PLANNED, False)
    _keep_image(line, row.content_id)
    with line.world.database.transaction() as session:
        content = session.get_one(Content, row.content_id)
        if how == "unschedule":
            calendar.unschedule(session, content, actor="ann", now=line.now)
        else:
            getattr(reviews, how)(session, content, actor="ann", now=line.now)

    line.play(site, until=timedelta(minutes=1))

    assert site.cleared == [row.content_id]
    after = line.world.publication(row.content_id)
    assert (after.status, after.due_at) == (PublicationStatus.WITHDRAWN, None)


def test_what_left_nothing_at_the_site_is_not_asked_for(line: Line, site: DraftingSite) -> None:
    site.fail("draft", SiteRefusedError("No such category."))
    row = _look_ahead(line, site)
    _keep_image(line, row.content_id)
    with line.world.database.transaction() as session:
        session.execute(update(SiteNote).values(content_id=None))
        assert placing.withdraw(session, row.content_id, now=line.now)

    assert line.world.publication(row.content_id).due_at is None


def test_a_published_article_leaves_its_images(line: Line, site: DraftingSite) -> None:
    row = _look_ahead(line, site)
    line.play(site, until=row.slot_at or line.now)
    with line.world.database.transaction() as session:
        assert placing.withdraw(session, row.content_id, now=line.now, also_published=True)

    line.play(site, until=line.now)

    assert (site.posts, site.cleared) == ({}, [])


def test_a_refusal_that_left_a_draft_is_followed_by_one_that_takes_it_away(line: Line, site: DraftingSite) -> None:
    site.drafts["draft-9"] = None  # type: ignore[assignment]
    site.fail("draft", SiteRefusedError("It dropped a part.", left=Placed("draft-9", "", "i9")))
    row = _look_ahead(line, site)
    assert (row.status, row.remote_id, row.imprint, row.placed_version) == (
        PublicationStatus.DRAFTED, "draft-9", "i9", None,
    )  # fmt: skip
    with line.world.database.transaction() as session:
        reviews.reject(session, session.get_one(Content, row.content_id), actor="ann", now=line.now)

    line.play(site, until=line.now)

    assert (site.drafts, site.discarded, site.cleared) == ({}, ["i9"], [row.content_id])
    with line.world.database.reading() as session:
        assert session.scalars(select(Publication.remote_id)).all() == [None]
