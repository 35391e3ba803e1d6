from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.calendar import (
    Capacity,
    ReflowItem,
    capacity,
    parse_timezone,
    reflow,
    upcoming_slots,
)
from pipeline.core.errors import InvalidValueError
from tests.support.process_timezone import PROCESS_TIMEZONES, process_timezone

ALL_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WORKING_DAYS = ALL_DAYS[:5]
THREE_TIMES = ("09:00", "14:00", "18:00")
EVERY_QUARTER = tuple(f"{hour:02}:{minute:02}" for hour in range(24) for minute in (0, 15, 30, 45))


@pytest.fixture(params=PROCESS_TIMEZONES, scope="module", autouse=True)
def _machine_timezone(request: pytest.FixtureRequest) -> Iterator[None]:
    with process_timezone(request.param):
        yield


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def first_slots(count: int, **changes: Any) -> list[datetime]:
    asked: dict[str, Any] = {
        "timezone": "UTC",
        "days": ALL_DAYS,
        "time_slots": ["09:00"],
        "after": at("2026-01-01T00:00"),
    }
    return list(islice(upcoming_slots(**(asked | changes)), count))


def wall_times(slots: list[datetime], zone: str) -> list[str]:
    return [f"{slot.astimezone(parse_timezone(zone)):%Y-%m-%d %H:%M}" for slot in slots]


class TestUpcomingSlots:
    def test_the_next_slot_after_wednesday_half_past_ten_is_wednesday_two_o_clock(self) -> None:
        found = first_slots(2, days=WORKING_DAYS, time_slots=THREE_TIMES, after=at("2026-01-14T10:30"))

        assert found == [at("2026-01-14T14:00"), at("2026-01-14T18:00")]

    def test_after_friday_evening_comes_monday_morning(self) -> None:
        found = first_slots(1, days=WORKING_DAYS, time_slots=THREE_TIMES, after=at("2026-01-16T18:00"))

        assert found == [at("2026-01-19T09:00")]

    @pytest.mark.parametrize(
        ("after", "expected"),
        [
            ("2026-01-01T08:59:59.999999", "2026-01-01T09:00"),
            ("2026-01-01T09:00", "2026-01-02T09:00"),
            ("2026-01-01T09:00:00.000001", "2026-01-02T09:00"),
        ],
    )
    def test_a_slot_is_strictly_after_the_instant_given(self, after: str, expected: str) -> None:
        assert first_slots(1, after=at(after)) == [at(expected)]

    def test_the_instant_given_may_stand_in_any_zone(self) -> None:
        tokyo = datetime(2026, 1, 1, 18, 30, tzinfo=timezone(timedelta(hours=9)))

        assert first_slots(1, after=tokyo) == [at("2026-01-02T09:00")]

    def test_slots_are_given_in_utc(self) -> None:
        (slot,) = first_slots(1, timezone="Asia/Kolkata")

        assert slot.tzinfo is UTC
        assert slot == at("2026-01-01T03:30")

    @pytest.mark.parametrize("empty", [{"days": []}, {"time_slots": []}, {"days": (), "time_slots": ()}])
    def test_without_days_or_slots_there_is_nothing_at_once(self, empty: dict[str, Any]) -> None:
        assert first_slots(1, **empty) == []

    def test_unsorted_equal_and_short_times_make_the_same_slots(self) -> None:
        untidy = first_slots(20, days=["fri", "mon", "fri"], time_slots=["18:00", "9:00", "09:00", " 14:00 "])

        assert untidy == first_slots(20, days=["mon", "fri"], time_slots=THREE_TIMES)

    def test_taken_slots_are_passed_over(self) -> None:
        held = first_slots(5)
        in_another_zone = [slot.astimezone(parse_timezone("Europe/Berlin")) for slot in held[:4]]

        assert first_slots(1, taken=in_another_zone) == [held[4]]

    @pytest.mark.parametrize("container", [list, tuple, set, frozenset, iter, dict.fromkeys])
    def test_taken_may_be_any_iterable(self, container: Callable[[list[datetime]], Iterable[datetime]]) -> None:
        held = first_slots(3)

        assert first_slots(1, taken=container(held[:2])) == [held[2]]

    def test_a_hole_is_found_before_the_tail(self) -> None:
        first, hole, third, fourth = first_slots(4)

        assert first_slots(2, taken=[first, third]) == [hole, fourth]

    def test_taken_is_copied_at_the_call(self) -> None:
        taken: list[datetime] = []
        slots = upcoming_slots(
            timezone="UTC", days=ALL_DAYS, time_slots=["9:00"], after=at("2026-01-01T00:00"), taken=taken
        )
        taken.append(at("2026-01-01T09:00"))

        assert next(slots) == at("2026-01-01T09:00")

    def test_skip_dates_are_local_dates(self) -> None:
        found = first_slots(2, timezone="Pacific/Auckland", skip_dates=[date(2026, 1, 2)])

        assert wall_times(found, "Pacific/Auckland") == ["2026-01-03 09:00", "2026-01-04 09:00"]

    def test_days_are_local_days(self) -> None:
        found = first_slots(1, timezone="Pacific/Auckland", days=["mon"])

        assert found == [at("2026-01-04T20:00")]


