"""An action that cannot be taken back: why, what to do, and that it is not in the way of what was done before it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus
from pipeline.models import Content
from pipeline.services import calendar, reviews
from pipeline.services.calendar import Follow
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.calendar.conftest import World

FIRST, _, _, FOURTH, FIFTH = grid(5)


def _becomes(status: ContentStatus) -> Callable[[World, int], None]:
    def change(world: World, content_id: int) -> None:
        with world.database.transaction() as session:
            session.execute(update(Content).where(Content.id == content_id).values(status=status))

    return change


def _reject(world: World, content_id: int) -> None:
    with world.database.transaction() as session:
        reviews.reject(session, session.get_one(Content, content_id), actor="ada", now=NOW)


def _delete(world: World, content_id: int) -> None:
    with world.database.transaction() as session:
        reviews.delete(session, session.get_one(Content, content_id), actor="ada", now=NOW)


def _free_its_slot(world: World, content_id: int) -> None:
    with world.database.transaction() as session:
        content = session.get_one(Content, content_id)
        calendar.free_slot(session, content, hold_back=True, now=NOW)


@pytest.mark.parametrize(
    ("happens", "sentence"),
    [
        (_becomes(ContentStatus.PUBLISHING), "is publishing meanwhile. What goes out is not called back: wait"),
        (_becomes(ContentStatus.PUBLISHED), "is published meanwhile. What is out is not called back: withdraw it"),
        (_becomes(ContentStatus.NEEDS_ATTENTION), "needs attention meanwhile. Schedule it again, or publish it now"),
        (_reject, "was rejected or deleted since"),
        (_delete, "was rejected or deleted since"),
        (_free_its_slot, "was moved or changed since. Undo what was done to it later first, or move it yourself"),
        (lambda world, _: world.scheduled(1), r"took the slot since. Move it away first, then undo"),
    ],
)
def test_the_cause_is_told_and_everything_stays_as_it_is(
    world: World, happens: Callable[[World, int], object], sentence: str
) -> None:
    (content,) = world.scheduled(1)
    world.act(calendar.move, content.id, to=FIFTH)
    happens(world, content.id)
    held, status = world.held(), world.content(content.id).status

    with pytest.raises(ConflictError, match=f"^It cannot be undone: '.*{sentence}"):
        world.undo()

    assert (world.held(), world.content(content.id).status) == (held, status)


def test_a_slot_that_has_passed_is_told_with_what_to_do(world: World) -> None:
    (content,) = world.scheduled(1)
    world.act(calendar.move, content.id, to=FIFTH)

    with pytest.raises(ConflictError, match=r"stood on has passed. Move it to a later time"):
        world.undo(now=FIRST)


def test_an_action_before_one_that_is_lost_is_undone_by_its_number(world: World) -> None:
    moved, gone = world.scheduled(2)
    done = world.act(calendar.move, moved.id, to=FIFTH)
    world.act(calendar.move, gone.id, to=FOURTH)
    _becomes(ContentStatus.PUBLISHED)(world, gone.id)
    command = f'`igny8 calendar undo "{world.site.name}" --id {done.undo_id}`'

    with pytest.raises(ConflictError, match=rf"done before it \(moved, number {done.undo_id}\) .*{command}\.$"):
        world.undo()
    world.undo(undo_id=done.undo_id)

    assert world.at(moved.id) == FIRST
    with pytest.raises(ConflictError, match=r"withdraw it if it must go\.$"):
        world.undo()


def test_a_number_that_was_undone_is_not_there(world: World) -> None:
    (content,) = world.scheduled(1)
    done = world.act(calendar.move, content.id, to=FIFTH)
    world.undo()

    with pytest.raises(ConflictError, match=f"nothing to undo under the number {done.undo_id} .* undone already"):
        world.undo(undo_id=done.undo_id)


def test_an_earlier_action_is_taken_back_into_a_zone_of_since(world: World) -> None:
    (content,) = world.scheduled(1)
    done = world.act(calendar.move, content.id, to=FIFTH)
    world.set_timezone("America/New_York", follow=Follow.KEEP)

    world.undo(undo_id=done.undo_id)

    row = world.slot_of(content.id)
    assert (row.slot_at, row.local_date, row.local_time) == (FIRST, date(2026, 11, 4), "08:00")
    assert row.zone == "America/New_York"
