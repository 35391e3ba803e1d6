from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pipeline.core.states import ContentStatus
from pipeline.models import Content
from pipeline.services import calendar
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from tests.integration.calendar.conftest import World


def _fill(world: World) -> None:
    with world.database.transaction() as session:
        calendar.fill(session, world.site.id, now=NOW, limit=100)


def test_a_day_lists_its_slots_with_what_stands_on_them(world: World) -> None:
    (content,) = world.approve(1)
    _fill(world)

    with world.database.reading() as session:
        today, tomorrow = calendar.entries(session, world.site, now=NOW, days=2)

    assert today.date == date(2026, 11, 4)
    assert [(entry.local_time, entry.title) for entry in today.entries] == [("14:00", content.title), ("18:00", None)]
    assert today.entries[0].status is ContentStatus.SCHEDULED
    assert [entry.local_time for entry in tomorrow.entries] == ["09:00", "14:00", "18:00"]


def test_days_without_slots_are_listed_empty(world: World) -> None:
    with world.database.reading() as session:
        saturday, sunday, monday = calendar.entries(session, world.site, now=NOW, start=date(2026, 11, 7), days=3)

    assert (saturday.entries, sunday.entries) == ((), ())
    assert len(monday.entries) == 3


def test_free_slots_of_the_past_are_not_shown(world: World) -> None:
    with world.database.reading() as session:
        (yesterday,) = calendar.entries(session, world.site, now=NOW, start=date(2026, 11, 3), days=1)

    assert yesterday.entries == ()


def test_the_predicted_slot_lies_behind_everything_that_waits(world: World) -> None:
    world.approve(2)
    _fill(world)
    world.approve(3)

    with world.database.reading() as session:
        predicted = calendar.predicted_slot(session, world.site, now=NOW)

    assert predicted == grid(6)[5]


def test_the_slot_is_predicted_before_any_row_is_made(world: World) -> None:
    with world.database.reading() as session:
        assert calendar.predicted_slot(session, world.site, now=NOW) == grid(1)[0]


def test_nothing_is_predicted_without_slots(world: World) -> None:
    world.settings(publish_days=[])

    with world.database.reading() as session:
        assert calendar.predicted_slot(session, world.site, now=NOW) is None


def test_approved_content_without_a_slot_says_why(world: World) -> None:
    held, waiting = world.approve(2)
    with world.database.transaction() as session:
        session.get_one(Content, held.id).held_back = True

    with world.database.reading() as session:
        listed = calendar.unscheduled(session, world.site)

    assert [(row.content_id, row.reason) for row in listed] == [
        (held.id, calendar.Reason.HELD_BACK),
        (waiting.id, calendar.Reason.WAITING),
    ]


def test_a_site_without_slots_says_so(world: World) -> None:
    world.settings(publish_days=[])
    world.approve(1)

    with world.database.reading() as session:
        (row,) = calendar.unscheduled(session, world.site)

    assert row.reason is calendar.Reason.NO_SLOTS
