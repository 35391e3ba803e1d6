"""How far the queue reaches, and whether the backlog grows."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.core.calendar import WallTime
from pipeline.core.states import ContentStatus
from pipeline.services import calendar
from tests.support.builders import make_content
from tests.support.publishing import NOW

if TYPE_CHECKING:
    from tests.integration.calendar.conftest import World


def _forecast(world: World, *, now: datetime = NOW) -> calendar.Forecast:
    with world.database.reading() as session:
        return calendar.forecast(session, world.site, now=now)


def _approved_before(world: World, *, days: int, count: int) -> None:
    with world.database.transaction() as session:
        for _ in range(count):
            approved_at = NOW - timedelta(days=days)
            make_content(session, site=world.site, status=ContentStatus.PUBLISHED, approved_at=approved_at)


def test_the_queue_covers_the_days_to_its_last_slot(world: World) -> None:
    # Two slots are left on Wednesday, three follow on Thursday, one on Friday.
    world.scheduled(6)

    found = _forecast(world)

    assert (found.queued, found.covers_days) == (6, 3)


def test_what_waits_is_part_of_the_queue(world: World) -> None:
    world.scheduled(2)
    world.approve(4)

    found = _forecast(world)

    assert (found.queued, found.covers_days) == (6, 3)


def test_what_waits_fills_holes_first(world: World) -> None:
    first, *_ = world.scheduled(6)
    world.act(calendar.unschedule, first.id)
    world.approve(1)

    assert _forecast(world).covers_days == 3


def test_an_empty_queue_covers_nothing(world: World) -> None:
    assert (_forecast(world).queued, _forecast(world).covers_days) == (0, 0)


def test_a_pin_far_away_makes_no_long_queue(world: World) -> None:
    pinned, _ = world.scheduled(2)
    world.act(calendar.pin, pinned.id, to=WallTime(date(2027, 11, 5), "11:17"))

    assert _forecast(world).covers_days == 1


def test_what_waits_without_slots_covers_no_number_of_days(world: World) -> None:
    world.settings(publish_days=[])
    world.approve(2)

    found = _forecast(world)

    assert (found.queued, found.covers_days, found.slots_a_week) == (2, None, 0)


def test_skipped_dates_make_the_queue_reach_further(world: World) -> None:
    world.settings(skip_dates=["2026-11-05"])
    world.scheduled(3)

    assert _forecast(world).covers_days == 3


def test_the_backlog_grows_by_what_is_approved_beyond_the_slots(world: World) -> None:
    _approved_before(world, days=27, count=40)
    _approved_before(world, days=3, count=40)
    _approved_before(world, days=40, count=5)

    found = _forecast(world)

    assert (found.approved_a_week, found.slots_a_week, found.backlog_growth_a_week) == (20.0, 15, 5.0)


def test_a_young_site_is_measured_by_its_own_weeks(world: World) -> None:
    _approved_before(world, days=14, count=30)
    _approved_before(world, days=1, count=30)

    assert _forecast(world).approved_a_week == 30.0


def test_the_first_days_count_as_a_week(world: World) -> None:
    _approved_before(world, days=2, count=3)

    found = _forecast(world)

    assert (found.approved_a_week, found.backlog_growth_a_week) == (3.0, -12.0)
