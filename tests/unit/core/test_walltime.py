from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.calendar import (
    Slot,
    WallTime,
    clock_change_note,
    parse_days,
    parse_time_slot,
    parse_time_slots,
    parse_timezone,
    parse_wall_time,
    slot_instant,
    slot_wall_time,
    tzdata_version,
    upcoming_slot_details,
    upcoming_slots,
    wall_slot,
)
from pipeline.core.errors import InvalidValueError
from tests.support.process_timezone import PROCESS_TIMEZONES, process_timezone
from tests.support.walltime_oracle import CLOCK_CHANGES, slots_between

ALL_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_QUARTER = tuple(f"{hour:02}:{minute:02}" for hour in range(24) for minute in (0, 15, 30, 45))
ZONES = (
    "UTC", "Europe/London", "America/Los_Angeles", "America/Argentina/San_Luis", "Asia/Tehran", "Asia/Kolkata",
    "Australia/Eucla", "Asia/Amman", "Africa/Cairo", "America/Nuuk", "Atlantic/Azores", "Pacific/Marquesas",
)  # fmt: skip


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


def within(until: datetime, **asked: Any) -> list[datetime]:
    found = []
    for slot in upcoming_slots(**asked):
        if slot > until:
            break
        found.append(slot)
    return found


def check_against_oracle(data: st.DataObject, zone: str, around: datetime) -> None:
    after = around + data.draw(st.timedeltas(timedelta(hours=-40), timedelta(hours=30)), label="after")
    asked: dict[str, Any] = {
        "days": data.draw(st.sets(st.sampled_from(ALL_DAYS), min_size=1), label="days"),
        "time_slots": data.draw(st.sets(st.times(), min_size=1, max_size=12), label="times"),
        "skip_dates": data.draw(st.sets(st.sampled_from([around.date() + timedelta(n) for n in range(-1, 3)]))),
        "after": after,
    }
    asked["time_slots"] = sorted({f"{clock_time:%H:%M}" for clock_time in asked["time_slots"]})
    until = after + timedelta(hours=48)

    expected = slots_between(parse_timezone(zone), until=until, **asked)
    assert within(until, timezone=zone, **asked) == expected


