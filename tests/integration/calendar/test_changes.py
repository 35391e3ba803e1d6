from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import CalendarSlot, Content, Publication, Site
from pipeline.services import calendar
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.integration.calendar.conftest import World


def _fill(world: World, *, now: datetime = NOW) -> None:
    with world.database.transaction() as session:
        calendar.fill(session, world.site.id, now=now, limit=100)


def _reflow(world: World, *, now: datetime = NOW) -> Sequence[calendar.Move]:
    with world.database.transaction() as session:
        return calendar.reflow(session, session.get_one(Site, world.site.id), now=now)


def _unschedule(world: World, content_id: int, *, hold_back: bool = True) -> None:
    with world.database.transaction() as session:
        calendar.free_slot(session, session.get_one(Content, content_id), hold_back=hold_back, now=NOW)


def test_a_new_time_moves_every_item_in_order(world: World) -> None:
    contents = world.approve(6)
    _fill(world)
    world.settings(publish_time_slots=["12:00"])

    moves = _reflow(world)

    expected = grid(6, time_slots=["12:00"])
    assert world.held() == dict(zip(expected, [content.id for content in contents], strict=True))
    assert [move.now_at for move in moves] == expected
    assert [world.publication(content.id).due_at for content in contents] == expected


def test_items_that_trade_places_do_not_trip_over_each_other(world: World) -> None:
    contents = world.approve(5)
    _fill(world)
    world.settings(publish_time_slots=["09:00", "11:00", "14:00", "18:00"])

    _reflow(world)

    expected = grid(5, time_slots=["09:00", "11:00", "14:00", "18:00"])
    assert world.held() == dict(zip(expected, [content.id for content in contents], strict=True))


def test_free_rows_follow_the_new_settings(world: World) -> None:
    world.approve(1)
    _fill(world)
    world.settings(publish_days=["sat"], publish_time_slots=["07:00"])

    _reflow(world)

    free = world.free()
    assert free == grid(len(free) + 1, days=["sat"], time_slots=["07:00"])[1:]
    assert free


def test_a_new_zone_keeps_the_wall_time(world: World) -> None:
    (content,) = world.approve(1)
    _fill(world)
    with world.database.transaction() as session:
        session.get_one(Site, world.site.id).timezone = "America/New_York"

    _reflow(world)

    assert world.held() == {datetime(2026, 11, 4, 14, 0, tzinfo=UTC): content.id}
    assert world.held() == {grid(1, timezone="America/New_York")[0]: content.id}


def test_without_slots_items_are_approved_again_and_come_back_in_order(world: World) -> None:
    contents = world.approve(3)
    _fill(world)
    world.settings(publish_days=[])
    _reflow(world)
    assert world.held() == {}
    assert world.publication(contents[0].id).status is PublicationStatus.WITHDRAWN
    assert world.content(contents[0].id).status is ContentStatus.APPROVED
    world.settings(publish_days=["mon"])

    _fill(world)

    assert world.held() == dict(zip(grid(3, days=["mon"]), [content.id for content in contents], strict=True))
    assert world.publication(contents[0].id).status is PublicationStatus.PLANNED


def test_a_pinned_item_stays_and_the_others_flow_around_it(world: World) -> None:
    first, pinned, third = world.approve(3)
    _fill(world)
    with world.database.transaction() as session:
        session.execute(update(CalendarSlot).where(CalendarSlot.content_id == pinned.id).values(pinned=True))
    world.settings(publish_time_slots=["09:00", "18:00"])

    _reflow(world)

    by_content = {content_id: instant for instant, content_id in world.held().items()}
    assert by_content[pinned.id] == grid(2)[1]
    assert [by_content[first.id], by_content[third.id]] == grid(3, time_slots=["09:00", "18:00"])[1:]


def test_what_is_overdue_or_being_published_does_not_move(world: World) -> None:
    overdue, publishing, waiting = world.approve(3)
    _fill(world)
    slots = grid(3)
    with world.database.transaction() as session:
        session.execute(
            update(Publication)
            .where(Publication.content_id == publishing.id)
            .values(status=PublicationStatus.PUBLISHING)
        )
    world.settings(publish_time_slots=["12:00"])
    now = slots[0] + timedelta(minutes=1)

    _reflow(world, now=now)

    held = world.held()
    assert (held[slots[0]], held[slots[1]]) == (overdue.id, publishing.id)
    assert held[grid(1, time_slots=["12:00"], after=now)[0]] == waiting.id


def test_keep_leaves_items_and_gives_the_next_ones_the_new_slots(world: World) -> None:
    first, second = world.approve(2)
    _fill(world)
    world.settings(publish_time_slots=["12:00", "18:00"])

    with world.database.transaction() as session:
        calendar.keep(session, session.get_one(Site, world.site.id), now=NOW)
    (late,) = world.approve(1)
    _fill(world)

    by_content = {content_id: instant for instant, content_id in world.held().items()}
    assert [by_content[first.id], by_content[second.id]] == grid(2)
    assert by_content[late.id] == grid(1, time_slots=["12:00"])[0]


def test_allocation_notices_settings_that_nobody_reflowed(world: World) -> None:
    world.approve(1)
    _fill(world)
    world.settings(publish_time_slots=["12:00"])
    world.approve(1)

    _fill(world)

    assert list(world.held()) == grid(2, time_slots=["12:00"])


def test_skip_dates_have_no_slot(world: World) -> None:
    world.settings(skip_dates=["2026-11-04", "2026-11-05"])
    (content,) = world.approve(1)

    _fill(world)

    assert world.held() == {datetime(2026, 11, 6, 8, 0, tzinfo=UTC): content.id}


def test_what_a_person_unscheduled_is_held_back_and_its_slot_is_free(world: World) -> None:
    (content,) = world.approve(1)
    _fill(world)

    _unschedule(world, content.id)

    row = world.content(content.id)
    assert (row.status, row.held_back) == (ContentStatus.APPROVED, True)
    assert world.publication(content.id).status is PublicationStatus.WITHDRAWN
    assert world.free()[0] == grid(1)[0]


def test_a_slot_that_the_settings_no_longer_have_is_not_offered_again(world: World) -> None:
    (content,) = world.approve(1)
    _fill(world)
    world.settings(publish_time_slots=["12:00"])
    with world.database.transaction() as session:
        calendar.keep(session, session.get_one(Site, world.site.id), now=NOW)

    _unschedule(world, content.id)

    assert world.free()[0] == grid(1, time_slots=["12:00"])[0]


def test_what_is_being_published_cannot_leave_the_calendar(world: World) -> None:
    (content,) = world.approve(1)
    _fill(world)
    with world.database.transaction() as session:
        session.get_one(Content, content.id).status = ContentStatus.PUBLISHING
        session.execute(update(Publication).values(status=PublicationStatus.PUBLISHING))

    with pytest.raises(ConflictError, match="publishing"):
        _unschedule(world, content.id)

    assert list(world.held().values()) == [content.id]
