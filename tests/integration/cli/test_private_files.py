"""What holds passwords' hashes and every account's data is its owner's alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.db.session import database
from tests.integration.cli.conftest import Igny8


@pytest.fixture(autouse=True)
def _usual_mask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def _modes(home: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home, *home.glob("igny8.db*"))}


def test_home_and_database_are_the_owners_alone(igny8: Igny8, home: Path) -> None:
    assert igny8("init").code == 0

    with database().transaction():
        modes = _modes(home)

    assert modes == {"home": 0o700, "igny8.db": 0o600, "igny8.db-wal": 0o600, "igny8.db-shm": 0o600}


def test_a_database_that_others_may_read_is_closed_and_its_folder_stays_as_it_is(igny8: Igny8, home: Path) -> None:
    igny8("init")
    home.chmod(0o755)
    for path in home.glob("igny8.db*"):
        path.chmod(0o644)

    assert igny8("init").code == 0

    modes = _modes(home)
    assert modes.pop("home") == 0o755
    assert set(modes.values()) == {0o600}
