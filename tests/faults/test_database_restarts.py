"""PostgreSQL is restarted again and again, politely and at once: what was committed goes on, and nothing else."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from random import Random
from typing import Final

import pytest

from tests.faults.harness.fleet import fleet
from tests.faults.harness.siege import Siege, besieged, new_database, short_home
from tests.support.seven_stages import the_seven_stages

pytestmark = [pytest.mark.timeout(1_200), pytest.mark.extended]
#: For how long, where it is not the minute of `--all`: ten minutes are `make soak`'s.
SECONDS_VARIABLE: Final = "IGNY8_TEST_RESTARTS_SECONDS"
#: Every so many seconds: the shorter the whole, the closer.
_PAUSES: Final = (3.0, 9.0)
_LONG_PAUSES: Final = (5.0, 40.0)
#: Fast shutdown, and immediate shutdown, which recovers at its start.
_SIGNALS: Final = (signal.SIGINT, signal.SIGQUIT)


@pytest.fixture
def siege() -> Iterator[Siege]:
    """Worker and beat on PostgreSQL and Redis."""
    with (
        short_home() as home,
        the_seven_stages(),
        fleet(home, on="redis") as found,
        new_database(found.config.database_url) as database,
        besieged(database, found) as siege,
    ):
        found.start("worker", "beat")
        yield siege


def test_a_database_that_is_restarted_again_and_again_loses_nothing(siege: Siege, seed: str) -> None:
    random, seconds = Random(f"restarts {seed}"), float(os.environ.get(SECONDS_VARIABLE, "60"))
    pauses = _PAUSES if seconds <= 120 else _LONG_PAUSES
    restarts, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        siege.start(random.choice(["one lane", "three lanes"]))
        time.sleep(random.uniform(*pauses))  # the instant is what is tested.
        siege.fleet.terminate("database", random.choice(_SIGNALS))
        siege.fleet.start("database")
        siege.database.dispose()  # the test itself has no patience with connections that are gone.
        restarts += 1

    siege.heal(seconds=120)
    print(f"seed {seed}: {restarts} restarts, {len(siege.sites)} runs")  # noqa: T201 - it is the story of the test.
    assert restarts >= 5
    assert siege.complaints() == []
