"""Drafts that are made a day ahead: when, what becomes of them, and that a slot never depends on one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from pipeline.config import config
from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.engine import publisher
from pipeline.models import Content, Notification, Publication, Site
from pipeline.services import calendar, edits, placing, publications, reviews, site_edits
from pipeline.services.edits import Changes
from pipeline.sites.port import Article, Placed, SiteOutcomeUnknownError, SiteRefusedError, SiteUnavailableError
from tests.support.publishing import NOW, grid
from tests.support.sites import FakeSite, Killed

if TYPE_CHECKING:
    from tests.integration.publishing.conftest import Line, World

_DAY = timedelta(days=1)


class DraftingSite(FakeSite):
    """The fake site, on which an article is first drafted."""

    def __init__(self) -> None:
        super().__init__()
        self.drafts: dict[str, Article] = {}
        #: What each draft was said to replace.
        self.imprints: list[str | None] = []
        #: What each draft that was to go for good was said to be.
        self.discarded: list[str] = []
        #: Whether each draft that was shown was said to be seen before.
        self.was_seen: list[bool] = []
        #: Contents whose images were to be taken away.
        self.cleared: list[int] = []
        self._ids = count(1)

    def draft(self, article: Article, *, remote_id: str | None, imprint: str | None) -> Placed:
        def write() -> Placed:
            self.imprints.append(imprint)
            name = remote_id if remote_id in self.drafts else f"draft-{next(self._ids)}"
            self.drafts[name] = article
            return Placed(name, "https://site.example/?p=1", f"v{article.version}")

        return self._answer("draft", write)

    def update(self, article: Article, *, remote_id: str, imprint: str | None) -> Placed:
        self.imprints.append(imprint)
        return self.publish(article, remote_id=remote_id)

    def show(self, article: Article, *, remote_id: str, imprint: str | None, was_seen: bool) -> Placed:  # noqa: ARG002 - the shape of a target
        self.was_seen.append(was_seen)

        def show() -> Placed:
            self.posts[remote_id] = self.drafts.pop(remote_id)
            self.appeared.append(article.content_id)
            return self._placed(remote_id)

        return self._answer("show", show)

    def look_up(self, content_id: int) -> Placed | None:
        both = {**self.drafts, **self.posts}
        found = [name for name, article in both.items() if article.content_id == content_id]
        return self._answer("look_up", lambda: self._placed(found[0]) if found else None)

    def withdraw(self, remote_id: str) -> None:
        self.drafts.pop(remote_id, None)
        super().withdraw(remote_id)

    def discard(self, remote_id: str, *, imprint: str) -> None:
        self.discarded.append(imprint)
        self.withdraw(remote_id)

    def clear(self, content_id: int) -> None:
        self.cleared.append(content_id)

    def still_ours(self, drafts: Mapping[str, int]) -> set[str]:
        return {name for name, content_id in drafts.items() if name in self.drafts and content_id}

    def check(self) -> list[str]:
        return []

    def standing(self, remote_id: str, *, imprint: str | None = None) -> None:
        raise NotImplementedError


@pytest.fixture
def site(world: World) -> DraftingSite:
    """The world's site is one over the network."""
    with world.database.transaction() as session:
        session.execute(update(Site).values(target="site"))
    return DraftingSite()


def _scheduled(world: World) -> tuple[Publication, datetime]:
    (publication,) = world.schedule()
    slot_at = publication.slot_at
    assert slot_at is not None
    return publication, slot_at


def _look_ahead(line: Line, *, ahead: timedelta = _DAY) -> int:
    """As beat's duty does."""
    with line.world.database.transaction() as session:
        return publications.make_due(session, ahead=ahead, now=line.now, most=300)


def _drafted(line: Line, site: DraftingSite) -> tuple[Publication, datetime]:
    """An article whose draft stands at the site."""
    publication, slot_at = _scheduled(line.world)
    assert _look_ahead(line) == 1
    line.play(site, until=line.now)
    assert line.world.statuses(publication.content_id) == (ContentStatus.SCHEDULED, PublicationStatus.DRAFTED)
    return publication, slot_at