class TestClockChanges:
    def test_a_skipped_time_moves_by_the_length_of_the_gap(self) -> None:
        found = first_slots(3, timezone="Europe/Berlin", time_slots=["02:30"], after=at("2026-03-28T00:00"))

        assert wall_times(found, "Europe/Berlin") == ["2026-03-28 02:30", "2026-03-29 03:30", "2026-03-30 02:30"]

    def test_a_time_that_comes_twice_counts_the_first_time(self) -> None:
        found = first_slots(2, timezone="Europe/Berlin", time_slots=["02:30"], after=at("2026-10-24T12:00"))

        assert found == [at("2026-10-25T00:30"), at("2026-10-26T01:30")]

    def test_two_wall_times_at_one_instant_are_one_slot_with_the_time_the_clock_shows(self) -> None:
        slots = upcoming_slot_details(
            timezone="Europe/Berlin",
            days=["sun"],
            time_slots=["02:30", "03:15", "03:30"],
            after=at("2026-03-29T00:00"),
        )

        assert list(islice(slots, 2)) == [
            Slot(at("2026-03-29T01:15"), date(2026, 3, 29), "03:15"),
            Slot(at("2026-03-29T01:30"), date(2026, 3, 29), "03:30"),
        ]

    def test_slots_of_a_day_stay_in_order_where_one_moves_past_another(self) -> None:
        found = first_slots(2, timezone="Europe/Berlin", time_slots=["02:45", "03:15"], after=at("2026-03-29T00:00"))

        assert wall_times(found, "Europe/Berlin") == ["2026-03-29 03:15", "2026-03-29 03:45"]

    def test_a_moved_slot_keeps_the_wall_time_it_was_asked_for(self) -> None:
        slots = upcoming_slot_details(
            timezone="Europe/Berlin", days=["sun"], time_slots=["2:30"], after=at("2026-03-29T00:00")
        )

        assert next(slots) == Slot(at("2026-03-29T01:30"), date(2026, 3, 29), "02:30")

    def test_the_day_apia_left_out_has_no_slots(self) -> None:
        found = first_slots(3, timezone="Pacific/Apia", after=at("2011-12-29T00:00"))

        assert wall_times(found, "Pacific/Apia") == ["2011-12-29 09:00", "2011-12-31 09:00", "2012-01-01 09:00"]

    def test_a_slot_that_would_move_to_the_next_date_does_not_exist_that_day(self) -> None:
        found = first_slots(2, timezone="Asia/Pyongyang", time_slots=["23:45"], after=at("2018-05-03T00:00"))

        assert wall_times(found, "Asia/Pyongyang") == ["2018-05-03 23:45", "2018-05-05 23:45"]

    def test_lord_howe_moves_by_half_an_hour(self) -> None:
        found = first_slots(2, timezone="Australia/Lord_Howe", time_slots=["02:15"], after=at("2024-10-05T12:00"))

        assert wall_times(found, "Australia/Lord_Howe") == ["2024-10-06 02:45", "2024-10-07 02:15"]

    def test_seconds_of_an_old_offset_are_kept(self) -> None:
        found = first_slots(1, timezone="Africa/Monrovia", after=at("1971-06-01T00:00"))

        assert found == [at("1971-06-01T09:44:30")]

    @pytest.mark.parametrize(("zone", "day"), CLOCK_CHANGES)
    def test_every_quarter_of_a_day_of_change_is_where_the_oracle_sees_it(self, zone: str, day: date) -> None:
        middle = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        after, until = middle - timedelta(hours=36), middle + timedelta(hours=36)

        found = within(until, timezone=zone, days=ALL_DAYS, time_slots=EVERY_QUARTER, after=after)

        asked: dict[str, Any] = {"days": ALL_DAYS, "time_slots": EVERY_QUARTER, "after": after, "until": until}
        assert found == slots_between(parse_timezone(zone), **asked)

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_slots_near_a_change_are_those_of_the_oracle(self, data: st.DataObject) -> None:
        zone, day = data.draw(st.sampled_from(CLOCK_CHANGES))
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)

        check_against_oracle(data, zone, midnight)

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_slots_of_any_zone_and_date_are_those_of_the_oracle(self, data: st.DataObject) -> None:
        zone = data.draw(st.sampled_from(ZONES))
        midnight = data.draw(st.datetimes(datetime(1972, 2, 1), datetime(2060, 1, 1))).replace(tzinfo=UTC)  # noqa: DTZ001 - Hypothesis takes naive bounds

        check_against_oracle(data, zone, midnight)


