from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pipeline.core.calendar import parse_timezone
from pipeline.core.errors import TransitionError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import CalendarSlot, Content, Site
from pipeline.services import calendar
from tests.support.builders import make_site
from tests.support.publishing import NOW, grid
from tests.support.walltime_oracle import DAY_NAMES, slots_between

if TYPE_CHECKING:
    from tests.integration.calendar.conftest import World


def _schedule(world: World, content: Content, *, now: datetime = NOW) -> datetime | None:
    with world.database.transaction() as session:
        return calendar.schedule_next(session, session.get_one(Content, content.id), now=now)


def test_the_next_slot_is_the_earliest_after_now(world: World) -> None:
    (content,) = world.approve(1)

    slot_at = _schedule(world, content)

    assert slot_at == datetime(2026, 11, 4, 13, 0, tzinfo=UTC)
    assert world.held() == {slot_at: content.id}


def test_a_scheduled_content_has_a_planned_publication_due_at_its_slot(world: World) -> None:
    (content,) = world.approve(1)

    slot_at = _schedule(world, content)

    row = world.publication(content.id)
    assert (row.status, row.slot_at, row.due_at) == (PublicationStatus.PLANNED, slot_at, slot_at)
    assert world.content(content.id).status is ContentStatus.SCHEDULED


def test_a_rolled_back_allocation_leaves_nothing(world: World) -> None:
    (content,) = world.approve(1)

    with world.database.transaction() as session:
        calendar.schedule_next(session, session.get_one(Content, content.id), now=NOW)
        session.rollback()

    assert world.held() == {}
    assert world.content(content.id).status is ContentStatus.APPROVED


def test_a_slot_that_begins_now_has_passed(world: World) -> None:
    (content,) = world.approve(1)

    assert _schedule(world, content, now=grid(1)[0]) == grid(2)[1]


def test_a_site_without_days_schedules_nothing(world: World) -> None:
    world.settings(publish_days=[])
    (content,) = world.approve(1)

    assert _schedule(world, content) is None
    assert world.content(content.id).status is ContentStatus.APPROVED


def test_a_site_without_times_fills_nothing(world: World) -> None:
    world.settings(publish_time_slots=[])
    world.approve(2)

    with world.database.transaction() as session:
        assert calendar.fill(session, world.site.id, now=NOW, limit=10) == 0


def test_a_hole_is_taken_before_the_tail(world: World) -> None:
    first, second, third, late = world.approve(4)
    for content in (first, second, third):
        _schedule(world, content)
    with world.database.transaction() as session:
        calendar.free_slot(session, session.get_one(Content, second.id), hold_back=True, now=NOW)

    assert _schedule(world, late) == grid(2)[1]


def test_content_that_was_not_approved_is_refused(world: World) -> None:
    (content,) = world.approve(1)
    _schedule(world, content)

    with pytest.raises(TransitionError, match="scheduled"):
        _schedule(world, content)

    assert world.held() == {grid(1)[0]: content.id}


def test_scheduling_ends_a_holding_back(world: World) -> None:
    (content,) = world.approve(1)
    _schedule(world, content)
    with world.database.transaction() as session:
        calendar.free_slot(session, session.get_one(Content, content.id), hold_back=True, now=NOW)

    _schedule(world, content)

    row = world.content(content.id)
    assert (row.status, row.held_back) == (ContentStatus.SCHEDULED, False)


def test_the_rows_are_made_anew_when_they_run_out(world: World) -> None:
    contents = world.approve(210)

    with world.database.transaction() as session:
        got = [calendar.schedule_next(session, session.get_one(Content, content.id), now=NOW) for content in contents]

    assert got == grid(210)


def test_fill_takes_contents_in_the_order_of_their_approval(world: World) -> None:
    contents = world.approve(5)

    with world.database.transaction() as session:
        filled = calendar.fill(session, world.site.id, now=NOW, limit=4)

    assert filled == 4
    assert world.held() == dict(zip(grid(4), [content.id for content in contents[:4]], strict=True))
    assert world.publication(contents[3].id).due_at == grid(4)[3]
    assert world.content(contents[3].id).status is ContentStatus.SCHEDULED
    assert world.content(contents[4].id).status is ContentStatus.APPROVED


def test_fill_passes_over_what_a_person_held_back(world: World) -> None:
    held, other = world.approve(2)
    with world.database.transaction() as session:
        session.get_one(Content, held.id).held_back = True

    with world.database.transaction() as session:
        calendar.fill(session, world.site.id, now=NOW, limit=10)

    assert world.held() == {grid(1)[0]: other.id}


