from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Content, Publication
from pipeline.services import calendar, publications
from tests.integration.publishing.conftest import LIMITS
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.services.publications import Claim
    from tests.integration.publishing.conftest import World

SLOT, NEXT_SLOT = grid(2)
A_SECOND = timedelta(seconds=1)


def _finalise(world: World, claim: Claim, *, now: datetime) -> bool:
    with world.database.transaction() as session:
        return publications.finalise(session, claim, remote_id="content-1", remote_url="file:///page", now=now)


def _try_later(world: World, claim: Claim, *, now: datetime) -> None:
    with world.database.transaction() as session:
        publications.try_later(session, claim, "The site is away.", limits=LIMITS, pause=None, now=now)


def test_a_due_publication_is_claimed_under_a_lease(world: World) -> None:
    (publication,) = world.schedule()

    claim = world.claim(publication, now=SLOT)

    row = world.publication(publication.content_id)
    assert claim is not None
    assert (row.status, row.ticket, row.lease_until) == (PublicationStatus.PUBLISHING, 1, SLOT + LIMITS.lease)
    assert row.due_at == row.lease_until
    assert world.content(publication.content_id).status is ContentStatus.PUBLISHING


def test_a_second_copy_of_the_message_finds_nothing_to_do(world: World) -> None:
    (publication,) = world.schedule()
    world.claim(publication, now=SLOT)

    assert world.claim(publication, now=SLOT + A_SECOND) is None


def test_a_message_before_the_slot_is_not_obeyed(world: World) -> None:
    (publication,) = world.schedule()

    assert world.claim(publication, now=SLOT - A_SECOND) is None


def test_a_message_from_before_a_retry_is_not_obeyed(world: World) -> None:
    (publication,) = world.schedule()
    claim = world.claim(publication, now=SLOT)
    assert claim is not None
    _try_later(world, claim, now=SLOT)

    with world.database.transaction() as session:
        assert publications.claim(session, publication.id, limits=LIMITS, now=SLOT + A_SECOND) is None


def test_finalising_publishes_and_keeps_the_slot(world: World) -> None:
    (publication,) = world.schedule()
    claim = world.claim(publication, now=SLOT)
    assert claim is not None

    assert _finalise(world, claim, now=SLOT + A_SECOND)

    row = world.publication(publication.content_id)
    assert (row.status, row.remote_url, row.published_at) == (
        PublicationStatus.PUBLISHED,
        "file:///page",
        SLOT + A_SECOND,
    )
    assert (row.due_at, row.lease_until) == (None, None)
    assert world.content(publication.content_id).status is ContentStatus.PUBLISHED
    assert world.slot_of(publication.content_id) == SLOT


def test_whoever_was_thought_dead_writes_nothing(world: World) -> None:
    (publication,) = world.schedule()
    dead = world.claim(publication, now=SLOT)
    heir = world.claim(publication, now=SLOT + LIMITS.lease)
    assert dead is not None
    assert heir is not None

    assert not _finalise(world, dead, now=SLOT + LIMITS.lease)
    assert _finalise(world, heir, now=SLOT + LIMITS.lease)


def test_failures_are_tried_again_after_growing_pauses_and_then_shown_to_a_person(world: World) -> None:
    (publication,) = world.schedule()
    now, pauses = SLOT, []
    for _ in range(len(LIMITS.retries) + 1):
        claim = world.claim(publication, now=now)
        assert claim is not None
        _try_later(world, claim, now=now)
        due_at = world.publication(publication.content_id).due_at
        if due_at is not None:
            pauses.append(due_at - now)
            now = due_at

    row = world.publication(publication.content_id)
    assert pauses == LIMITS.retries
    assert row.status is PublicationStatus.NEEDS_ATTENTION
    assert row.error == "The site is away. It was tried 3 times."
    assert world.content(publication.content_id).status is ContentStatus.NEEDS_ATTENTION


def test_a_publisher_that_dies_each_time_ends_with_a_person(world: World) -> None:
    (publication,) = world.schedule()
    now = SLOT
    for _ in range(LIMITS.most_attempts):
        assert world.claim(publication, now=now) is not None
        now += LIMITS.lease

    assert world.claim(publication, now=now) is None

    row = world.publication(publication.content_id)
    assert row.status is PublicationStatus.NEEDS_ATTENTION
    assert row.error is not None
    assert "cut short 3 times" in row.error


