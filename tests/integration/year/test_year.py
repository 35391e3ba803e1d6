"""The simulated year, in short: the weeks in which clocks change, and proof that it would find a fault."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.config import load_config, use_config
from pipeline.core import walltime
from pipeline.services import schedules
from pipeline.services.calendar import rules
from tests.year import driver, world
from tests.year.__main__ import main, simulate
from tests.year.world import CASES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import PostgresServer

A_MINUTE = timedelta(minutes=1)
AN_HOUR = timedelta(hours=1)
#: Days before which clocks change in one of the zones, beside Lord Howe's in April and Berlin's in October.
OTHER_NIGHTS = ("2026-03-07", "2026-03-28", "2026-10-02", "2026-10-31")
#: The sites that have slots and runs on every day.
DAILY = ("Berlin", "New York", "Lord Howe")
#: Two days with the night in which Berlin's clocks go back.
AUTUMN = ["--from", "2026-10-24", "--days", "2"]


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    use_config(load_config({"IGNY8_HOME": str(tmp_path)}))
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/igny8.db"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        yield server.create_database("igny8_year")
    use_config(None)


@pytest.mark.parametrize(
    ("address", "first"),
    [
        ("sqlite", "2026-04-03"),
        ("sqlite", "2026-10-24"),
        *(pytest.param("sqlite", night, marks=pytest.mark.extended) for night in OTHER_NIGHTS),
        *(pytest.param("postgresql", night, marks=pytest.mark.extended) for night in ("2026-04-03", "2026-10-24")),
    ],
    indirect=["address"],
)
def test_around_a_clock_change_every_slot_is_filled_once_and_no_run_is_doubled_or_lost(
    address: str, first: str
) -> None:
    start = datetime.fromisoformat(first).replace(tzinfo=UTC)

    verdicts, _ = simulate(address, CASES, start=start, end=start + timedelta(days=3))

    assert [verdict for verdict in verdicts if not verdict.is_right] == []
    assert all(verdict.slots.expected and verdict.runs.expected for verdict in verdicts if verdict.case.name in DAILY)
    assert any(verdict.nights for verdict in verdicts)


def test_the_command_prints_a_table_and_succeeds(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(AUTUMN)

    told = capsys.readouterr().out
    assert code == 0
    assert "25 Oct 03:00→02:00" in told
    assert "Every slot was filled once, no run was doubled or lost." in told


def _a_slot_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(**asked: Any) -> Iterator[Any]:
        for slot in once(**asked):
            yield slot
            yield type(slot)(slot.at + A_MINUTE, slot.local_date, slot.local_time)

    once = rules.upcoming_slot_details
    monkeypatch.setattr(rules, "upcoming_slot_details", twice)


def _the_second_of_two_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a library that asks for the later of two instants would do in autumn."""
    from pipeline.core import calendar

    def later(day: Any, clock_time: Any, zone: Any) -> datetime | None:
        first = walltime.resolve(day, clock_time, zone)
        second = datetime.combine(day, clock_time, tzinfo=zone).replace(fold=1).astimezone(UTC)
        return first if first is None else max(first, second)

    monkeypatch.setattr(calendar, "resolve", later)


def _a_run_a_day_after_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run computed from the last one, as many schedulers do."""
    from pipeline.core.schedule import Schedule

    monkeypatch.setattr(Schedule, "next_start", lambda _, after: after + timedelta(days=1))


def _a_message_that_counts_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    journal = driver.Journal.write
    monkeypatch.setattr(driver.Journal, "write", lambda *given: [journal(*given), journal(*given)])


def _a_beat_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a day in which nothing is done."""
    moved = world.Clock.__setattr__

    def jump(clock: Any, name: str, now: datetime) -> None:
        gone = datetime(2026, 10, 24, 8, tzinfo=UTC) < now < datetime(2026, 10, 24, 20, tzinfo=UTC)
        moved(clock, name, now + 12 * AN_HOUR if gone else now)

    monkeypatch.setattr(world.Clock, "__setattr__", jump)


def _a_start_that_is_recorded_but_is_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "_start", lambda *_, **__: [])


@pytest.mark.parametrize(
    "sabotage",
    [
        _the_second_of_two_hours,
        _a_run_a_day_after_the_last,
        _a_message_that_counts_every_time,
        pytest.param(_a_slot_twice, marks=pytest.mark.extended),
        pytest.param(_a_beat_that_is_away, marks=pytest.mark.extended),
        pytest.param(_a_start_that_is_recorded_but_is_no_run, marks=pytest.mark.extended),
    ],
)
def test_a_rule_that_is_wrong_makes_it_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sabotage: Any
) -> None:
    sabotage(monkeypatch)

    code = main(AUTUMN)

    assert code == 1
    assert "That is not as it should be." in capsys.readouterr().out
