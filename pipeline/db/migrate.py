"""Owns the schema's version: what the database has, what this program knows, and the way from one to the other.

A program of an older version goes on with a newer schema where the migrations between only added what it does not miss
(`breaks_older = False` in a migration): so workers may run while a database is brought up, and be replaced after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from importlib.resources import files
from typing import Final

import tenacity
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, delete, insert, inspect, select, text

from pipeline.core.errors import NotReadyError
from pipeline.db.collisions import CollisionError
from pipeline.db.session import Database
from pipeline.models.base import table_of
from pipeline.models.schema_floor import SchemaFloor

_FLOORS: Final = table_of(SchemaFloor)
#: Whoever waits for a table keeps all others waiting behind: so it lets go, and asks again a little later.
_LOCK_WAIT: Final = "3s"
_AGAIN_SECONDS: Final = 1
_PATIENCE_SECONDS: Final = 120
#: Of two that bring one database up, one waits. "igny8" as a number.
_LOCK_KEY: Final = 0x69676E7938


class SchemaState(StrEnum):
    """How the database's schema stands to this program's."""

    #: No tables.
    EMPTY = "empty"
    #: The same.
    CURRENT = "current"
    #: Made by an older version.
    BEHIND = "behind"
    #: Made by a newer version, in which this one still finds all it needs.
    AHEAD = "ahead"
    #: Made by a newer version.
    NEWER = "newer"


def schema_state(database: Database) -> SchemaState:
    """Compare the database's revision with the ones this program knows."""
    with database.engine.connect() as connection:
        return _state(connection)


def _state(connection: Connection) -> SchemaState:
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        return SchemaState.EMPTY if "runs" not in inspect(connection).get_table_names() else SchemaState.BEHIND
    known = [script.revision for script in _scripts()]
    if revision == known[0]:
        return SchemaState.CURRENT
    if revision in known:
        return SchemaState.BEHIND
    return SchemaState.AHEAD if _floor(connection) in known else SchemaState.NEWER


def require_current(database: Database) -> None:
    """Raise NotReadyError with the remedy unless this program can work on the schema."""
    state = schema_state(database)
    if state is SchemaState.EMPTY:
        raise NotReadyError("There is no IGNY8 database here yet. Run `igny8 init` first.")
    if state is SchemaState.BEHIND:
        raise NotReadyError("The database was made by an older version. Run `igny8 db upgrade` first.")
    if state is SchemaState.NEWER:
        raise _newer()


def upgrade(database: Database) -> None:
    """Bring the schema up to this program's, all or nothing, also while others work on the database.

    Raises NotReadyError where a newer version made it, or others leave it no moment for two minutes.
    """
    patience = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(CollisionError),
        stop=tenacity.stop_after_delay(_PATIENCE_SECONDS),
        wait=tenacity.wait_fixed(_AGAIN_SECONDS),
    )
    try:
        patience(_upgrade, database)
    except tenacity.RetryError:
        raise NotReadyError(
            "The database was too busy to be brought up: others held what had to be changed. Nothing was changed. "
            "Try again, or stop the workers first."
        ) from None


def _upgrade(database: Database) -> None:
    with database.engine.begin() as connection:
        if not database.is_sqlite:  # which lets only one write.
            connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        if _state(connection) in {SchemaState.NEWER, SchemaState.AHEAD}:
            raise _newer()
        command.upgrade(_alembic(connection), "head")
        connection.execute(delete(_FLOORS))
        connection.execute(insert(_FLOORS).values(id=1, revision=_own_floor()))


def _newer() -> NotReadyError:
    return NotReadyError(
        "The database was made by a newer version of IGNY8 Pipeline than this one. "
        "Install that version, or point IGNY8_DATABASE_URL at another database. Nothing was changed."
    )


def _floor(connection: Connection) -> str | None:
    """The oldest revision whose program may work on the database; None where it does not say."""
    if not inspect(connection).has_table(_FLOORS.name):
        return None
    return connection.scalar(select(_FLOORS.c.revision))


def _own_floor() -> str:
    """The newest revision that programs before it cannot live with."""
    return next(script.revision for script in _scripts() if getattr(script.module, "breaks_older", True))


def _scripts() -> Iterator[Script]:
    """Every migration this program knows, the newest first."""
    return ScriptDirectory.from_config(_alembic()).walk_revisions()


def _alembic(connection: Connection | None = None) -> Config:
    settings = Config()
    settings.set_main_option("script_location", str(files("pipeline.db") / "migrations"))
    settings.attributes["connection"] = connection
    return settings
