from __future__ import annotations

from datetime import UTC, datetime, timedelta
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import InvalidValueError
from pipeline.core.schedule import Schedule, jitter_of

NOON = datetime(2026, 11, 4, 12, tzinfo=UTC)
TEN_MINUTES = timedelta(minutes=10)
DAILY = Schedule(timezone="UTC", frequency="daily", at="12:00", weekday="mon", jitter=TEN_MINUTES)


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
