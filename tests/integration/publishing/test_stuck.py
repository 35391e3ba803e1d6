"""What no longer goes on by itself at a site: its account is told once, and its calendar lists it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import CalendarSlot, Content, Notification, Publication
from pipeline.services import calendar, edits, publications, reviews, stuck
from pipeline.services.calendar import overdue
from pipeline.services.edits import Changes
from pipeline.sites.port import SiteRefusedError, SiteUnavailableError
from tests.support.builders import make_site
from tests.support.publishing import NOW
from tests.support.sites import FakeSite

if TYPE_CHECKING:
    from tests.integration.publishing.conftest import Line, World

A_DAY = timedelta(days=1)
REFUSED = SiteRefusedError("The slug is taken. Change it.")


@pytest.fixture
def site() -> FakeSite:
    return FakeSite()


@pytest.fixture
def refused(world: World, line: Line, site: FakeSite) -> Publication:
    """An article that its site would not take."""
    (publication,) = world.schedule()
    site.fail("publish", REFUSED)
    line.play(site, until=A_DAY)
    return world.publication(publication.content_id)


def _told(world: World) -> list[Notification]:
    with world.database.reading() as session:
        return list(session.query(Notification).order_by(Notification.id))


def _lasting(world: World) -> list[bool]:
    return [row.ended_at is None for row in _told(world)]


def _listed(world: World) -> list[stuck.Stuck]:
    with world.database.reading() as session:
        return list(stuck.of_site(session, world.site))


def _decide(world: World, line: Line, content_id: int, what: str) -> None:
    with world.database.transaction() as session:
        getattr(reviews, what)(session, session.get_one(Content, content_id), actor="test", now=line.now)


def _edit(world: World, line: Line, content_id: int, title: str) -> None:
    with world.database.transaction() as session:
        content = session.get_one(Content, content_id)
        edits.edit(session, content, Changes(title=title), expected_version=None, actor="test", now=line.now)


def test_what_a_site_refuses_is_told_and_listed_with_its_title_and_what_to_do(
    world: World, refused: Publication
) -> None:
    title = world.content(refused.content_id).title

    (told,) = _told(world)
    (listed,) = _listed(world)

    assert (told.kind.value, told.account_id) == ("publication_stuck", world.site.account_id)
    assert (told.subject_kind, told.subject_id, told.ended_at) == ("content", refused.content_id, None)
    for part in (title, world.site.name, REFUSED.message, f"igny8 publish {refused.content_id} --now"):
        assert part in told.message
    assert (listed.content_id, listed.title, listed.why) == (refused.content_id, title, REFUSED.message)
    assert listed.status is PublicationStatus.NEEDS_ATTENTION
    assert f"igny8 calendar schedule {refused.content_id}" in listed.what_to_do


def test_nobody_is_told_of_what_is_still_tried(world: World, line: Line, site: FakeSite) -> None:
    world.schedule()
    site.fail("publish", SiteUnavailableError("Away."), times=3)

    line.play(site, until=A_DAY)

    assert (_told(world), _listed(world)) == ([], [])


def test_what_was_tried_too_often_is_told_once(world: World, line: Line, site: FakeSite) -> None:
    (publication,) = world.schedule()
    site.fail("publish", SiteUnavailableError("Away."), times=100)

    line.play(site, until=A_DAY)
    with world.database.transaction() as session:
        stuck.tell(session, [publication.content_id], now=line.now)

    assert ["Away. It was tried 5 times." in row.message for row in _told(world)] == [True]


@pytest.mark.parametrize("decision", ["publish_now", "schedule", "reject", "delete"])
def test_once_a_person_has_decided_it_is_over(world: World, line: Line, refused: Publication, decision: str) -> None:
    content = world.content(refused.content_id)
    if decision == "publish_now":
        world.publish_now(content, now=line.now)
    elif decision == "schedule":
        with world.database.transaction() as session:
            calendar.schedule(session, session.get_one(Content, content.id), to=None, actor="test", now=line.now)
    else:
        _decide(world, line, content.id, decision)

    assert _lasting(world) == [False]
    assert _listed(world) == []


def test_what_gets_stuck_again_is_told_anew(world: World, line: Line, site: FakeSite, refused: Publication) -> None:
    world.publish_now(world.content(refused.content_id), now=line.now)
    site.fail("publish", SiteRefusedError("The body is too long."))

    line.play(site, until=timedelta())

    assert _lasting(world) == [False, True]
    assert "The body is too long." in _told(world)[1].message


def test_what_is_told_falls_with_the_transaction_that_gives_it_up(world: World) -> None:
    (publication,) = world.schedule()
    assert publication.slot_at is not None
    claim = world.claim(publication, now=publication.slot_at)
    assert claim is not None

    with world.database.transaction() as session:
        publications.give_up(session, claim, "No.", now=NOW)
        session.rollback()

    assert _told(world) == []


def test_missed_pins_are_told_each(world: World) -> None:
    planned = world.schedule(2)
    with world.database.transaction() as session:
        session.execute(update(CalendarSlot).where(CalendarSlot.content_id.is_not(None)).values(pinned=True))
        overdue.put_back(session, world.site.id, now=NOW + timedelta(days=9), grace=timedelta(hours=2))

    assert [row.subject_id for row in _told(world)] == [publication.content_id for publication in planned]
    assert all("Its pinned time passed" in row.message for row in _told(world))
    assert [row.status for row in _listed(world)] == [PublicationStatus.MISSED] * 2


def test_a_row_that_could_not_even_be_claimed_is_told(world: World) -> None:
    (publication,) = world.schedule()
    with world.database.transaction() as session:
        publications.set_aside(session, publication.id, "It could not be carried out.", now=NOW)

    assert [row.subject_id for row in _told(world)] == [publication.content_id]


def test_an_edit_that_the_site_refuses_is_told_until_the_next_one(world: World, line: Line, site: FakeSite) -> None:
    (publication,) = world.schedule()
    line.play(site, until=A_DAY)
    site.fail("publish", REFUSED)
    _edit(world, line, publication.content_id, "A first title")
    line.play(site, until=timedelta())
    (told,), (listed,) = _told(world), _listed(world)

    _edit(world, line, publication.content_id, "A second title")

    assert "could not be brought up to date at Still Water" in told.message
    assert f"igny8 content edit {publication.content_id}" in told.message
    assert listed.status is PublicationStatus.PUBLISHED
    assert (_lasting(world), _listed(world)) == ([False], [])


def test_an_edit_that_is_still_tried_is_neither_told_nor_listed(world: World, line: Line, site: FakeSite) -> None:
    (publication,) = world.schedule()
    line.play(site, until=A_DAY)
    site.fail("publish", SiteUnavailableError("Away."), times=3)
    _edit(world, line, publication.content_id, "A first title")

    line.play(site, until=timedelta())

    assert world.publication(publication.content_id).error == "Away."
    assert (_told(world), _listed(world)) == ([], [])


def test_once_the_site_shows_the_edit_after_all_it_is_over(world: World, line: Line, site: FakeSite) -> None:
    (publication,) = world.schedule()
    line.play(site, until=A_DAY)
    site.fail("publish", REFUSED)
    _edit(world, line, publication.content_id, "A first title")
    line.play(site, until=timedelta())
    # As where a publisher that was thought dead has changed the site: it is done once more.
    with world.database.transaction() as session:
        session.execute(update(Publication).values(due_at=line.now, attempts=0))

    line.play(site, until=timedelta())

    assert site.titles() == ["A first title"]
    assert (_lasting(world), _listed(world)) == ([False], [])


def test_one_whose_publishers_died_too_often_is_told(world: World) -> None:
    (publication,) = world.schedule()
    assert publication.slot_at is not None
    with world.database.transaction() as session:
        session.execute(update(Publication).values(attempts=3))

    assert world.claim(publication, now=publication.slot_at) is None

    assert ["Publishing was cut short 3 times." in row.message for row in _told(world)] == [True]


def test_an_article_that_the_site_will_not_let_go_of_is_told(world: World, line: Line, site: FakeSite) -> None:
    (publication,) = world.schedule()
    line.play(site, until=A_DAY)
    site.fail("withdraw", SiteRefusedError("It is locked."))
    _decide(world, line, publication.content_id, "reject")
    line.play(site, until=timedelta())
    (told,) = _told(world)

    _decide(world, line, publication.content_id, "withdraw")
    line.play(site, until=timedelta())

    assert "could not be taken off Still Water. It is locked." in told.message
    assert f"igny8 content withdraw {publication.content_id}" in told.message
    assert (_lasting(world), site.posts) == ([False], {})
    assert world.content(publication.content_id).status is ContentStatus.REJECTED


def test_a_deleted_article_that_stays_on_its_site_is_told_with_its_address(
    world: World, line: Line, site: FakeSite
) -> None:
    (publication,) = world.schedule()
    line.play(site, until=A_DAY)
    address = world.publication(publication.content_id).remote_url
    site.fail("withdraw", SiteRefusedError("It is locked."))
    _decide(world, line, publication.content_id, "delete")

    line.play(site, until=timedelta())

    assert [str(address) in row.message for row in _told(world)] == [True]
    assert _listed(world) == []


def test_a_site_lists_its_own(world: World, refused: Publication) -> None:
    with world.database.transaction() as session:
        other = make_site(session, name="Other")

    with world.database.reading() as session:
        assert stuck.of_site(session, other) == []
    assert len(_listed(world)) == 1