class TestRefusals:
    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ({"time_slots": ["24:00"]}, "'24:00' is not a time of day. Use HH:MM, from 00:00 to 23:59."),
            ({"time_slots": ["9"]}, "'9' is not a time of day"),
            ({"time_slots": ["09:60"]}, "'09:60' is not a time of day"),
            ({"time_slots": ["9:5"]}, "'9:5' is not a time of day"),
            ({"time_slots": ["-1:00"]}, "'-1:00' is not a time of day"),
            ({"time_slots": ["09:00:00"]}, "'09:00:00' is not a time of day"),
            ({"time_slots": ["٠٩:٠٠"]}, "is not a time of day"),
            ({"time_slots": [None]}, "None is not a time of day"),
            ({"time_slots": "09:00"}, "'09:00' is no list of time slots. Use a list."),
            ({"time_slots": None}, "None is no list of time slots"),
            ({"days": ["monday"]}, "'monday' is not a day. Use mon, tue, wed, thu, fri, sat, sun."),
            ({"days": ["Mon"]}, "'Mon' is not a day"),
            ({"days": [0]}, "0 is not a day"),
            ({"days": [["mon"]]}, "['mon'] is not a day"),
            ({"days": "mon"}, "'mon' is no list of days"),
            ({"timezone": "Europe/Berln"}, "'Europe/Berln' is not a known time zone. Did you mean Europe/Berlin"),
            ({"timezone": "Factory"}, "'Factory' is not a known time zone. Use an IANA name"),
            ({"timezone": "Mars"}, "'Mars' is not a known time zone. Use an IANA name"),
            ({"timezone": None}, "None is not a known time zone"),
            ({"timezone": "../zones"}, "'../zones' is not a known time zone"),
            ({"after": datetime(2026, 1, 1)}, "has no time zone. Use an aware datetime for after."),  # noqa: DTZ001 - the fault
            ({"after": "2026-01-01"}, "'2026-01-01' is no instant for after"),
            ({"taken": [datetime(2026, 1, 1)]}, "Use an aware datetime for taken."),  # noqa: DTZ001 - the fault
            ({"taken": 1}, "1 is no list of taken instants"),
            ({"skip_dates": ["2026-01-01"]}, "'2026-01-01' is no date for skip_dates"),
            ({"skip_dates": [at("2026-01-01T00:00")]}, "is no date for skip_dates. Use a date without a time."),
            ({"days": [], "time_slots": ["25:00"]}, "'25:00' is not a time of day"),
        ],
    )
    def test_wrong_values_are_refused_at_the_call(self, wrong: dict[str, Any], sentence: str) -> None:
        asked: dict[str, Any] = {
            "timezone": "UTC",
            "days": ALL_DAYS,
            "time_slots": ["09:00"],
            "after": at("2026-01-01T00:00"),
        }

        with pytest.raises(InvalidValueError) as refusal:
            upcoming_slots(**(asked | wrong))

        assert sentence in refusal.value.message

    def test_an_instant_outside_the_years_is_refused(self) -> None:
        beyond = datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))

        with pytest.raises(InvalidValueError, match="outside the years 1 to 9999"):
            first_slots(1, after=beyond)

    def test_a_refused_value_is_shortened_in_the_sentence(self) -> None:
        with pytest.raises(InvalidValueError) as refusal:
            parse_timezone("x" * 100_000)

        assert len(refusal.value.message) < 200


class TestParsing:
    def test_time_slots_are_sorted_distinct_and_two_digits_each(self) -> None:
        assert parse_time_slots(["18:00", "9:00", "09:00", "0:05"]) == ("00:05", "09:00", "18:00")

    def test_ninety_six_entries_are_allowed(self) -> None:
        assert parse_time_slots(EVERY_QUARTER) == EVERY_QUARTER

    def test_ninety_seven_entries_are_refused_even_where_they_collapse(self) -> None:
        with pytest.raises(InvalidValueError, match="97 time slots are too many"):
            parse_time_slots(["09:00"] * 97)

    def test_one_time_slot_becomes_two_digits_each(self) -> None:
        assert parse_time_slot("9:00") == "09:00"

    def test_days_are_distinct_and_begin_with_monday(self) -> None:
        assert parse_days(["sun", "mon", "sun", "wed"]) == ("mon", "wed", "sun")

    def test_a_zone_keeps_its_name(self) -> None:
        assert parse_timezone("America/Argentina/Buenos_Aires").key == "America/Argentina/Buenos_Aires"

    @pytest.mark.parametrize(
        ("typed", "meant"),
        [
            ("europe/berlin", "Europe/Berlin"),
            ("New York", "America/New_York"),
            ("tokyo", "Asia/Tokyo"),
            ("utc", "UTC"),
        ],
    )
    def test_a_zone_typed_differently_is_suggested(self, typed: str, meant: str) -> None:
        with pytest.raises(InvalidValueError) as refusal:
            parse_timezone(typed)

        assert meant in refusal.value.message

    def test_the_version_of_the_zone_rules_is_a_release_of_iana(self) -> None:
        version = tzdata_version()

        assert version[:4].isdigit()
        assert version[4:].isalpha()