class TestEndlessness:
    def test_ten_thousand_slots_ascend_without_a_double(self) -> None:
        found = first_slots(10_000, timezone="Europe/Berlin", days=["mon"], time_slots=THREE_TIMES)

        assert len(found) == 10_000
        assert all(earlier < later for earlier, later in pairwise(found))

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
    def test_slots_end_with_the_year_9999(self, zone: str) -> None:
        found = first_slots(100, timezone=zone, after=at("9999-12-29T23:00"))

        assert 1 <= len(found) <= 3

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
    def test_after_the_last_instant_there_is_nothing(self, zone: str) -> None:
        assert first_slots(1, timezone=zone, after=datetime.max.replace(tzinfo=UTC)) == []

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
    def test_slots_begin_with_the_year_1(self, zone: str) -> None:
        (found,) = first_slots(1, timezone=zone, after=datetime.min.replace(tzinfo=UTC))

        assert found.year == 1

    def test_a_century_of_skip_dates_is_passed_over(self) -> None:
        century = [date(2026, 1, 1) + timedelta(days=n) for n in range(36_525)]

        assert first_slots(1, skip_dates=century) == [at("2126-01-02T09:00")]


class TestCapacity:
    @pytest.mark.parametrize(
        ("days", "time_slots", "expected"),
        [
            (WORKING_DAYS, THREE_TIMES, Capacity(daily=3, weekly=15, monthly=65)),
            (["mon"], ["09:00"], Capacity(daily=1, weekly=1, monthly=4)),
            (ALL_DAYS, EVERY_QUARTER, Capacity(daily=96, weekly=672, monthly=2890)),
            (["mon", "mon"], ["9:00", "09:00"], Capacity(daily=1, weekly=1, monthly=4)),
            ([], THREE_TIMES, Capacity(daily=0, weekly=0, monthly=0)),
            (WORKING_DAYS, [], Capacity(daily=0, weekly=0, monthly=0)),
        ],
    )
    def test_capacity_counts_distinct_days_and_slots(
        self, days: Sequence[str], time_slots: Sequence[str], expected: Capacity
    ) -> None:
        assert capacity(days, time_slots) == expected

    @pytest.mark.parametrize(("days", "time_slots"), [(["montag"], ["09:00"]), ([], ["24:00"])])
    def test_capacity_refuses_wrong_values(self, days: list[str], time_slots: list[str]) -> None:
        with pytest.raises(InvalidValueError):
            capacity(days, time_slots)


def waiting(number: int, held: datetime | None = None) -> ReflowItem[int]:
    return ReflowItem(id=number, at=held, pinned=False, locked=False)