def test_with_auto_publish_off_content_becomes_ready_at_its_slot(world: World) -> None:
    world.auto_publish(enabled=False)
    (publication,) = world.schedule()

    assert world.claim(publication, now=SLOT) is None

    row = world.publication(publication.content_id)
    assert (row.status, row.due_at) == (PublicationStatus.PLANNED, None)
    assert world.content(publication.content_id).status is ContentStatus.READY
    assert world.slot_of(publication.content_id) == SLOT


def test_ready_content_can_be_scheduled_again(world: World) -> None:
    world.auto_publish(enabled=False)
    (publication,) = world.schedule()
    world.claim(publication, now=SLOT)

    with world.database.transaction() as session:
        content = session.get_one(Content, publication.content_id)
        assert calendar.schedule_next(session, content, now=SLOT) == NEXT_SLOT

    assert world.publication(publication.content_id).due_at == NEXT_SLOT


def test_publish_now_does_not_wait_for_auto_publish(world: World) -> None:
    world.auto_publish(enabled=False)
    (content,) = world.approve()

    publication = world.publish_now(content)

    assert (publication.slot_at, publication.due_at) == (None, NOW)
    assert world.claim(publication, now=NOW) is not None


def test_publish_now_frees_the_slot(world: World) -> None:
    (publication,) = world.schedule()

    world.publish_now(world.content(publication.content_id))

    assert world.slot_of(publication.content_id) is None
    assert world.publication(publication.content_id).due_at == NOW
    (other,) = world.schedule()
    assert other.slot_at == SLOT


def test_what_is_published_at_once_is_not_filled_into_the_calendar(world: World) -> None:
    (content,) = world.approve()
    world.publish_now(content)

    with world.database.transaction() as session:
        assert calendar.fill(session, world.site.id, now=NOW, limit=10) == 0


def test_publish_now_tries_again_what_got_stuck(world: World) -> None:
    (publication,) = world.schedule()
    claim = world.claim(publication, now=SLOT)
    assert claim is not None
    with world.database.transaction() as session:
        publications.give_up(session, claim, "The site refused it.", now=SLOT)

    again = world.publish_now(world.content(publication.content_id), now=SLOT)

    assert (again.status, again.attempts, again.error) == (PublicationStatus.PLANNED, 0, None)


def test_publish_now_refuses_what_is_published(world: World) -> None:
    (publication,) = world.schedule()
    claim = world.claim(publication, now=SLOT)
    assert claim is not None
    _finalise(world, claim, now=SLOT)

    with pytest.raises(ConflictError, match="published"):
        world.publish_now(world.content(publication.content_id))


def test_what_a_person_published_at_once_puts_no_late_one_off(world: World) -> None:
    (late,) = world.schedule(1)
    back = (late.slot_at or NOW) + timedelta(minutes=5)
    (content,) = world.approve(1)
    at_once = world.publish_now(content, now=back - timedelta(minutes=1))
    with world.database.transaction() as session:
        row = session.get_one(Publication, at_once.id)
        row.status, row.published_at, row.due_at = PublicationStatus.PUBLISHED, back - timedelta(minutes=1), None

    assert world.claim(late, now=back) is not None


def test_late_ones_go_out_one_a_spacing_and_never_in_a_burst(world: World) -> None:
    world.settings(publish_time_slots=["14:00", "14:10", "14:20"])
    late = world.schedule(3)
    back = SLOT + timedelta(minutes=90)
    first = world.claim(late[0], now=back)
    assert first is not None

    assert [world.claim(publication, now=back) for publication in late[1:]] == [None, None]

    assert world.publication(late[1].content_id).due_at == back + LIMITS.spacing
    _finalise(world, first, now=back)
    assert world.claim(late[1], now=back + LIMITS.spacing) is not None
    assert world.claim(late[2], now=back + LIMITS.spacing) is None


def test_an_unscheduled_publication_is_not_claimed(world: World) -> None:
    (publication,) = world.schedule()
    with world.database.transaction() as session:
        content = session.get_one(Content, publication.content_id)
        calendar.free_slot(session, content, hold_back=True, now=NOW)

    assert world.claim(publication, now=SLOT) is None
