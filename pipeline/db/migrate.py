"""Owns the schema's version: what the database has, what this program knows, and the way from one to the other."""

from __future__ import annotations

from enum import StrEnum
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from pipeline.core.errors import NotReadyError
from pipeline.db.session import Database


class SchemaState(StrEnum):
    """How the database's schema stands to this program's."""

    #: No tables.
    EMPTY = "empty"
    #: The same.
    CURRENT = "current"
    #: Made by an older version.
    BEHIND = "behind"
    #: Made by a newer version.
    NEWER = "newer"


def schema_state(database: Database) -> SchemaState:
    """Compare the database's revision with the ones this program knows."""
    with database.engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
        if revision is None:
            return SchemaState.EMPTY if "runs" not in inspect(connection).get_table_names() else SchemaState.BEHIND
    script = ScriptDirectory.from_config(_alembic())
    if revision == script.get_current_head():
        return SchemaState.CURRENT
    known = {entry.revision for entry in script.walk_revisions()}
    return SchemaState.BEHIND if revision in known else SchemaState.NEWER


def require_current(database: Database) -> None:
    """Raise NotReadyError with the remedy unless the schema is this program's."""
    state = schema_state(database)
    if state is SchemaState.EMPTY:
        raise NotReadyError("There is no IGNY8 database here yet. Run `igny8 init` first.")
    if state is SchemaState.BEHIND:
        raise NotReadyError("The database was made by an older version. Run `igny8 db upgrade` first.")
    if state is SchemaState.NEWER:
        raise _newer()


def upgrade(database: Database) -> None:
    """Bring the schema up to this program's; NotReadyError where a newer version made it."""
    if schema_state(database) is SchemaState.NEWER:
        raise _newer()
    with database.engine.begin() as connection:
        command.upgrade(_alembic(connection), "head")


def _newer() -> NotReadyError:
    return NotReadyError(
        "The database was made by a newer version of IGNY8 Pipeline than this one. "
        "Install that version, or point IGNY8_DATABASE_URL at another database. Nothing was changed."
    )


def _alembic(connection: Connection | None = None) -> Config:
    settings = Config()
    settings.set_main_option("script_location", str(files("pipeline.db") / "migrations"))
    settings.attributes["connection"] = connection
    return settings