class TestReflow:
    def reflow(self, items: Any, **changes: Any) -> dict[Any, datetime | None]:
        asked: dict[str, Any] = {
            "timezone": "UTC",
            "days": ALL_DAYS,
            "time_slots": ["09:00"],
            "now": at("2026-01-01T00:00"),
        }
        return reflow(items, **(asked | changes))

    def test_items_take_the_earliest_slots_in_queue_order(self) -> None:
        dealt = self.reflow([waiting(7), waiting(3, at("2026-05-05T05:05")), waiting(5)])

        assert dealt == dict(zip([7, 3, 5], first_slots(3), strict=True))

    def test_the_result_is_in_queue_order(self) -> None:
        assert list(self.reflow([waiting(7), waiting(3), waiting(5)])) == [7, 3, 5]

    @pytest.mark.parametrize("why", ["pinned", "locked"])
    def test_an_item_that_stays_keeps_its_slot_and_others_pass_it_over(self, why: str) -> None:
        first, second, third = first_slots(3)
        stays = ReflowItem(id=9, at=second, pinned=why == "pinned", locked=why == "locked")

        dealt = self.reflow([waiting(1), waiting(2), stays])

        assert dealt == {1: first, 2: third, 9: second}

    def test_a_pin_beside_the_grid_takes_no_slot(self) -> None:
        pin = ReflowItem(id=9, at=at("2026-01-01T09:07"), pinned=True, locked=False)

        assert self.reflow([pin, waiting(1)]) == {9: at("2026-01-01T09:07"), 1: at("2026-01-01T09:00")}

    def test_an_item_that_stays_without_an_instant_keeps_none(self) -> None:
        stays = ReflowItem(id=9, at=None, pinned=False, locked=True)

        assert self.reflow([stays, waiting(1)]) == {9: None, 1: at("2026-01-01T09:00")}

    @pytest.mark.parametrize("nothing", [{"days": []}, {"time_slots": []}])
    def test_without_slots_items_wait_and_pins_stay(self, nothing: dict[str, Any]) -> None:
        pin = ReflowItem(id=9, at=at("2026-01-05T09:00"), pinned=True, locked=False)

        assert self.reflow([waiting(1, at("2026-01-02T09:00")), pin], **nothing) == {1: None, 9: pin.at}

    def test_slots_removed_and_restored_give_the_same_calendar_in_the_same_order(self) -> None:
        before = self.reflow([waiting(n) for n in (4, 2, 8)])
        removed = self.reflow([waiting(n, slot) for n, slot in before.items()], time_slots=[])

        assert self.reflow([waiting(n, slot) for n, slot in removed.items()]) == before

    def test_slots_that_are_past_are_not_dealt_again(self) -> None:
        dealt = self.reflow([waiting(1, at("2026-01-01T09:00"))], now=at("2026-01-01T09:00"))

        assert dealt == {1: at("2026-01-02T09:00")}

    def test_skip_dates_are_not_dealt(self) -> None:
        assert self.reflow([waiting(1)], skip_dates=[date(2026, 1, 1)]) == {1: at("2026-01-02T09:00")}

    def test_items_may_be_any_iterable_and_ids_any_key(self) -> None:
        items = (ReflowItem(id=name, at=None, pinned=False, locked=False) for name in ("a", "b"))

        assert list(self.reflow(items)) == ["a", "b"]

    def test_an_id_that_comes_twice_is_refused(self) -> None:
        with pytest.raises(InvalidValueError, match="The item 1 comes twice"):
            self.reflow([waiting(1), waiting(1)])

    def test_a_kept_instant_without_a_zone_is_refused(self) -> None:
        naive = ReflowItem(id=9, at=datetime(2026, 1, 1), pinned=True, locked=False)  # noqa: DTZ001 - the fault

        with pytest.raises(InvalidValueError, match="Use an aware datetime for item 9"):
            self.reflow([naive])

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(st.none() | st.integers(0, 20), st.booleans(), st.booleans()), max_size=15))
    def test_movable_items_hold_the_first_free_slots_in_queue_order(
        self, drawn: list[tuple[int | None, bool, bool]]
    ) -> None:
        grid = first_slots(40)
        items = [
            ReflowItem(id=n, at=None if index is None else grid[index], pinned=pinned, locked=locked)
            for n, (index, pinned, locked) in enumerate(drawn)
        ]

        dealt = self.reflow(items)

        stays = {item.id: item.at for item in items if item.pinned or item.locked}
        free = (slot for slot in grid if slot not in stays.values())
        assert dealt == {item.id: stays[item.id] if item.id in stays else next(free) for item in items}