def test_a_draft_is_made_ahead_and_only_shown_at_the_slot(line: Line, site: DraftingSite) -> None:
    publication, slot_at = _drafted(line, site)
    assert (len(site.drafts), site.posts) == (1, {})
    assert line.world.publication(publication.content_id).due_at == slot_at

    line.play(site, until=slot_at)

    assert site.asked == ["draft", "show", "read_back"]
    assert line.world.statuses(publication.content_id) == (ContentStatus.PUBLISHED, PublicationStatus.PUBLISHED)
    assert [article.published_at for article in site.posts.values()] == [slot_at]


def test_nothing_is_drafted_earlier_or_at_a_folder(line: Line, site: DraftingSite) -> None:
    _scheduled(line.world)
    assert _look_ahead(line, ahead=timedelta(hours=1)) == 0

    with line.world.database.transaction() as session:
        session.execute(update(Site).values(target="folder"))

    assert _look_ahead(line) == 0


def test_a_message_before_the_slot_of_a_folder_does_nothing(line: Line, world: World) -> None:
    publication, slot_at = _scheduled(world)

    assert world.claim(publication, now=NOW) is None
    assert world.publication(publication.content_id).due_at == slot_at


def test_an_edit_before_the_slot_is_in_the_draft(line: Line, site: DraftingSite) -> None:
    publication, slot_at = _drafted(line, site)
    with line.world.database.transaction() as session:
        content = session.get_one(Content, publication.content_id)
        edits.edit(session, content, Changes(title="Better"), expected_version=None, actor="ann", now=line.now)

    line.play(site, until=line.now)

    assert [article.title for article in site.drafts.values()] == ["Better"]
    assert site.imprints == [None, "v1"]
    line.play(site, until=slot_at)
    assert site.titles() == ["Better"]


def test_an_edit_at_the_last_moment_is_what_is_shown(line: Line, site: DraftingSite) -> None:
    publication, slot_at = _drafted(line, site)
    with line.world.database.transaction() as session:
        content = session.get_one(Content, publication.content_id)
        edits.edit(session, content, Changes(title="Better"), expected_version=None, actor="ann", now=slot_at)

    line.play(site, until=slot_at)

    assert site.titles() == ["Better"]


@pytest.mark.parametrize("how", ["unschedule", "reject", "delete"])
def test_what_leaves_the_calendar_takes_its_draft_along(line: Line, site: DraftingSite, how: str) -> None:
    publication, _ = _drafted(line, site)
    with line.world.database.transaction() as session:
        content = session.get_one(Content, publication.content_id)
        if how == "unschedule":
            calendar.unschedule(session, content, actor="ann", now=line.now)
        elif how == "reject":
            reviews.reject(session, content, actor="ann", now=line.now)
        else:
            reviews.delete(session, content, actor="ann", now=line.now)

    line.play(site, until=timedelta(minutes=1))

    assert (site.drafts, site.posts) == ({}, {})
    row = line.world.publication(publication.content_id)
    assert (row.status, row.remote_id, row.due_at) == (PublicationStatus.WITHDRAWN, None, None)


def test_what_moves_takes_its_draft_along(line: Line, site: DraftingSite) -> None:
    publication, _ = _drafted(line, site)
    later = grid(3)[2]
    with line.world.database.transaction() as session:
        content = session.get_one(Content, publication.content_id)
        calendar.move(session, content, to=later, actor="ann", now=line.now)

    line.play(site, until=later)

    assert site.asked == ["draft", "show", "read_back"]
    assert line.world.publication(publication.content_id).slot_at == later


def test_a_site_that_is_away_for_its_draft_gets_it_at_the_slot(line: Line, site: DraftingSite) -> None:
    publication, slot_at = _scheduled(line.world)
    site.fail("draft", SiteUnavailableError("Away."), times=15)
    _look_ahead(line)

    line.play(site, until=slot_at - timedelta(minutes=1))
    row = line.world.publication(publication.content_id)
    assert (row.status, row.due_at, row.attempts) == (PublicationStatus.PLANNED, slot_at, 0)
    assert _look_ahead(line) == 0
    line.play(site, until=slot_at)

    assert line.world.statuses(publication.content_id)[0] is ContentStatus.PUBLISHED


