"""Fixtures that every test may ask for: databases of both kinds, each test on empty tables."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from pipeline import contract
from pipeline.ai import ADAPTERS
from pipeline.db.session import Database
from pipeline.models import Base
from tests.support.container_nodes import docker_answers
from tests.support.emptying import empty
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.seven_stages import the_seven_stages

BACKENDS = ("sqlite", "postgresql")
#: As the product knows them, before any test.
_PROVIDERS = dict(ADAPTERS)
_HOME = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """No test touches the state of the person who runs it: the home is another before anything is collected.

    Loggers forget: one that remembered its first configuration would keep it in later tests, which look at it.
    """
    config.stash[_HOME] = tempfile.TemporaryDirectory()
    os.environ["IGNY8_HOME"] = config.stash[_HOME].name
    if config.getoption("--nodes") == "containers" and not docker_answers():
        told = "no Docker answers here. Leave the option out: the same tests run with processes of this machine."
        raise pytest.UsageError(f"--nodes containers: {told}")
    configure = structlog.configure

    def forgetful(**given: Any) -> None:
        configure(**{**given, "cache_logger_on_first_use": False})

    vars(structlog)["configure"] = forgetful


def pytest_unconfigure(config: pytest.Config) -> None:
    """The home is gone with the session."""
    os.environ.pop("IGNY8_HOME", None)
    config.stash[_HOME].cleanup()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="also run what needs more than PyPI or more than ten minutes")
    parser.addoption(
        "--nodes", choices=("processes", "containers"), default="processes", help="what the nodes of smoke tests are"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked `extended` says again, at length, what a shorter test says: it runs with `--all`."""
    if config.getoption("--all"):
        return
    extended = [item for item in items if item.get_closest_marker("extended")]
    if extended:
        config.hook.pytest_deselected(items=extended)
        items[:] = [item for item in items if not item.get_closest_marker("extended")]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`tests/system` needs packages of the machine: it is collected only where everything is asked for."""
    if collection_path == Path(__file__).parent / "system" and not config.getoption("--all"):
        return True
    return None


@pytest.fixture(scope="session")
def at_length(pytestconfig: pytest.Config) -> bool:
    """Whether everything is asked for: what is tried on random examples is then tried on all of them."""
    return bool(pytestconfig.getoption("--all"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The tests' own server; one a session and worker."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def _postgres_database(postgres: PostgresServer) -> Iterator[Database]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    database = Database(postgres.create_database(f"igny8_{worker}_{os.getpid()}"))
    Base.metadata.create_all(database.engine)
    yield database
    database.dispose()


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty database with all tables: the test runs once on each backend."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_database")
        return
    database: Database = request.getfixturevalue("_postgres_database")
    with database.engine.begin() as connection:
        empty(connection)
    yield database
    # The next test on this server tells the time itself again.
    vars(database).pop("now", None)


@pytest.fixture
def sqlite_database(_sqlite_database: Database, _empty_sqlite: Path) -> Iterator[Database]:
    """An empty SQLite database, for tests that need no second backend."""
    path = Path(str(_sqlite_database.engine.url.database))
    # A new file each time: a thread that the last test left behind writes into the one that is gone.
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    shutil.copyfile(_empty_sqlite, path)
    yield _sqlite_database
    _sqlite_database.dispose()
    vars(_sqlite_database).pop("now", None)


@pytest.fixture(scope="session")
def _empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables: to copy it takes a tenth of the time that it takes to make them."""
    path = tmp_path_factory.mktemp("empty") / "igny8.db"
    database = Database(f"sqlite:///{path}")
    Base.metadata.create_all(database.engine)
    database.dispose()
    return path


@pytest.fixture(scope="session")
def _sqlite_database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """One a session and worker, as of PostgreSQL: statements are compiled once, not for every test again."""
    return Database(f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/igny8.db")


@pytest.fixture(autouse=True)
def _stages_and_providers_as_before() -> Iterator[None]:
    """A test that puts stages or providers of its own in their place leaves none of them to the next."""
    stages, providers = dict(contract._DEFINED), dict(_PROVIDERS)
    ADAPTERS.clear()
    ADAPTERS.update(providers)
    yield
    if stages:
        contract._DEFINED.clear()
        contract._DEFINED.update(stages)
    ADAPTERS.clear()
    ADAPTERS.update(providers)


@pytest.fixture
def seven_stages() -> Iterator[None]:
    """The real stages, for tests that ask what they say."""
    with the_seven_stages():
        yield
