from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.calendar import parse_timezone
from pipeline.core.errors import InvalidValueError
from pipeline.core.recurrence import Frequency
from pipeline.core.schedule import Schedule, jitter_of
from tests.support.process_timezone import PROCESS_TIMEZONES, process_timezone
from tests.support.walltime_oracle import CLOCK_CHANGES, DAY_NAMES, minutes_between, slots_between

NOON = datetime(2026, 11, 4, 12, tzinfo=UTC)
TEN_MINUTES = timedelta(minutes=10)
DAILY = Schedule(timezone="UTC", frequency="daily", at="12:00", weekday="mon", jitter=TEN_MINUTES)


@pytest.fixture(params=PROCESS_TIMEZONES, scope="module", autouse=True)
def _machine_timezone(request: pytest.FixtureRequest) -> Iterator[None]:
    with process_timezone(request.param):
        yield


def _instants(schedule: Schedule, *, after: datetime, until: datetime) -> list[datetime]:
    """What the oracle sees of the grid in (after, until]."""
    zone = parse_timezone(schedule.timezone)
    if schedule.frequency == "hourly":
        return minutes_between(zone, minute=int(schedule.at[-2:]), after=after, until=until)
    days = DAY_NAMES if schedule.frequency == "daily" else (schedule.weekday,)
    return slots_between(zone, days=days, time_slots=(schedule.at,), after=after, until=until)


@settings(max_examples=20, deadline=None)
@given(
    change=st.sampled_from(CLOCK_CHANGES),
    frequency=st.sampled_from(Frequency),
    at=st.times(),
    weekday=st.sampled_from(DAY_NAMES),
    jitter=st.timedeltas(timedelta(), timedelta(hours=12)),
    shift=st.timedeltas(timedelta(hours=-30), timedelta(hours=30)),
)
def test_starts_are_the_instants_of_the_oracle_and_the_jitter(
    *, change: tuple[str, date], frequency: Frequency, at: time, weekday: str, jitter: timedelta, shift: timedelta
) -> None:
    zone, day = change
    schedule = Schedule(timezone=zone, frequency=frequency, at=f"{at:%H:%M}", weekday=weekday, jitter=jitter)
    now = datetime(day.year, day.month, day.day, tzinfo=UTC) + shift
    # A week that leaves a date out may put a fortnight between two runs of a week.
    span = {"hourly": timedelta(hours=3), "daily": timedelta(days=3), "weekly": timedelta(days=15)}[frequency]
    starts = [instant + jitter for instant in _instants(schedule, after=now - span - jitter, until=now + span - jitter)]

    assert schedule.next_start(after=now) == min(start for start in starts if start > now)
    window = now - span / 2
    assert schedule.latest_start(since=window, until=now) == max(
        (start for start in starts if window <= start <= now), default=None
    )


def test_a_weekly_run_on_the_day_that_apia_left_out_is_due_a_week_later() -> None:
    weekly = Schedule(timezone="Pacific/Apia", frequency="weekly", at="12:00", weekday="fri")

    start = weekly.next_start(after=datetime(2011, 12, 24, tzinfo=UTC))

    assert start == datetime(2012, 1, 5, 22, tzinfo=UTC)


@given(site_id=st.integers(1, 2**63 - 1), minutes=st.integers(0, 720))
def test_jitter_is_bounded_whole_and_always_the_same(site_id: int, minutes: int) -> None:
    jitter = jitter_of(site_id, minutes=minutes)

    assert timedelta() <= jitter <= timedelta(minutes=minutes)
    assert jitter.microseconds == 0
    assert jitter == jitter_of(site_id, minutes=minutes)


def test_jitter_spreads_the_sites() -> None:
    seconds = [jitter_of(site_id, minutes=60).total_seconds() for site_id in range(1, 1_001)]

    assert len(set(seconds)) > 800
    assert mean(seconds) == pytest.approx(1_800, rel=0.05)


def test_a_start_is_its_instant_and_the_jitter() -> None:
    start = DAILY.next_start(after=NOON + timedelta(minutes=5))

    assert start == NOON + TEN_MINUTES
    assert DAILY.instant_of(start) == NOON


def test_the_next_start_is_strictly_later() -> None:
    assert DAILY.next_start(after=NOON + TEN_MINUTES) == NOON + timedelta(days=1) + TEN_MINUTES


def test_the_latest_start_may_be_either_end() -> None:
    start = NOON + TEN_MINUTES

    assert DAILY.latest_start(since=start, until=start) == start
    assert DAILY.latest_start(since=start, until=start + timedelta(days=2)) == start + timedelta(days=2)


def test_there_may_be_no_latest_start() -> None:
    start = NOON + TEN_MINUTES

    assert DAILY.latest_start(since=start + timedelta(seconds=1), until=start + timedelta(hours=23)) is None


def test_a_zone_that_means_nothing_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="not a known time zone"):
        Schedule(timezone="Mars", frequency="daily", at="12:00", weekday="mon").next_start(after=NOON)
