"""Taking back a change of settings or zone: what it moved returns, and all else stays where it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from pipeline.core.calendar import Slot, WallTime
from pipeline.core.errors import ConflictError
from pipeline.models import CalendarSlot, Content, Publication, Site, SiteAutomationSettings, UndoRecord
from pipeline.models.base import table_of
from pipeline.services import calendar
from pipeline.services.calendar import Follow
from pipeline.services.calendar.rules import SlotRules
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from tests.integration.calendar.conftest import World

THURSDAY, FRIDAY = date(2026, 11, 5), date(2026, 11, 6)
BESIDE = WallTime(THURSDAY, "11:17")
ZONES = ("Europe/Berlin", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo")
TIMES = (["09:00", "14:00", "18:00"], ["12:00"], ["09:00", "18:00"], ["02:15", "14:00"], [])
DAYS = (["mon", "tue", "wed", "thu", "fri"], ["sat"], ["mon", "thu"])
SKIPS = ([], [THURSDAY], [THURSDAY, FRIDAY])


def _rows(world: World) -> list[Any]:
    """All that stands on the calendar, what is next free on it, and what both follow from."""
    with world.database.reading() as session:
        slots = [
            (slot.slot_at, slot.content_id, slot.local_date, slot.local_time, slot.zone, slot.tzdata, slot.pinned)
            for slot in world.slots(session)
        ]
        publications = select(Publication.content_id, Publication.status, Publication.slot_at, Publication.due_at)
        contents = select(Content.id, Content.status, Content.held_back)
        row = session.scalars(select(SiteAutomationSettings)).one()
        return [
            [slot for slot in slots if slot[1] is not None],
            [slot for slot in slots if slot[1] is None][:30],
            session.execute(publications.order_by(Publication.content_id)).all(),
            session.execute(contents.order_by(Content.id)).all(),
            (row.publish_days, row.publish_time_slots, row.skip_dates, session.get_one(Site, world.site.id).timezone),
        ]


def _refill(world: World) -> None:
    with world.database.transaction() as session:
        calendar.refill(session, session.get_one(Site, world.site.id), now=NOW, until_free=40)


def _change(world: World, random: Random) -> int | None:
    """Some change of settings or zone; the number to undo it by, None where it came to nothing."""
    follow = random.choice(list(Follow))
    if random.random() < 0.5:
        done = world.set_timezone(random.choice(ZONES), follow=follow)
    else:
        publishing = {
            "time_slots": random.choice(TIMES),
            "publish_days": random.choice(DAYS),
            "skip_dates": random.choice(SKIPS),
        }
        done = world.save(follow=follow, **publishing)
    undo_id: int | None = done.undo_id
    return undo_id


@pytest.mark.parametrize("seed", range(12))
def test_changes_after_each_other_are_taken_back_to_the_row(world: World, seed: int) -> None:
    random = Random(seed)
    first, second, *_ = world.scheduled(8)
    world.act(calendar.pin, first.id, to=BESIDE)
    world.act(calendar.pin, second.id, to=None)
    _refill(world)
    states = [_rows(world)]
    while len(states) < 5:
        if _change(world, random) is not None:
            states.append(_rows(world))

    for state in reversed(states[:-1]):
        world.undo()
        assert _rows(world) == state


@pytest.mark.parametrize("follow", list(Follow))
def test_a_kept_item_stays_off_its_slot_where_only_a_later_change_is_taken_back(world: World, follow: Follow) -> None:
    world.scheduled(4)
    world.save(follow=Follow.KEEP, time_slots=["12:00"], skip_dates=[THURSDAY])
    before = _rows(world)[0]
    # By chance they stand on slots again meanwhile.
    world.save(follow=follow, time_slots=["09:00", "12:00", "14:00", "18:00"], skip_dates=[])

    world.undo()

    assert _rows(world)[0] == before


def test_a_zone_kept_in_place_is_taken_back_with_skipped_dates_and_wall_times(world: World) -> None:
    world.scheduled(4)
    world.save(follow=Follow.KEEP, skip_dates=[THURSDAY])
    _refill(world)
    before = _rows(world)
    world.set_timezone("America/New_York", follow=Follow.KEEP)

    world.undo()

    assert _rows(world) == before


def test_a_wall_time_that_the_clock_skips_is_told_as_before(world: World) -> None:
    world.save(publish_days=["sun"], time_slots=["02:30"], skip_dates=[])
    (content,) = world.approve(1)
    world.act(calendar.schedule, content.id, to=WallTime(date(2027, 3, 28), "02:30"))
    world.set_timezone("America/New_York", follow=Follow.KEEP)
    assert world.slot_of(content.id).local_time == "21:30"

    world.undo()

    row = world.slot_of(content.id)
    assert (row.slot_at, row.local_time) == (datetime(2027, 3, 28, 1, 30, tzinfo=UTC), "02:30")


def test_what_was_scheduled_since_stays_on_slots_that_return(world: World) -> None:
    old = world.scheduled(3)
    world.save(time_slots=["09:00", "18:00"])
    new = world.scheduled(2)
    stood = [world.at(content.id) for content in new]

    world.undo()

    assert [world.at(content.id) for content in (*old, *new)] == [*grid(3), *stood]
    assert world.free()[0] == grid(4)[3]


def test_what_was_scheduled_since_makes_room(world: World) -> None:
    old = world.scheduled(3)
    world.save(time_slots=["12:00"])
    new = world.scheduled(2)

    world.undo()

    assert world.held() == dict(zip(grid(5), [content.id for content in (*old, *new)], strict=True))


def test_what_stands_where_another_returns_to_makes_room(world: World) -> None:
    (old,) = world.scheduled(1)
    first, second, third, fourth = grid(4)
    world.act(calendar.move, old.id, to=fourth)
    change = world.save(skip_dates=[date(2026, 12, 25)])
    assert world.at(old.id) == first
    new = world.scheduled(3)

    world.undo(undo_id=change.undo_id)

    assert world.held() == dict(zip([second, third, first, fourth], [*(one.id for one in new), old.id], strict=True))


def test_what_stayed_and_was_moved_since_is_left_where_people_put_it(world: World) -> None:
    first, second = world.scheduled(2)
    change = world.save(follow=Follow.KEEP, skip_dates=[date(2026, 12, 25)])
    world.act(calendar.move, second.id, to=grid(5)[4])

    world.undo(undo_id=change.undo_id)

    assert world.held() == {grid(1)[0]: first.id, grid(5)[4]: second.id}


def test_a_pin_of_since_stays_though_it_is_no_slot_any_more(world: World) -> None:
    world.scheduled(2)
    change = world.save(time_slots=["12:00"])
    (new,) = world.scheduled(1)
    world.act(calendar.pin, new.id, to=None)
    at = world.at(new.id)

    world.undo(undo_id=change.undo_id)

    assert (world.at(new.id), world.slot_of(new.id).pinned) == (at, True)


def test_a_pin_on_a_slot_that_another_returns_to_is_in_the_way(world: World) -> None:
    world.scheduled(2)
    change = world.save(time_slots=["12:00"])
    (new,) = world.approve(1)
    world.act(calendar.pin, new.id, to=grid(1)[0])
    before = _rows(world)

    with pytest.raises(ConflictError, match=rf"content {new.id}\) took the slot since. Move it away first"):
        world.undo(undo_id=change.undo_id)

    assert _rows(world) == before


def test_a_record_of_an_earlier_release_is_taken_back(world: World) -> None:
    world.scheduled(3)
    before = _rows(world)[0]
    world.save(follow=Follow.KEEP, time_slots=["12:00"])
    with world.database.transaction() as session:
        (rules,) = session.scalars(select(UndoRecord.rules)).all()
        del rules["stayed"]
        session.execute(update(table_of(UndoRecord)).values(rules=rules))

    world.undo()

    assert _rows(world)[0] == before


def test_a_pin_far_ahead_does_not_make_an_undo_list_every_slot_up_to_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (content,) = world.scheduled(1)
    far = WallTime(date(2031, 11, 3), "23:59")
    world.act(calendar.pin, content.id, to=far)
    change = world.save(time_slots=["12:00"])
    listed = 0
    slots = SlotRules.slots

    def counting(self: SlotRules, **given: Any) -> Iterator[Slot]:
        nonlocal listed
        for slot in slots(self, **given):
            listed += 1
            yield slot

    monkeypatch.setattr(SlotRules, "slots", counting)

    world.undo(undo_id=change.undo_id)

    assert world.at(content.id) == datetime(2031, 11, 3, 22, 59, tzinfo=UTC)
    assert 0 < listed < 1_000


@pytest.mark.parametrize("follow", list(Follow))
def test_a_pin_of_before_at_the_end_of_the_calendar_bears_a_change_of_zone(world: World, follow: Follow) -> None:
    (content,) = world.scheduled(1)
    world.act(calendar.pin, content.id, to=None)
    end = datetime(9999, 12, 31, 22, 59, tzinfo=UTC)
    with world.database.transaction() as session:
        session.execute(
            update(CalendarSlot)
            .where(CalendarSlot.content_id == content.id)
            .values(slot_at=end, local_date=date.max, local_time="23:59")
        )
        session.execute(update(Publication).values(slot_at=end, due_at=end))

    world.set_timezone("Asia/Tokyo", follow=follow)

    assert world.at(content.id) == datetime(9999, 12, 31, 14, 59, tzinfo=UTC)
