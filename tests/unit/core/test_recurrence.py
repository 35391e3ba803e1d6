from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.calendar import parse_timezone
from pipeline.core.errors import InvalidValueError
from pipeline.core.recurrence import Frequency, parse_frequency, upcoming_runs
from tests.support.process_timezone import PROCESS_TIMEZONES, process_timezone
from tests.support.walltime_oracle import CLOCK_CHANGES, minutes_between, slots_between

ALL_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

#: Zones with seconds in their offsets, where the oracle has to watch by the second.
ODD_OFFSETS = [
    ("Africa/Monrovia", date(1972, 1, 7)),  # from -0:44:30 to 0
    ("Europe/Berlin", date(1893, 4, 1)),  # from +0:53:28 to +1
    ("Europe/Paris", date(1911, 3, 10)),  # from +0:09:21 to 0
]


@pytest.fixture(params=PROCESS_TIMEZONES, scope="module", autouse=True)
def _machine_timezone(request: pytest.FixtureRequest) -> Iterator[None]:
    with process_timezone(request.param):
        yield


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def runs(**changes: Any) -> Iterator[datetime]:
    asked: dict[str, Any] = {"timezone": "UTC", "frequency": "daily", "at": "02:00", "after": at("2026-01-01T00:00")}
    return upcoming_runs(**(asked | changes))


def first_runs(count: int, **changes: Any) -> list[datetime]:
    return list(islice(runs(**changes), count))


def within(until: datetime, **asked: Any) -> list[datetime]:
    found = []
    for run in runs(**asked):
        if run > until:
            break
        found.append(run)
    return found


class TestDaily:
    def test_runs_are_due_once_a_day_at_the_local_time(self) -> None:
        found = first_runs(2, timezone="America/New_York")

        assert found == [at("2026-01-01T07:00"), at("2026-01-02T07:00")]

    def test_a_run_is_strictly_after_the_instant_given(self) -> None:
        assert first_runs(1, after=at("2026-01-01T02:00")) == [at("2026-01-02T02:00")]

    def test_days_make_no_difference(self) -> None:
        assert first_runs(9, days=["mon"]) == first_runs(9)

    def test_a_skipped_time_moves_and_the_run_is_not_lost(self) -> None:
        found = first_runs(3, timezone="Europe/Berlin", at="2:30", after=at("2026-03-28T00:00"))

        assert found == [at("2026-03-28T01:30"), at("2026-03-29T01:30"), at("2026-03-30T00:30")]

    def test_a_time_that_comes_twice_is_one_run(self) -> None:
        found = first_runs(2, timezone="Europe/Berlin", at="02:30", after=at("2026-10-24T12:00"))

        assert found == [at("2026-10-25T00:30"), at("2026-10-26T01:30")]

    def test_the_day_apia_left_out_has_no_run(self) -> None:
        found = first_runs(2, timezone="Pacific/Apia", at="12:00", after=at("2011-12-29T20:00"))

        assert found == [at("2011-12-29T22:00"), at("2011-12-30T22:00")]

    def test_runs_are_given_in_utc(self) -> None:
        assert first_runs(1, timezone="Asia/Tokyo")[0].tzinfo is UTC


class TestWeekly:
    def test_runs_are_due_on_the_local_day(self) -> None:
        found = first_runs(2, timezone="Pacific/Auckland", frequency="weekly", days=["mon"])

        assert found == [at("2026-01-04T13:00"), at("2026-01-11T13:00")]

    def test_several_days_are_several_runs_a_week(self) -> None:
        found = first_runs(3, frequency="weekly", days=["sat", "thu"])

        assert found == [at("2026-01-01T02:00"), at("2026-01-03T02:00"), at("2026-01-08T02:00")]

    def test_without_days_there_is_nothing_at_once(self) -> None:
        assert first_runs(1, frequency="weekly") == []


