"""Fixtures of the fault tests: the processes under fault on each backend, and how many faults a test injects."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.db.session import Database
from pipeline.models import Base
from pipeline.services import accounts
from tests.faults.harness.campaign import Campaign
from tests.faults.harness.processes import running_processes
from tests.support.postgres import PostgresServer
from tests.support.seven_stages import the_seven_stages

SEED_VARIABLE = "IGNY8_TEST_FAULT_SEED"
#: Faults a kind.
TIMES = {"sqlite": 10, "postgresql": 25}


@pytest.fixture(scope="session")
def seed() -> str:
    """What all instants of faults follow from."""
    return os.environ.get(SEED_VARIABLE, "1")


@pytest.fixture(scope="module", params=TIMES)
def campaign(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    """The processes under fault; with `--all` on PostgreSQL too."""
    # Its path is short: a socket lies below it.
    with tempfile.TemporaryDirectory(prefix="igny8-", dir="/tmp") as name, the_seven_stages():
        home = Path(name)
        url = None
        if request.param == "postgresql":
            if not request.config.getoption("--all"):
                pytest.skip("25 kills a kind on PostgreSQL run with --all")
            server: PostgresServer = request.getfixturevalue("postgres")
            url = server.create_database(f"igny8_faults_{os.getpid()}")
        address = url or f"sqlite:///{home}/igny8.db"
        with _database(address) as database, running_processes(home, database_url=address) as processes:
            yield Campaign(processes, database)


@contextmanager
def _database(url: str) -> Iterator[Database]:
    """A new installation's database; its connections are closed at the end."""
    database = Database(url)
    try:
        Base.metadata.create_all(database.engine)
        with database.transaction() as session:
            accounts.init_installation(session, now=database.now())
        yield database
    finally:
        database.dispose()


@pytest.fixture
def times(campaign: Campaign) -> int:
    """How often a kind of fault strikes."""
    return TIMES["sqlite" if campaign.database.is_sqlite else "postgresql"]
