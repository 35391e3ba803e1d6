"""What is done when nobody knows what the site did: answers that never came, publishers that were killed, bad rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from pipeline.core.states import ContentStatus, ImagePromptStatus, PublicationStatus
from pipeline.engine import articles
from pipeline.models import Content, Image, Publication
from pipeline.services import calendar, publications, reviews
from pipeline.sites.port import SiteOutcomeUnknownError, SiteRefusedError, SiteUnavailableError
from tests.support.builders import make_image, make_image_prompt
from tests.support.sites import FakeSite, Killed

if TYPE_CHECKING:
    from tests.integration.publishing.conftest import Line, World

A_MINUTE = timedelta(minutes=1)
A_DAY = timedelta(days=1)
UNKNOWN = SiteOutcomeUnknownError("The site's answer never came.")


def _wanted(world: World, line: Line) -> Publication:
    """A publication that a person wants at once."""
    (content,) = world.approve()
    return world.publish_now(content, now=line.now)


def _die(*_: object, **__: object) -> None:
    raise Killed


def _carry_out_and_die(line: Line, publication: Publication, site: FakeSite) -> None:
    line.send(publication.id)
    with pytest.raises(Killed):
        line.carry_out(publication.id, site)


def _withdraw(world: World, line: Line, publication: Publication) -> None:
    with world.database.transaction() as session:
        content = session.get_one(Content, publication.content_id)
        reviews.withdraw(session, content, actor="test", now=line.now)


def test_an_answer_that_came_too_late_is_looked_up_at_once(world: World, line: Line) -> None:
    publication, site = _wanted(world, line), FakeSite()
    site.fail("publish", UNKNOWN, after=True)

    line.play(site, until=timedelta())

    assert site.asked == ["publish", "look_up", "read_back"]
    assert world.statuses(publication.content_id) == (ContentStatus.PUBLISHED, PublicationStatus.PUBLISHED)
    assert world.publication(publication.content_id).unknown_since is None


def test_a_post_that_shows_minutes_after_its_answer_was_lost_is_the_only_one(world: World, line: Line) -> None:
    publication, site = _wanted(world, line), FakeSite()
    site.fail("publish", UNKNOWN)
    line.play(site, until=4 * A_MINUTE)
    assert site.posts == {}
    # What was asked arrives at the site after all.
    article = line.article(publication)
    site.publish(article, remote_id=None)

    line.play(site, until=A_DAY)

    assert len(site.posts) == 1
    assert world.publication(publication.content_id).status is PublicationStatus.PUBLISHED


def test_within_the_window_nothing_is_made_again_and_looking_spends_no_attempt(world: World, line: Line) -> None:
    publication, site = _wanted(world, line), FakeSite()
    site.fail("publish", UNKNOWN)
    began_at = line.now

    line.play(site, until=began_at + 10 * A_MINUTE - timedelta(seconds=1))

    row = world.publication(publication.content_id)
    assert (site.asked.count("publish"), site.asked.count("look_up")) == (1, 10)
    assert (row.status, row.attempts, row.due_at) == (PublicationStatus.PLANNED, 1, began_at + 10 * A_MINUTE)

    line.play(site, until=timedelta(seconds=2))

    assert site.asked[-3:] == ["look_up", "publish", "read_back"]
    assert world.publication(publication.content_id).status is PublicationStatus.PUBLISHED


def test_a_site_that_shows_what_it_has_is_not_asked_twice(world: World, line: Line) -> None:
    publication, site = _wanted(world, line), FakeSite()
    site.needs_lookup = False
    site.fail("publish", UNKNOWN)

    line.play(site, until=2 * A_MINUTE)

    assert site.asked == ["publish", "publish", "read_back"]
    assert world.publication(publication.content_id).status is PublicationStatus.PUBLISHED


@pytest.mark.parametrize("error", [SiteUnavailableError("Away."), SiteRefusedError("No.")])
def test_what_the_site_took_is_remembered_where_reading_it_back_fails(
    world: World, line: Line, error: Exception
) -> None:
    publication, site = _wanted(world, line), FakeSite()
    site.fail("read_back", error, times=1 if isinstance(error, SiteRefusedError) else 3)

    line.play(site, until=timedelta())

    assert world.publication(publication.content_id).remote_id == "post-1"
    if isinstance(error, SiteRefusedError):
        world.publish_now(world.content(publication.content_id), now=line.now)
    line.play(site, until=2 * A_MINUTE)
    assert (len(site.posts), world.content(publication.content_id).status) == (1, ContentStatus.PUBLISHED)


def test_what_the_site_never_shows_ends_with_a_person_and_one_post(world: World, line: Line) -> None:
    publication, site = _wanted(world, line), FakeSite()
    site.shows = False

    line.play(site, until=A_DAY)

    row = world.publication(publication.content_id)
    assert row.status is PublicationStatus.NEEDS_ATTENTION
    assert row.error == "The site took the article, but does not show it. It was tried 5 times."
    assert len(site.posts) == 1


def test_retries_come_after_1_5_15_and_60_minutes(world: World, line: Line) -> None:
    _wanted(world, line)
    site, asked_at = FakeSite(), []
    site.fail("publish", SiteUnavailableError("Away.", retry_after_seconds=3), times=5)
    site.before("publish", lambda: asked_at.append(line.now))

    line.play(site, until=A_DAY)

    minutes = [round((later - earlier) / A_MINUTE) for earlier, later in pairwise(asked_at)]
    assert minutes == [1, 5, 15, 60]


def test_no_site_is_waited_for_longer_than_a_day(world: World, line: Line) -> None:
    publication, site = _wanted(world, line), FakeSite()
    site.fail("publish", SiteUnavailableError("Away.", retry_after_seconds=10**18))
    began_at = line.now

    line.play(site, until=timedelta())

    assert world.publication(publication.content_id).due_at == began_at + A_DAY


STEPS: dict[str, Callable[[FakeSite, pytest.MonkeyPatch], None]] = {
    "before the site": lambda _, patch: patch.setattr(articles, "destination", _die),
    "before the site took it": lambda site, _: site.fail("publish", Killed()),
    "after the site took it": lambda site, _: site.fail("publish", Killed(), after=True),
    "while it is read back": lambda site, _: site.fail("read_back", Killed(), after=True),
    "before it is written down": lambda _, patch: patch.setattr(publications, "finalise", _die),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_publisher_killed_between_any_two_steps_leaves_one_post(
    world: World, line: Line, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication, site = _wanted(world, line), FakeSite()
    with monkeypatch.context() as patch:
        STEPS[step](site, patch)
        _carry_out_and_die(line, publication, site)

    line.play(site, until=timedelta(hours=1))

    assert len(site.posts) == 1
    assert world.statuses(publication.content_id) == (ContentStatus.PUBLISHED, PublicationStatus.PUBLISHED)


def test_a_publisher_killed_after_it_was_written_down_changes_nothing(
    world: World, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication, site = _wanted(world, line), FakeSite()
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.engine.publisher._log.info", _die)
        _carry_out_and_die(line, publication, site)

    line.carry_out(publication.id, site)
    line.play(site, until=A_DAY)

    assert site.asked == ["publish", "read_back"]


@pytest.mark.parametrize("request_", ["withdraw", "read_back"])
@pytest.mark.parametrize("after", [False, True])
def test_a_withdrawal_killed_between_any_two_steps_is_ended(
    world: World, line: Line, request_: str, *, after: bool
) -> None:
    publication, site = _wanted(world, line), FakeSite()
    line.play(site, until=timedelta())
    _withdraw(world, line, publication)
    site.fail(request_, Killed(), after=after)
    _carry_out_and_die(line, publication, site)

    line.play(site, until=2 * A_MINUTE)

    row = world.publication(publication.content_id)
    assert (site.posts, row.status, row.remote_id, row.due_at) == ({}, PublicationStatus.WITHDRAWN, None, None)


def test_what_was_cancelled_while_its_outcome_is_unknown_is_looked_for_and_taken_away(world: World, line: Line) -> None:
    publication, site = _wanted(world, line), FakeSite()
    site.fail("publish", UNKNOWN)
    line.play(site, until=timedelta())
    with world.database.transaction() as session:
        content = session.get_one(Content, publication.content_id)
        calendar.free_slot(session, content, hold_back=True, now=line.now)
    line.play(site, until=3 * A_MINUTE)
    site.publish(line.article(publication), remote_id=None)

    line.play(site, until=A_DAY)

    assert site.posts == {}
    assert world.statuses(publication.content_id) == (ContentStatus.APPROVED, PublicationStatus.WITHDRAWN)
    assert world.publication(publication.content_id).due_at is None


def test_a_publisher_that_was_thought_dead_takes_its_second_copy_away(world: World, line: Line) -> None:
    publication, site = _wanted(world, line), FakeSite()
    heirs: list[int] = []

    def overtake() -> None:
        if not heirs:
            heirs.append(1)
            line.now += timedelta(hours=1)
            line.send(publication.id)
            line.carry_out(publication.id, site)

    site.before("publish", overtake)
    line.send(publication.id)

    line.carry_out(publication.id, site)

    row = world.publication(publication.content_id)
    assert (list(site.posts), row.status) == ([row.remote_id], PublicationStatus.PUBLISHED)


def test_a_bad_row_ends_with_a_person_and_is_not_sent_for_ever(world: World, line: Line) -> None:
    publication, site = _wanted(world, line), FakeSite()
    with world.database.transaction() as session:
        content = session.get_one(Content, publication.content_id)
        prompt = make_image_prompt(session, content=content, status=ImagePromptStatus.DONE)
        make_image(session, prompt=prompt)
        session.execute(update(Image).values(mime="image/tiff"))

    line.play(site, until=A_DAY)

    row = world.publication(publication.content_id)
    assert world.statuses(publication.content_id) == (ContentStatus.NEEDS_ATTENTION, PublicationStatus.NEEDS_ATTENTION)
    assert (row.error or "").startswith("It could not be carried out (KeyError: 'image/tiff').")
    assert (row.attempts, row.due_at, site.asked) == (1, None, [])


def test_a_missing_image_file_ends_with_a_person_and_the_sentence_names_it(world: World, line: Line) -> None:
    publication = _wanted(world, line)
    with world.database.transaction() as session:
        content = session.get_one(Content, publication.content_id)
        make_image(session, prompt=make_image_prompt(session, content=content, status=ImagePromptStatus.DONE))
    line.send(publication.id)

    line.carry_out_in_folder(publication.id)

    row = world.publication(publication.content_id)
    assert row.status is PublicationStatus.NEEDS_ATTENTION
    assert "Make the image again" in (row.error or "")


def test_what_breaks_in_the_claim_ends_with_a_person(world: World, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    publication, site = _wanted(world, line), FakeSite()

    def break_down(*_: object, **__: object) -> None:
        raise LookupError("a row that nobody expected")

    monkeypatch.setattr(publications, "claim", break_down)

    line.play(site, until=A_DAY)

    row = world.publication(publication.content_id)
    assert world.statuses(publication.content_id) == (ContentStatus.NEEDS_ATTENTION, PublicationStatus.NEEDS_ATTENTION)
    assert "LookupError: a row that nobody expected" in (row.error or "")
    assert row.due_at is None


def test_what_breaks_in_the_adapter_ends_with_a_person_and_is_looked_up_when_it_is_tried_again(
    world: World, line: Line
) -> None:
    publication, site = _wanted(world, line), FakeSite()
    site.fail("publish", ValueError("no JSON"), after=True)
    line.play(site, until=timedelta())
    assert world.publication(publication.content_id).status is PublicationStatus.NEEDS_ATTENTION
    world.publish_now(world.content(publication.content_id), now=line.now)

    line.play(site, until=A_MINUTE)

    assert len(site.posts) == 1
    assert world.publication(publication.content_id).status is PublicationStatus.PUBLISHED