class TestHourly:
    def test_runs_are_due_at_the_minute_of_every_hour(self) -> None:
        found = first_runs(2, frequency="hourly", at="17:20", after=at("2026-01-01T00:20"))

        assert found == [at("2026-01-01T01:20"), at("2026-01-01T02:20")]

    def test_days_make_no_difference(self) -> None:
        assert first_runs(99, frequency="hourly", days=["nonsense"]) == first_runs(99, frequency="hourly")

    @pytest.mark.parametrize(
        ("after", "expected"),
        [
            ("2026-01-01T00:19:59.999999", "2026-01-01T00:20"),
            ("2026-01-01T00:20:00", "2026-01-01T01:20"),
            ("2026-01-01T00:20:00.000001", "2026-01-01T01:20"),
        ],
    )
    def test_a_run_is_strictly_after_the_instant_given(self, after: str, expected: str) -> None:
        assert first_runs(1, frequency="hourly", at="00:20", after=at(after)) == [at(expected)]

    @pytest.mark.parametrize(
        ("zone", "expected"), [("Asia/Kolkata", 30), ("Asia/Kathmandu", 15), ("Australia/Eucla", 15), ("Asia/Tokyo", 0)]
    )
    def test_the_minute_is_the_local_one(self, zone: str, expected: int) -> None:
        (run,) = first_runs(1, frequency="hourly", at="00:00", timezone=zone)

        assert run.minute == expected

    def test_an_hour_that_comes_twice_has_two_runs(self) -> None:
        found = first_runs(3, timezone="Europe/Berlin", frequency="hourly", at="0:30", after=at("2026-10-24T23:30"))

        assert found == [at("2026-10-25T00:30"), at("2026-10-25T01:30"), at("2026-10-25T02:30")]

    def test_half_an_hour_that_comes_twice_repeats_its_minutes(self) -> None:
        found = first_runs(
            3, timezone="Australia/Lord_Howe", frequency="hourly", at="0:45", after=at("2024-04-06T14:00")
        )

        assert found == [at("2024-04-06T14:45"), at("2024-04-06T15:15"), at("2024-04-06T16:15")]

    def test_half_an_hour_that_is_skipped_leaves_its_minutes_out(self) -> None:
        found = first_runs(
            2, timezone="Australia/Lord_Howe", frequency="hourly", at="0:15", after=at("2024-10-05T14:00")
        )

        assert found == [at("2024-10-05T14:45"), at("2024-10-05T16:15")]

    @pytest.mark.parametrize("minute", [0, 1, 15, 30, 45, 59])
    @pytest.mark.parametrize(("zone", "day"), CLOCK_CHANGES)
    def test_runs_of_a_day_of_change_are_where_the_oracle_sees_them(self, zone: str, day: date, minute: int) -> None:
        middle = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        after, until = middle - timedelta(hours=18), middle + timedelta(hours=18)

        found = within(until, timezone=zone, frequency="hourly", at=f"00:{minute:02}", after=after)

        assert found == minutes_between(parse_timezone(zone), minute=minute, after=after, until=until)

    @pytest.mark.parametrize("minute", [0, 6, 9, 44, 45])
    @pytest.mark.parametrize(("zone", "day"), ODD_OFFSETS)
    def test_runs_with_seconds_in_the_offset_are_where_the_oracle_sees_them(
        self, zone: str, day: date, minute: int
    ) -> None:
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        after, until = midnight - timedelta(hours=4), midnight + timedelta(hours=4)

        found = within(until, timezone=zone, frequency="hourly", at=f"00:{minute:02}", after=after)

        assert found == minutes_between(parse_timezone(zone), minute=minute, after=after, until=until)