def test_a_site_that_refuses_a_draft_leaves_time_to_put_it_right(line: Line, site: DraftingSite) -> None:
    publication, slot_at = _scheduled(line.world)
    site.fail("draft", SiteRefusedError("No such category."))
    _look_ahead(line)

    line.play(site, until=line.now)

    assert line.world.statuses(publication.content_id) == (ContentStatus.SCHEDULED, PublicationStatus.PLANNED)
    with line.world.database.reading() as session:
        (told,) = session.scalars(select(Notification.message)).all()
    assert "No such category. It is tried again at its slot" in told
    line.play(site, until=slot_at)
    assert line.world.statuses(publication.content_id)[0] is ContentStatus.PUBLISHED


def test_what_is_refused_at_its_slot_too_is_told_anew(line: Line, site: DraftingSite) -> None:
    publication, slot_at = _scheduled(line.world)
    site.fail("draft", SiteRefusedError("No such category."), times=2)
    _look_ahead(line)

    line.play(site, until=slot_at)

    assert line.world.statuses(publication.content_id)[0] is ContentStatus.NEEDS_ATTENTION
    with line.world.database.reading() as session:
        told = session.execute(select(Notification.message, Notification.ended_at).order_by(Notification.id)).all()
    assert [("at its slot" in message, ended is None) for message, ended in told] == [
        (True, False),
        (False, True),
    ]


def test_a_site_that_is_put_right_gets_its_drafts_before_the_slot(line: Line, site: DraftingSite) -> None:
    publication, _ = _scheduled(line.world)
    site.fail("draft", SiteRefusedError("No such category."))
    _look_ahead(line)
    line.play(site, until=line.now)
    assert _look_ahead(line) == 0
    with line.world.database.transaction() as session:
        row = session.get_one(Site, line.world.site.id)
        row.url, row.username, row.credentials = "https://site.example", "ann", b"k:secret"
        changes = {"category": "Rivers"}
        site_edits.edit(
            session, row, changes, follow=calendar.Follow.REFLOW, home=config().home, actor="ann", now=line.now
        )

    assert _look_ahead(line) == 1
    line.play(site, until=line.now)

    assert line.world.statuses(publication.content_id)[1] is PublicationStatus.DRAFTED


@pytest.mark.parametrize("after", [True, False])
def test_a_draft_without_an_answer_is_made_once(line: Line, site: DraftingSite, *, after: bool) -> None:
    publication, slot_at = _scheduled(line.world)
    site.fail("draft", SiteOutcomeUnknownError("Nothing came."), after=after)
    site.fail("look_up", SiteUnavailableError("Away."), times=3)
    _look_ahead(line)

    line.play(site, until=line.now)
    row = line.world.publication(publication.content_id)
    assert (row.status, row.remote_id) == (PublicationStatus.DRAFTED, None)
    assert row.unknown_since is not None
    line.play(site, until=timedelta(minutes=12))

    assert len(site.drafts) == 1
    line.play(site, until=slot_at)
    assert (len(site.drafts), site.appeared) == (0, [publication.content_id])


def test_a_draft_is_no_reason_to_publish_what_is_left_to_people(line: Line, site: DraftingSite) -> None:
    publication, slot_at = _drafted(line, site)
    line.world.auto_publish(enabled=False)

    line.play(site, until=slot_at + timedelta(hours=1))

    assert line.world.statuses(publication.content_id)[0] is ContentStatus.READY
    assert (len(site.drafts), site.posts) == (1, {})
    with line.world.database.transaction() as session:
        publications.publish_now(session, session.get_one(Content, publication.content_id), now=line.now)
    line.play(site, until=line.now)
    assert (len(site.drafts), len(site.posts)) == (0, 1)


def test_a_draft_whose_slot_passed_in_an_outage_takes_a_later_slot(line: Line, site: DraftingSite) -> None:
    publication, slot_at = _drafted(line, site)
    line.now = slot_at + timedelta(hours=3)
    line.send(publication.id)

    line.carry_out(publication.id, site)

    row = line.world.publication(publication.content_id)
    assert (row.status, row.slot_at) == (PublicationStatus.DRAFTED, grid(1, after=line.now)[0])


