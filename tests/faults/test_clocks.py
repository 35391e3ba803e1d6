"""Three beats, one of them killed, and clocks that jump ten minutes, through both nights on which clocks are changed.

On SQLite all processes go by one wrong clock: Debian's libfaketime makes it. On PostgreSQL each machine's is wrong
by something else, and the server's counts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import select, update

from pipeline.core.states import CallStatus
from pipeline.models import Decision, Run, SiteAutomationSettings
from tests.faults.harness.fleet import fleet
from tests.faults.harness.processes import ROOT
from tests.faults.harness.siege import Siege, besieged, new_database, short_home
from tests.faults.harness.sites import MadeSite, make_site, run_of
from tests.support.faketime import WrongClock
from tests.support.seven_stages import the_seven_stages

pytestmark = [pytest.mark.timeout(600), pytest.mark.extended]
_BEATS: Final = ("beat", "beat2", "beat3")
_SITES: Final = 3
_TEN_MINUTES: Final = 600.0
#: How long a jump lasts, and how long is looked whether a slot does something.
_WHILE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 8.0
#: Leases that no busy machine outlasts, and a clock that is wrong by ten minutes does.
_PATIENT: Final = {"IGNY8_LEASE_SECONDS": "20", "IGNY8_LEASE_RENEW_SECONDS": "1"}
#: 02:30 in Berlin.
_SCHEDULE: Final = {"automation.enabled": "true", "automation.frequency": "daily", "automation.time": "02:30"}


@dataclass(frozen=True)
class Night:
    """When the clock is put to what, and the instants that runs were started for by then."""

    steps: tuple[tuple[datetime, tuple[datetime, ...]], ...]


def _utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]  # years to seconds.


_NIGHTS: Final = {
    # 02:30 comes twice: at 00:30 UTC it counts, an hour later it does not.
    "02:30 comes twice": Night(
        (
            (_utc(2026, 10, 25, 0, 29, 55), (_utc(2026, 10, 25, 0, 30),)),
            (_utc(2026, 10, 25, 1, 29, 55), (_utc(2026, 10, 25, 0, 30),)),
        )
    ),
    # There is no 02:30: the clock goes from 02:00 to 03:00 at 01:00 UTC, and half an hour later it is 03:30.
    "there is no 02:30": Night(
        (
            (_utc(2027, 3, 28, 0, 59, 57), ()),
            (_utc(2027, 3, 28, 1, 29, 55), (_utc(2027, 3, 28, 1, 30),)),
        )
    ),
}


@contextmanager
def _besieged(on: str, clocks: dict[str, WrongClock], **variables: str) -> Iterator[Siege]:
    """Three beats and a worker, each by its clock. `variables`: of all of them."""
    with short_home() as home, the_seven_stages():
        environs = {name: clock.environ(ROOT) for name, clock in clocks.items()}
        with (
            fleet(home, on=on, environs=environs, **variables) as found,
            new_database(found.config.database_url) as database,
            # SQLite goes by the wrong clock, this process by its own.
            besieged(database, found, leases=on != "embedded") as siege,
        ):
            yield siege


@pytest.mark.parametrize("name", _NIGHTS, ids=[name.replace(" ", "-") for name in _NIGHTS])
def test_a_night_of_wrong_clocks_and_a_killed_beat_starts_each_run_once(name: str, tmp_path: Path) -> None:
    night, clock = _NIGHTS[name], WrongClock(tmp_path / "clock")
    clock.put_to(night.steps[0][0] - timedelta(minutes=1))
    with _besieged("embedded", dict.fromkeys((*_BEATS, "worker"), clock)) as siege:
        vars(siege.database)["now"] = clock.now
        sites = [
            make_site(siege.database, "one lane", timezone="Europe/Berlin", changes=_SCHEDULE) for _ in range(_SITES)
        ]
        siege.fleet.start("worker", *_BEATS)
        for instant, expected in night.steps:
            clock.put_to(instant)
            siege.fleet.kill("beat2")
            siege.fleet.start_soon("beat2")
            time.sleep(_LOOK_SECONDS)  # nothing more must happen meanwhile.
            _look_for(siege, sites, expected)

        for jump in (_TEN_MINUTES, -2 * _TEN_MINUTES, _TEN_MINUTES):
            clock.add(jump)
            time.sleep(_WHILE_SECONDS)  # how long it is wrong is the fault.

        _end_well(siege, sites)


def test_machines_whose_clocks_are_wrong_by_ten_minutes_go_by_the_databases(tmp_path: Path) -> None:
    wrong_by = {"beat": _TEN_MINUTES, "beat2": -_TEN_MINUTES, "beat3": 0.0, "worker": _TEN_MINUTES}
    clocks = {name: WrongClock(tmp_path / name) for name in wrong_by}
    for name, seconds in wrong_by.items():
        clocks[name].add(seconds)
    with _besieged("redis", clocks, **_PATIENT) as siege:
        siege.fleet.start("worker", *_BEATS)
        sites = [make_site(siege.database, "one lane", changes=_SCHEDULE) for _ in range(_SITES)]
        due = siege.database.now().replace(microsecond=0) + timedelta(seconds=4)
        with siege.database.transaction() as session:
            of_these = SiteAutomationSettings.site_id.in_([made.site_id for made in sites])
            session.execute(update(SiteAutomationSettings).where(of_these).values(next_run_at=due))

        siege.wait(lambda: len(_started(siege)) == _SITES, what="not every run was started", seconds=30)

        with siege.database.reading() as session:
            created = session.scalars(select(Run.created_at)).all()
        assert min(created) >= due, "a beat whose clock is ahead started a run too early"
        _end_well(siege, sites)
        assert siege.count(CallStatus.LOST) == 0, "a lease was taken for over by a clock that is ahead"


def _started(siege: Siege) -> list[tuple[int, datetime]]:
    """Site and instant of each scheduled run."""
    with siege.database.reading() as session:
        rows = session.execute(select(Run.site_id, Run.scheduled_for).where(Run.origin == "scheduled")).all()
    return sorted((row.site_id, row.scheduled_for) for row in rows)


def _look_for(siege: Siege, sites: list[MadeSite], expected: tuple[datetime, ...]) -> None:
    wanted = sorted((made.site_id, instant) for made in sites for instant in expected)
    assert _started(siege) == wanted, siege.fleet.tails()


def _end_well(siege: Siege, sites: list[MadeSite]) -> None:
    """Every site has had one run, decided once, which ends as any other."""
    with siege.database.reading() as session:
        siege.sites += [run_of(session, made) for made in sites]
        decided = session.scalars(select(Decision.site_id).where(Decision.kind == "started")).all()
    assert sorted(decided) == sorted(made.site_id for made in sites)
    siege.heal()
    # By a clock that was put back, a stage may begin before the one before it has ended.
    assert [line for line in siege.complaints() if "began before stage" not in line] == []