class TestWallTime:
    def test_the_wall_time_of_an_instant_is_what_the_clock_shows(self) -> None:
        assert slot_wall_time(at("2026-01-01T20:05"), "Asia/Tokyo") == (date(2026, 1, 2), "05:05")

    @pytest.mark.parametrize(
        ("instant", "zone", "shown"),
        [
            (datetime.max.replace(tzinfo=UTC), "Asia/Tokyo", (date.max, "23:59")),
            (datetime.max.replace(tzinfo=UTC), "America/New_York", (date.max, "18:59")),
            (datetime.min.replace(tzinfo=UTC), "America/New_York", (date.min, "00:00")),
        ],
    )
    def test_at_an_end_of_the_calendar_it_is_held_within_the_years(
        self, instant: datetime, zone: str, shown: tuple[date, str]
    ) -> None:
        assert slot_wall_time(instant, zone) == shown

    def test_a_pin_moves_to_the_same_wall_time_of_another_zone(self) -> None:
        pinned = at("2026-07-01T07:10")

        moved = slot_instant(*slot_wall_time(pinned, "Europe/Berlin"), timezone="America/New_York")

        assert moved == at("2026-07-01T13:10")

    def test_a_wall_time_a_date_does_not_have_has_no_instant(self) -> None:
        assert slot_instant(date(2011, 12, 30), "9:00", timezone="Pacific/Apia") is None

    @settings(max_examples=100, deadline=None)
    @given(st.sampled_from(CLOCK_CHANGES), st.integers(0, 2 * 24 * 60))
    def test_a_wall_time_leads_back_to_its_instant_or_to_the_first_of_two(
        self, change: tuple[str, date], minutes: int
    ) -> None:
        zone, day = change
        instant = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minutes - 720)

        shown = slot_wall_time(instant, zone)
        back = slot_instant(*shown, timezone=zone)

        assert back is not None
        assert back <= instant
        assert slot_wall_time(back, zone) == shown


class TestWallTimesOfPeople:
    @pytest.mark.parametrize("text", ["2026-03-29 2:30", " 2026-03-29 02:30 "])
    def test_a_date_and_time_are_read(self, text: str) -> None:
        assert parse_wall_time(text) == WallTime(date(2026, 3, 29), "02:30")

    @pytest.mark.parametrize(
        "text",
        ["", "2026-03-29", "02:30", "2026-02-30 02:30", "2026-03-29 24:00", "29.3.2026 02:30", "2026-03-29 02:30:00"],
    )
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidValueError, match="Use YYYY-MM-DD HH:MM"):
            parse_wall_time(text)

    def test_a_wall_time_has_a_place_on_the_grid_or_not(self) -> None:
        found = wall_slot(WallTime(date(2026, 7, 1), "11:17"), "Europe/Berlin")

        assert found == Slot(at("2026-07-01T09:17"), date(2026, 7, 1), "11:17")

    def test_a_date_that_is_left_out_has_no_place(self) -> None:
        assert wall_slot(WallTime(date(2011, 12, 30), "11:17"), "Pacific/Apia") is None


class TestNotesOfClockChanges:
    @pytest.mark.parametrize(
        ("zone", "day", "clock_time", "note"),
        [
            ("Europe/Berlin", date(2026, 3, 29), "02:30", "29 Mar: 02:30 will publish at 03:30"),
            ("Australia/Lord_Howe", date(2026, 10, 4), "02:15", "4 Oct: 02:15 will publish at 02:45"),
            ("Europe/Berlin", date(2026, 3, 29), "01:59", None),
            ("Europe/Berlin", date(2026, 3, 29), "03:00", None),
            ("Europe/Berlin", date(2026, 10, 25), "02:30", None),
        ],
    )
    def test_only_a_time_that_the_clock_skips_is_noted(
        self, zone: str, day: date, clock_time: str, note: str | None
    ) -> None:
        slot = wall_slot(WallTime(day, clock_time), zone)

        assert slot is not None
        assert clock_change_note(slot, zone) == note

    @settings(max_examples=100, deadline=None)
    @given(st.sampled_from(CLOCK_CHANGES), st.integers(0, 23), st.integers(0, 59))
    def test_a_note_names_what_the_clock_shows(self, change: tuple[str, date], hour: int, minute: int) -> None:
        zone, day = change
        slot = wall_slot(WallTime(day, f"{hour:02}:{minute:02}"), zone)
        if slot is None:
            return

        shown = slot_wall_time(slot.at, zone)[1]
        note = clock_change_note(slot, zone)

        assert (note is None) == (shown == slot.local_time)
        assert note is None or note.endswith(f"{slot.local_time} will publish at {shown}")