def test_showing_that_fails_leaves_a_draft_that_is_shown_later(line: Line, site: DraftingSite) -> None:
    publication, slot_at = _drafted(line, site)
    site.fail("show", SiteUnavailableError("Away."), times=3)

    line.play(site, until=slot_at)

    assert line.world.statuses(publication.content_id) == (ContentStatus.PUBLISHING, PublicationStatus.DRAFTED)
    line.play(site, until=slot_at + timedelta(minutes=1))
    assert (site.asked.count("draft"), site.appeared) == (1, [publication.content_id])


def test_a_drafter_that_dies_is_followed_by_one_that_looks_first(line: Line, site: DraftingSite) -> None:
    publication, slot_at = _scheduled(line.world)
    site.fail("draft", Killed(), after=True)
    _look_ahead(line)
    with pytest.raises(Killed):
        line.play(site, until=line.now)
    assert line.world.statuses(publication.content_id)[1] is PublicationStatus.DRAFTING
    with line.world.database.transaction() as session:
        content = session.get_one(Content, publication.content_id)
        with pytest.raises(ConflictError, match="just being written"):
            calendar.unschedule(session, content, actor="ann", now=line.now)

    line.play(site, until=slot_at)

    assert site.asked == ["draft", "look_up", "draft", "show", "read_back"]
    assert len(site.posts) == 1


def test_what_is_rejected_while_it_is_drafted_leaves_no_draft(line: Line, site: DraftingSite) -> None:
    publication, _ = _scheduled(line.world)

    def reject() -> None:
        with line.world.database.transaction() as session:
            content = session.get_one(Content, publication.content_id)
            reviews.reject(session, content, actor="ann", now=line.now)

    site.before("draft", reject)
    _look_ahead(line)
    line.send(publication.id)
    publisher.publish(line.world.database, publication.id, open_target=lambda _: site, sleep=lambda _: None)

    line.play(site, until=timedelta(minutes=5))

    assert (site.drafts, site.posts) == ({}, {})
    assert line.world.publication(publication.content_id).due_at is None


def test_another_address_makes_drafts_of_before_strangers(line: Line, site: DraftingSite) -> None:
    publication, slot_at = _drafted(line, site)
    with line.world.database.transaction() as session:
        placing.forget_traces(session, line.world.site.id, now=line.now)

    row = line.world.publication(publication.content_id)
    assert (row.status, row.remote_id, row.placed_version, row.due_at) == (
        PublicationStatus.PLANNED, None, None, slot_at,
    )  # fmt: skip


@pytest.mark.parametrize("status", [PublicationStatus.NEEDS_ATTENTION, PublicationStatus.WITHDRAWN])
def test_another_address_makes_everything_else_unknown(
    line: Line, site: DraftingSite, status: PublicationStatus
) -> None:
    publication, _ = _drafted(line, site)
    with line.world.database.transaction() as session:
        session.execute(update(Publication).values(status=status, due_at=line.now))
        placing.forget_traces(session, line.world.site.id, now=line.now)

    row = line.world.publication(publication.content_id)
    assert (row.status, row.remote_id, row.placed_version, row.imprint, row.unknown_since, row.due_at) == (
        status, None, None, None, line.now, line.now,
    )  # fmt: skip


@pytest.mark.parametrize("was_shown", [False, True])
def test_only_what_was_never_published_goes_for_good(line: Line, site: DraftingSite, *, was_shown: bool) -> None:
    publication, slot_at = _drafted(line, site)
    if was_shown:
        line.play(site, until=slot_at)
    with line.world.database.transaction() as session:
        session.execute(update(Publication).values(imprint="v1"))  # This site tells none of what it shows.
        assert placing.withdraw(session, publication.content_id, now=line.now, also_published=True)

    line.play(site, until=line.now + timedelta(minutes=1))

    assert (site.drafts, site.posts) == ({}, {})
    assert site.discarded == ([] if was_shown else ["v1"])