class TestAgainstTheOracle:
    @settings(max_examples=100, deadline=None)
    @given(st.sampled_from(CLOCK_CHANGES), st.integers(0, 59), st.timedeltas(timedelta(0), timedelta(hours=36)))
    def test_hourly_runs_are_those_of_the_oracle(self, change: tuple[str, date], minute: int, shift: timedelta) -> None:
        zone, day = change
        after = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=12) + shift
        until = after + timedelta(hours=12)

        found = within(until, timezone=zone, frequency="hourly", at=f"00:{minute:02}", after=after)

        assert found == minutes_between(parse_timezone(zone), minute=minute, after=after, until=until)

    @settings(max_examples=50, deadline=None)
    @given(
        st.sampled_from(CLOCK_CHANGES),
        st.times(),
        st.timedeltas(timedelta(hours=-36), timedelta(hours=24)),
        st.none() | st.sets(st.sampled_from(ALL_DAYS), min_size=1),
    )
    def test_daily_and_weekly_runs_are_those_of_the_oracle(
        self, change: tuple[str, date], clock_time: time, shift: timedelta, days: set[str] | None
    ) -> None:
        zone, day = change
        after = datetime(day.year, day.month, day.day, tzinfo=UTC) + shift
        until = after + timedelta(hours=48)
        text = f"{clock_time:%H:%M}"
        rhythm = {"frequency": "weekly", "days": days} if days else {"frequency": "daily"}

        found = within(until, timezone=zone, at=text, after=after, **rhythm)

        asked: dict[str, Any] = {"days": days or ALL_DAYS, "time_slots": [text], "after": after, "until": until}
        assert found == slots_between(parse_timezone(zone), **asked)

    @settings(max_examples=50, deadline=None)
    @given(st.sampled_from(CLOCK_CHANGES), st.sampled_from(Frequency), st.times(), st.integers(0, 40))
    def test_asking_again_after_a_run_gives_the_run_behind_it(
        self, change: tuple[str, date], frequency: Frequency, clock_time: time, index: int
    ) -> None:
        zone, day = change
        start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
        asked = {"timezone": zone, "frequency": frequency, "at": f"{clock_time:%H:%M}", "days": ALL_DAYS}

        this_run, next_run = first_runs(index + 2, after=start, **asked)[-2:]

        assert first_runs(1, after=this_run, **asked) == [next_run]


class TestEndlessness:
    @pytest.mark.parametrize("frequency", Frequency)
    def test_ten_thousand_runs_ascend_without_a_double(self, frequency: Frequency) -> None:
        found = first_runs(10_000, timezone="Australia/Lord_Howe", frequency=frequency, days=["mon"], at="01:45")

        assert len(found) == 10_000
        assert all(earlier < later for earlier, later in pairwise(found))

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
    @pytest.mark.parametrize("frequency", Frequency)
    def test_runs_end_with_the_year_9999(self, frequency: Frequency, zone: str) -> None:
        found = list(runs(timezone=zone, frequency=frequency, days=ALL_DAYS, after=at("9999-12-29T00:00")))

        assert 2 <= len(found) <= 72

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
    @pytest.mark.parametrize("frequency", Frequency)
    def test_runs_begin_with_the_year_1(self, frequency: Frequency, zone: str) -> None:
        (found,) = first_runs(
            1, timezone=zone, frequency=frequency, days=ALL_DAYS, after=datetime.min.replace(tzinfo=UTC)
        )

        assert found.year == 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ({"frequency": "yearly"}, "'yearly' is no frequency. Use hourly, daily, weekly."),
            ({"frequency": None}, "None is no frequency"),
            ({"at": "24:00"}, "'24:00' is not a time of day. Use HH:MM, from 00:00 to 23:59."),
            ({"at": "24:00", "frequency": "hourly"}, "'24:00' is not a time of day"),
            ({"at": "30", "frequency": "hourly"}, "'30' is not a time of day"),
            ({"timezone": "Europe/Berln"}, "Did you mean Europe/Berlin"),
            ({"timezone": "Europe/Berln", "frequency": "hourly"}, "Did you mean Europe/Berlin"),
            ({"after": datetime(2026, 1, 1)}, "Use an aware datetime for after."),  # noqa: DTZ001 - the fault
            ({"after": datetime(2026, 1, 1), "frequency": "hourly"}, "Use an aware datetime for after."),  # noqa: DTZ001 - the fault
            ({"frequency": "weekly", "days": ["monday"]}, "'monday' is not a day"),
            ({"frequency": "weekly", "days": "mon"}, "'mon' is no list of days"),
            ({"frequency": "weekly", "days": [], "timezone": "Mars"}, "'Mars' is not a known time zone"),
        ],
    )
    def test_wrong_values_are_refused_at_the_call(self, wrong: dict[str, Any], sentence: str) -> None:
        with pytest.raises(InvalidValueError) as refusal:
            runs(**wrong)

        assert sentence in refusal.value.message

    def test_the_instant_given_may_stand_in_any_zone(self) -> None:
        tokyo = datetime(2026, 1, 1, 18, 30, tzinfo=timezone(timedelta(hours=9)))

        assert first_runs(1, frequency="hourly", after=tokyo) == [at("2026-01-01T10:00")]

    def test_a_frequency_is_parsed_by_its_name(self) -> None:
        assert parse_frequency("weekly") is Frequency.WEEKLY
