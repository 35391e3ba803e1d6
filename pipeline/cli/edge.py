"""Owns how a command reaches the database: only a prepared one, in one transaction; and how it knows the stages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import make_url
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.core.errors import InvalidValueError, NotReadyError
from pipeline.db.migrate import require_current, upgrade
from pipeline.db.session import Database, database
from pipeline.models import Account
from pipeline.private import make_database_file, make_home
from pipeline.services.accounts import find_account, init_installation
from pipeline.services.keyword_library import add_starting_set

#: Who did it, in the audit trail.
ACTOR: Final = "cli"


def ready_database() -> Database:
    """The database of this installation; NotReadyError with the remedy where there is none of this version."""
    found = existing_database()
    require_current(found)
    return found


def existing_database() -> Database:
    """The database of this installation, whatever its version; NotReadyError where there is none."""
    file = sqlite_file()
    if file is not None and not file.is_file():
        # Connecting would make an empty one.
        raise NotReadyError("There is no IGNY8 database here yet. Run `igny8 init` first.")
    return database()


def prepared_database() -> Database:
    """The same, made or brought up to date first, with account, credits, models, and keywords to begin with."""
    file = sqlite_file()
    if file is not None:
        make_home(file.parent)
        make_database_file(file)
    found = database()
    upgrade(found)
    with found.transaction() as session:
        init_installation(session, now=found.now())
        add_starting_set(session)
    return found


@contextmanager
def reading() -> Iterator[Session]:
    """A session that only reads."""
    with ready_database().reading() as session:
        yield session


@contextmanager
def writing() -> Iterator[Session]:
    """One transaction: everything a command does, or nothing."""
    with ready_database().transaction() as session:
        yield session


def account_of(session: Session, name_or_id: str) -> Account:
    """The account that a command is about."""
    return find_account(session, name_or_id)


def load_stages() -> None:
    """Know the stages: they are imported as the app says, by no name in this program. Raises InvalidValueError."""
    from pipeline.engine.app import app

    try:
        app.loader.import_default_modules()
    except ModuleNotFoundError as error:
        module = config().stages_module
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # A module of theirs is there and wants another one.
        raise InvalidValueError(
            f"IGNY8_STAGES: there is no module {module!r}. Remove it to use the seven stages."
        ) from None


def sqlite_file() -> Path | None:
    """The file of the database; None where it is a server's, or in memory."""
    url = make_url(config().database_url)
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)