def test_fill_takes_more_than_one_chunk(world: World) -> None:
    world.approve(450)

    with world.database.transaction() as session:
        assert calendar.fill(session, world.site.id, now=NOW, limit=1_000) == 450

    assert list(world.held()) == grid(450)


def test_fill_takes_what_is_free_before_it_makes_more(world: World) -> None:
    with world.database.transaction() as session:
        calendar.refill(session, world.site, now=NOW, until_free=10)
    made = len(world.free())
    contents = world.approve(made + 5)

    with world.database.transaction() as session:
        filled = calendar.fill(session, world.site.id, now=NOW, limit=made + 3)

    assert filled == made + 3
    assert world.held() == dict(zip(grid(made + 3), [content.id for content in contents[: made + 3]], strict=True))
    assert world.free() == []


def test_fill_goes_on_behind_what_it_made_before(world: World) -> None:
    contents = world.approve(7)
    for limit in (2, 4, 10):
        with world.database.transaction() as session:
            calendar.fill(session, world.site.id, now=NOW, limit=limit)

    assert world.held() == dict(zip(grid(7), [content.id for content in contents], strict=True))


def test_a_clock_that_jumps_ten_minutes_gives_no_slot_twice_and_none_that_passed(world: World) -> None:
    contents = world.approve(9)
    (first,) = grid(1)
    ticks = [first - timedelta(minutes=5), first + timedelta(minutes=5), first - timedelta(minutes=5)]

    for now in ticks:
        with world.database.transaction() as session:
            assert calendar.fill(session, world.site.id, now=now, limit=3) == 3

    assert world.held() == dict(zip(grid(9), [content.id for content in contents], strict=True))


@pytest.mark.parametrize(
    ("zone", "night"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, tzinfo=UTC)),
        ("Pacific/Apia", datetime(2011, 12, 30, tzinfo=UTC)),
    ],
)
def test_rows_around_a_clock_change_are_what_a_watcher_of_the_clock_sees(
    world: World, zone: str, night: datetime
) -> None:
    asked = {"days": DAY_NAMES, "time_slots": ("01:45", "02:15", "02:30", "12:00")}
    world.settings(publish_days=list(asked["days"]), publish_time_slots=list(asked["time_slots"]))
    with world.database.transaction() as session:
        session.get_one(Site, world.site.id).timezone = zone
    start, end = night - timedelta(days=1), night + timedelta(days=2)
    expected = slots_between(parse_timezone(zone), after=start, until=end, **asked)
    world.approve(len(expected))

    with world.database.transaction() as session:
        calendar.fill(session, world.site.id, now=start, limit=100)

    assert list(world.held()) == expected


def test_fill_leaves_other_sites_alone(world: World) -> None:
    with world.database.transaction() as session:
        other = make_site(session)
    world.approve(1)
    (foreign,) = world.approve(1, site=other)

    with world.database.transaction() as session:
        calendar.fill(session, world.site.id, now=NOW, limit=10)

    assert world.content(foreign.id).status is ContentStatus.APPROVED


def test_fills_and_writers_side_by_side_leave_no_hole(world: World) -> None:
    contents = world.approve(60)

    def act(number: int) -> None:
        if number % 10:
            with world.database.transaction() as session:
                content = session.get_one(Content, contents[number].id)
                if content.status is ContentStatus.APPROVED:
                    try:
                        calendar.schedule_next(session, content, now=NOW)
                    except TransitionError:
                        session.rollback()
            return
        with world.database.transaction() as session:
            calendar.fill(session, world.site.id, now=NOW, limit=5)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(60)))
    with world.database.transaction() as session:
        calendar.fill(session, world.site.id, now=NOW, limit=60)

    assert list(world.held()) == grid(60)


def test_refill_makes_rows_until_enough_are_free_and_removes_those_that_passed(world: World) -> None:
    with world.database.transaction() as session:
        calendar.refill(session, world.site, now=NOW, until_free=20)
    later = NOW + timedelta(days=7)

    with world.database.transaction() as session:
        calendar.refill(session, world.site, now=later, until_free=400)

    free = world.free()
    assert free == grid(len(free), after=later)
    assert len(free) >= 400


def test_a_slot_row_says_the_wall_time_it_stands_for(world: World) -> None:
    (content,) = world.approve(1)
    slot_at = _schedule(world, content)

    with world.database.reading() as session:
        row = session.get_one(CalendarSlot, (world.site.id, slot_at))

    assert (row.local_date.isoformat(), row.local_time) == ("2026-11-04", "14:00")
