"""What is published and then edited, withdrawn, rejected or deleted: the site follows, at least once, confirmed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Content, Publication
from pipeline.services import calendar, edits, reviews
from pipeline.services.edits import Changes
from pipeline.sites.port import SiteOutcomeUnknownError, SiteRefusedError, SiteUnavailableError
from tests.support.sites import FakeSite, Killed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.publishing.conftest import Line, World

A_MINUTE = timedelta(minutes=1)
A_DAY = timedelta(days=1)
ACTS = ["carry_out", "carry_out", "carry_out", "edit", "publish_now", "withdraw", "reject"]


@pytest.fixture
def site() -> FakeSite:
    return FakeSite()


@pytest.fixture
def published(world: World, line: Line, site: FakeSite) -> Publication:
    (publication,) = world.schedule()
    line.play(site, until=A_DAY)
    site.asked.clear()
    return world.publication(publication.content_id)


def _edit(world: World, line: Line, publication: Publication, title: str = "Another title") -> None:
    with world.database.transaction() as session:
        content = session.get_one(Content, publication.content_id)
        edits.edit(session, content, Changes(title=title), expected_version=None, actor="test", now=line.now)


def _decide(world: World, line: Line, publication: Publication, what: str) -> bool:
    with world.database.transaction() as session:
        content = session.get_one(Content, publication.content_id)
        return bool(getattr(reviews, what)(session, content, actor="test", now=line.now))


def test_the_row_knows_which_version_stands_on_the_site(published: Publication) -> None:
    assert published.placed_version == 1


def test_an_edit_of_a_published_article_is_placed_again_at_the_same_place_with_the_same_date(
    world: World, line: Line, site: FakeSite, published: Publication
) -> None:
    (before,) = site.posts.values()
    _edit(world, line, published)

    line.play(site, until=timedelta())

    (after,) = site.posts.values()
    assert (after.title, after.published_at) == ("Another title", before.published_at)
    assert site.asked == ["publish", "read_back"]
    row = world.publication(published.content_id)
    assert (row.placed_version, row.due_at, row.published_at) == (2, None, published.published_at)
    assert world.statuses(published.content_id) == (ContentStatus.PUBLISHED, PublicationStatus.PUBLISHED)


def test_a_failed_update_leaves_the_article_published_and_says_so(
    world: World, line: Line, site: FakeSite, published: Publication
) -> None:
    site.fail("publish", SiteRefusedError("The title is too long. Shorten it."))
    _edit(world, line, published)

    line.play(site, until=A_DAY)

    row = world.publication(published.content_id)
    assert world.statuses(published.content_id) == (ContentStatus.PUBLISHED, PublicationStatus.PUBLISHED)
    assert (row.error, row.placed_version, row.due_at) == ("The title is too long. Shorten it.", 1, None)


def test_an_update_is_tried_again_and_given_up_like_the_first_placing(
    world: World, line: Line, site: FakeSite, published: Publication
) -> None:
    site.fail("publish", SiteUnavailableError("Away.", retry_after_seconds=3), times=5)
    _edit(world, line, published)

    line.play(site, until=A_DAY)

    row = world.publication(published.content_id)
    assert (site.asked, row.error) == (["publish"] * 5, "Away. It was tried 5 times.")
    assert row.status is PublicationStatus.PUBLISHED


def test_the_next_edit_tries_anew(world: World, line: Line, site: FakeSite, published: Publication) -> None:
    site.fail("publish", SiteRefusedError("No."))
    _edit(world, line, published)
    line.play(site, until=A_DAY)
    _edit(world, line, published, "A third title")

    line.play(site, until=A_DAY)

    assert site.titles() == ["A third title"]
    assert world.publication(published.content_id).error is None


def test_an_edit_while_the_site_is_brought_up_to_date_is_placed_after_it(
    world: World, line: Line, site: FakeSite, published: Publication
) -> None:
    _edit(world, line, published)
    later = iter(["A third title"])
    site.before("read_back", lambda: [_edit(world, line, published, title) for title in later])

    line.play(site, until=A_MINUTE)

    assert site.titles() == ["A third title"]
    assert world.publication(published.content_id).placed_version == 3


def test_an_edit_while_it_is_first_placed_is_placed_after_it(world: World, line: Line, site: FakeSite) -> None:
    (publication,) = world.schedule()
    later = iter(["Another title"])
    site.before("publish", lambda: [_edit(world, line, publication, title) for title in later])

    line.play(site, until=A_DAY)

    assert site.titles() == ["Another title"]
    assert world.publication(publication.content_id).placed_version == 2


def test_an_edit_before_its_slot_waits_for_its_slot(world: World, line: Line, site: FakeSite) -> None:
    (publication,) = world.schedule()

    _edit(world, line, publication)

    assert world.publication(publication.content_id).due_at == publication.slot_at


def test_an_update_that_was_killed_is_done_again(
    world: World, line: Line, site: FakeSite, published: Publication
) -> None:
    _edit(world, line, published)
    site.fail("publish", Killed(), after=True)
    line.send(published.id)
    with pytest.raises(Killed):
        line.carry_out(published.id, site)

    line.play(site, until=2 * A_MINUTE)

    assert site.titles() == ["Another title"]
    assert world.publication(published.content_id).placed_version == 2


def test_an_unknown_outcome_of_an_update_makes_no_second_post(
    world: World, line: Line, site: FakeSite, published: Publication
) -> None:
    site.fail("publish", SiteOutcomeUnknownError("No answer."), after=True)
    _edit(world, line, published)

    line.play(site, until=2 * A_MINUTE)

    assert site.titles() == ["Another title"]
    assert world.publication(published.content_id).unknown_since is None


@pytest.mark.parametrize(
    ("what", "becomes"),
    [
        ("withdraw", ContentStatus.APPROVED),
        ("reject", ContentStatus.REJECTED),
        ("delete", ContentStatus.REJECTED),
    ],
)
def test_what_people_decide_against_is_taken_off_the_site_and_seen_to_be_gone(
    world: World, line: Line, site: FakeSite, published: Publication, *, what: str, becomes: ContentStatus
) -> None:
    assert _decide(world, line, published, what)

    line.play(site, until=timedelta())

    row = world.publication(published.content_id)
    assert (site.posts, site.asked) == ({}, ["withdraw", "read_back"])
    assert world.statuses(published.content_id) == (becomes, PublicationStatus.WITHDRAWN)
    assert (row.remote_id, row.placed_version, row.due_at, row.error) == (None, None, None, None)
    assert world.slot_of(published.content_id) is None


def test_what_is_withdrawn_is_not_scheduled_by_itself(
    world: World, line: Line, site: FakeSite, published: Publication
) -> None:
    _decide(world, line, published, "withdraw")
    line.play(site, until=timedelta())

    with world.database.transaction() as session:
        filled = calendar.fill(session, world.site.id, now=line.now, limit=10)

    assert (filled, world.content(published.content_id).held_back) == (0, True)


def test_what_is_withdrawn_can_be_scheduled_and_published_again(
    world: World, line: Line, site: FakeSite, published: Publication
) -> None:
    _decide(world, line, published, "withdraw")
    line.play(site, until=timedelta())
    with world.database.transaction() as session:
        calendar.schedule_next(session, session.get_one(Content, published.content_id), now=line.now)

    line.play(site, until=7 * A_DAY)

    assert len(site.posts) == 1
    assert world.content(published.content_id).status is ContentStatus.PUBLISHED


def test_what_is_just_being_taken_away_is_not_scheduled_so_that_it_cannot_stay_visible(
    world: World, line: Line, published: Publication
) -> None:
    _decide(world, line, published, "withdraw")

    with (
        pytest.raises(ConflictError, match="just being taken off its site"),
        world.database.transaction() as session,
    ):
        calendar.schedule_next(session, session.get_one(Content, published.content_id), now=line.now)


def test_a_site_that_still_shows_it_is_asked_again_and_then_shown_to_a_person(
    world: World, line: Line, site: FakeSite, published: Publication
) -> None:
    _decide(world, line, published, "reject")
    site.fail("withdraw", SiteUnavailableError("Away.", retry_after_seconds=3), times=5)

    line.play(site, until=A_DAY)

    row = world.publication(published.content_id)
    assert (row.status, row.error, row.remote_id) == (
        PublicationStatus.NEEDS_ATTENTION,
        "Away. It was tried 5 times.",
        "post-1",
    )
    assert world.content(published.content_id).status is ContentStatus.REJECTED


def test_a_withdrawal_that_was_refused_can_be_asked_for_again(
    world: World, line: Line, site: FakeSite, published: Publication
) -> None:
    _decide(world, line, published, "reject")
    site.fail("withdraw", SiteRefusedError("Not allowed. Give the user the right."))
    line.play(site, until=A_MINUTE)
    assert world.publication(published.content_id).status is PublicationStatus.NEEDS_ATTENTION

    _decide(world, line, published, "withdraw")
    line.play(site, until=A_MINUTE)

    assert site.posts == {}
    assert world.statuses(published.content_id) == (ContentStatus.REJECTED, PublicationStatus.WITHDRAWN)


def test_what_is_withdrawn_while_it_is_updated_does_not_come_back(
    world: World, line: Line, site: FakeSite, published: Publication
) -> None:
    _edit(world, line, published)
    once = iter([1])
    site.before("publish", lambda: [_decide(world, line, published, "withdraw") for _ in once])

    line.play(site, until=2 * A_MINUTE)

    assert site.posts == {}
    assert world.publication(published.content_id).due_at is None


def test_what_is_published_again_while_it_is_taken_away_stays(
    world: World, line: Line, site: FakeSite, published: Publication
) -> None:
    _decide(world, line, published, "withdraw")
    once = iter([1])

    def change_ones_mind() -> None:
        for _ in once:
            world.publish_now(world.content(published.content_id), now=line.now)

    site.before("withdraw", change_ones_mind)

    line.play(site, until=2 * A_MINUTE)

    assert len(site.posts) == 1
    assert world.statuses(published.content_id) == (ContentStatus.PUBLISHED, PublicationStatus.PUBLISHED)


def test_a_withdrawal_that_outlived_its_lease_does_not_win_over_what_came_after(
    world: World, line: Line, site: FakeSite, published: Publication
) -> None:
    _decide(world, line, published, "withdraw")
    once = iter([1])

    def overtake() -> None:
        for _ in once:
            line.now += timedelta(hours=1)
            world.publish_now(world.content(published.content_id), now=line.now)
            line.play(site, until=timedelta())

    site.before("withdraw", overtake)

    line.play(site, until=line.now + timedelta(hours=2))

    assert len(site.posts) == 1
    assert world.publication(published.content_id).status is PublicationStatus.PUBLISHED


def test_an_update_that_outlived_its_lease_leaves_the_later_version_on_the_site(
    world: World, line: Line, site: FakeSite, published: Publication
) -> None:
    _edit(world, line, published)
    once = iter([1])

    def overtake() -> None:
        for _ in once:
            line.now += timedelta(hours=1)
            _edit(world, line, published, "A third title")
            line.play(site, until=timedelta())

    site.before("publish", overtake)

    line.play(site, until=line.now + timedelta(hours=2))

    assert site.titles() == ["A third title"]
    assert world.publication(published.content_id).placed_version == 3


def test_people_and_publishers_at_the_same_articles_at_the_same_moment_end_with_site_and_rows_agreeing(
    world: World, line: Line, site: FakeSite
) -> None:
    contents = world.approve(8)
    publications = [world.publish_now(content, now=line.now) for content in contents]
    chance = Random(3)
    acts = [(chance.choice(ACTS), chance.choice(publications)) for _ in range(120)]

    def act(pair: tuple[str, Publication]) -> None:
        what, publication = pair
        try:
            if what == "carry_out":
                line.send(publication.id)
                line.carry_out(publication.id, site)
            elif what == "edit":
                _edit(world, line, publication, f"Title {chance.random()}")
            elif what == "publish_now":
                world.publish_now(world.content(publication.content_id), now=line.now)
            else:
                _decide(world, line, publication, what)
        except ConflictError:
            pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, acts))
    line.play(site, until=A_DAY)

    shown = sorted((article.content_id, article.title) for article in site.posts.values())
    rows = [world.content(content.id) for content in contents]
    assert shown == [(row.id, row.title) for row in rows if row.status is ContentStatus.PUBLISHED]
    for row in rows:
        publication = world.publication(row.id)
        is_published = row.status is ContentStatus.PUBLISHED
        assert (publication.status is PublicationStatus.PUBLISHED) == is_published
        assert (publication.placed_version == row.version, publication.due_at) == (is_published, None)


def test_what_was_never_placed_needs_no_site_to_be_withdrawn_from(world: World, line: Line, site: FakeSite) -> None:
    (publication,) = world.schedule()

    assert not _decide(world, line, publication, "reject")

    line.play(site, until=A_DAY)
    assert site.asked == []
    assert world.slot_of(publication.content_id) is None


def test_what_is_just_being_published_cannot_be_decided_against(world: World, line: Line, site: FakeSite) -> None:
    (publication,) = world.schedule()
    refused = []

    def decide() -> None:
        for what in ("reject", "withdraw", "delete"):
            with pytest.raises(ConflictError) as told:
                _decide(world, line, publication, what)
            refused.append(str(told.value))

    site.before("publish", decide)

    line.play(site, until=A_DAY)

    assert len(refused) == 3
    assert all("is just being published" in sentence for sentence in refused)
    assert len(site.posts) == 1


def test_what_waits_for_its_next_try_can_be_taken_off_the_calendar(world: World, line: Line, site: FakeSite) -> None:
    (publication,) = world.schedule()
    site.fail("publish", SiteUnavailableError("Away.", retry_after_seconds=3))
    assert publication.slot_at is not None
    line.play(site, until=publication.slot_at)

    with world.database.transaction() as session:
        content = session.get_one(Content, publication.content_id)
        calendar.free_slot(session, content, hold_back=True, now=line.now)
    line.play(site, until=A_DAY)

    assert site.posts == {}
    assert world.statuses(publication.content_id) == (ContentStatus.APPROVED, PublicationStatus.WITHDRAWN)


def test_a_folder_loses_the_page_of_what_is_withdrawn(world: World, line: Line, home: Path) -> None:
    (content,) = world.approve()
    publication = world.publish_now(content, now=line.now)
    line.send(publication.id)
    line.carry_out_in_folder(publication.id)
    page = home / "sites" / f"{world.site.id}-still-water" / content.slug / "index.html"
    was_there = page.is_file()
    _decide(world, line, publication, "withdraw")
    line.send(publication.id)

    line.carry_out_in_folder(publication.id)

    assert (was_there, page.exists()) == (True, False)
    assert content.slug not in (page.parent.parent / "index.html").read_text()
    assert world.publication(content.id).remote_id is None
