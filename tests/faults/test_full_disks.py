"""The disk of the images, of the SQLite file, of the broker is full for a while: it is said, and nothing is lost.

They are small disks of the tests' own, which only root may mount: where that cannot be, it is said: not tested.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import select

from pipeline.config import child_environ
from pipeline.core.states import CallStatus
from pipeline.models import AiCall, StageRun
from tests.faults.harness.fleet import fleet
from tests.faults.harness.siege import Siege, besieged, new_database, short_home
from tests.faults.harness.sites import MadeSite, make_site
from tests.support.seven_stages import the_seven_stages
from tests.support.small_disks import Disk, NoMountError, small_disk

pytestmark = [pytest.mark.timeout(300), pytest.mark.extended]
_SECONDS_WHILE_FULL: Final = 8.0
_IMAGES: Final = 6


@contextmanager
def _besieged(where: str, *, megabytes: int) -> Iterator[tuple[Siege, Disk]]:
    """Worker and beat, whose home has a small disk at `where`."""
    with short_home() as home, the_seven_stages(), _small_disk(home / where, megabytes=megabytes) as disk:
        address = f"sqlite:///{home}/{where}/igny8.db" if where == "database" else f"sqlite:///{home}/igny8.db"
        with (
            fleet(home, IGNY8_DATABASE_URL=address) as found,
            new_database(address, as_installed=True) as database,
            besieged(database, found) as siege,
        ):
            found.start("worker", "beat")
            yield siege, disk


@contextmanager
def _small_disk(folder: Path, *, megabytes: int) -> Iterator[Disk]:
    try:
        disk = small_disk(folder, megabytes=megabytes)
        mounted = disk.__enter__()
    except NoMountError as error:
        pytest.skip(f"NOT TESTED, full disks: {error}")
    try:
        yield mounted
    finally:
        disk.__exit__(None, None, None)


def test_a_full_disk_of_images_stops_that_stage_until_there_is_room() -> None:
    with _besieged("media", megabytes=128) as (siege, disk):
        disk.fill()
        site = siege.start("three lanes")
        siege.wait(lambda: "room" in (_reason(siege, site.run_id) or ""), what="nobody says that the disk is full")
        drawn = _images_asked(siege)

        time.sleep(_SECONDS_WHILE_FULL)  # how long it is full is the fault.

        assert _images_asked(siege) == drawn == 0, "images were paid for that could not be kept"
        disk.clear()
        siege.heal()
        assert siege.complaints() == []


def test_a_full_disk_of_the_database_is_told_and_healed() -> None:
    with _besieged("database", megabytes=24) as (siege, disk):
        made = make_site(siege.database, "one lane")
        siege.start("three lanes")
        siege.wait_for_questions(2)
        disk.fill()

        time.sleep(_SECONDS_WHILE_FULL)  # the same.
        told = _run_by_command(siege, made)

        disk.clear()
        siege.heal()
        assert siege.complaints() == []
        assert told.returncode not in {0, -6}
        assert "Traceback" not in told.stderr
        assert "full" in told.stderr


def test_a_full_disk_of_the_broker_is_healed() -> None:
    with _besieged("broker", megabytes=8) as (siege, disk):
        siege.start("three lanes")
        siege.wait_for_questions(2)
        disk.fill()
        siege.start("one lane")

        time.sleep(_SECONDS_WHILE_FULL)  # the same.

        disk.clear()
        siege.heal()
        assert siege.complaints() == []


def _reason(siege: Siege, run_id: int) -> str | None:
    with siege.database.reading() as session:
        return session.scalar(select(StageRun.reason).where(StageRun.run_id == run_id, StageRun.number == _IMAGES))


def _images_asked(siege: Siege) -> int:
    """Calls of the stage of images that cost something: at each look for room one is written, and taken back."""
    with siege.database.reading() as session:
        query = select(AiCall.id).join(StageRun, StageRun.id == AiCall.stage_run_id)
        kept = query.where(StageRun.number == _IMAGES, AiCall.status.in_((CallStatus.SETTLED, CallStatus.LOST)))
        return len(session.scalars(kept).all())


def _run_by_command(siege: Siege, made: MadeSite) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "run", str(made.site_id), "--account", str(made.account_id)],
        env=child_environ(siege.fleet.config),
        capture_output=True,
        text=True,
        check=False,
    )
