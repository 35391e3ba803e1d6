"""A database says how old a program may be that works on it; it is brought up by one at a time, while others work."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import select, text, update

from pipeline.config import Config
from pipeline.core.errors import NotReadyError
from pipeline.db import migrate
from pipeline.db.migrate import SchemaState, _alembic, require_current, schema_state, upgrade
from pipeline.db.session import Database
from pipeline.local.doctor import check_migrations
from pipeline.models import SchemaFloor
from tests.support.postgres import PostgresServer

_HEAD = str(ScriptDirectory.from_config(_alembic()).get_current_head())
_SCRIPTS = list(ScriptDirectory.from_config(_alembic()).walk_revisions())


@pytest.fixture(params=("sqlite", "postgresql"))
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without a table."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/igny8.db")
    else:
        database = _of_server(request, "igny8_schema_floor")
    yield database
    database.dispose()


@pytest.fixture
def on_server(request: pytest.FixtureRequest) -> Iterator[Database]:
    """The same, on PostgreSQL alone: SQLite lets only one write."""
    database = _of_server(request, "igny8_schema_floor_server")
    yield database
    database.dispose()


def _of_server(request: pytest.FixtureRequest, name: str) -> Database:
    server: PostgresServer = request.getfixturevalue("postgres")
    return Database(server.create_database(name))


def _made_by_a_newer_version(database: Database, *, floor: str) -> None:
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        session.execute(update(SchemaFloor).values(revision=floor))


def _floor(database: Database) -> str | None:
    with database.reading() as session:
        return session.scalars(select(SchemaFloor.revision)).one_or_none()


def test_a_database_says_from_which_program_on_it_can_be_worked_on(fresh: Database) -> None:
    upgrade(fresh)

    breaking = [script.revision for script in _SCRIPTS if getattr(script.module, "breaks_older", True)]
    assert _floor(fresh) == breaking[0]


def test_an_older_program_goes_on_where_nothing_it_needs_is_gone(fresh: Database) -> None:
    upgrade(fresh)
    _made_by_a_newer_version(fresh, floor=_HEAD)

    require_current(fresh)

    assert schema_state(fresh) is SchemaState.AHEAD
    found = check_migrations(Config(database_url=fresh.url))
    assert found.ok
    assert "a newer version's" in found.detail


def test_an_older_program_neither_brings_up_nor_takes_down_what_is_ahead_of_it(fresh: Database) -> None:
    upgrade(fresh)
    _made_by_a_newer_version(fresh, floor=_HEAD)

    with pytest.raises(NotReadyError, match="made by a newer version"):
        upgrade(fresh)

    assert schema_state(fresh) is SchemaState.AHEAD
    assert _floor(fresh) == _HEAD


def test_an_older_program_is_refused_where_something_it_needs_is_gone(fresh: Database) -> None:
    upgrade(fresh)
    _made_by_a_newer_version(fresh, floor="9998")

    with pytest.raises(NotReadyError, match="made by a newer version"):
        require_current(fresh)


def test_a_database_of_a_version_that_says_nothing_is_brought_up_and_says_it_then(fresh: Database) -> None:
    with fresh.engine.begin() as connection:
        command.upgrade(_alembic(connection), "0019")

    with pytest.raises(NotReadyError, match="igny8 db upgrade"):
        require_current(fresh)
    upgrade(fresh)

    assert schema_state(fresh) is SchemaState.CURRENT
    assert _floor(fresh)


def test_of_two_that_bring_a_database_up_one_waits(on_server: Database) -> None:
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda _: upgrade(on_server), range(2)))

    assert schema_state(on_server) is SchemaState.CURRENT
    assert _floor(on_server)


def test_what_holds_the_tables_for_too_long_is_told_and_nothing_is_changed(
    on_server: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_LOCK_WAIT", "100ms")
    monkeypatch.setattr(migrate, "_PATIENCE_SECONDS", 0.1)
    with on_server.engine.begin() as connection:
        command.upgrade(_alembic(connection), "0018")

    with on_server.engine.begin() as busy:
        busy.execute(text("LOCK TABLE ai_calls IN ROW EXCLUSIVE MODE"))  # as whoever writes a call.
        with pytest.raises(NotReadyError, match="too busy"):
            upgrade(on_server)
        assert schema_state(on_server) is SchemaState.BEHIND
    upgrade(on_server)

    assert schema_state(on_server) is SchemaState.CURRENT
