"""Owns `account-settings show|set` and `system-settings show|set`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import typer
from sqlalchemy.orm import Session

from pipeline.cli.edge import ACTOR, account_of, reading, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, ChangesArgument, JsonOption
from pipeline.cli.output import document, say, setting, table
from pipeline.cli.settings import parsed_changes
from pipeline.core.defaults import AccountDefaults
from pipeline.services import audit, settings
from pipeline.services.settings import Decided

of_account = typer.Typer()
of_system = typer.Typer()


@of_account.command("show")
def show_account(*, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Show what counts for an account's sites, and whether the account or the system decided it."""
    with reading() as session:
        owner = account_of(session, account)
        found, decided = settings.load_account(session, owner.id), settings.decided_for(session, owner.id)
    if as_json:
        document(_account_json(found, decided))
        return
    table(["setting", "", "from"], [(key, setting(of.value), of.source.value) for key, of in decided.items()])


@of_account.command("set")
def set_account(
    changes: ChangesArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False
) -> None:
    """Change what an account decides for its sites: all or nothing. An empty value leaves it to the system."""
    texts = parsed_changes(changes)
    database = ready_database()
    with database.transaction() as session:
        owner = account_of(session, account)
        wanted = settings.from_texts(texts, settings.ACCOUNT_FIELDS)
        found = settings.save_account(session, owner.id, wanted)
        _record(session, owner.id, "account_settings.saved", wanted, now=database.now())
        decided = settings.decided_for(session, owner.id)
    if as_json:
        document(_account_json(found, decided))
        return
    for key in wanted:
        say(f"{key} = {setting(decided[key].value)} (from the {decided[key].source})")


@of_system.command("show")
def show_system(*, as_json: JsonOption = False) -> None:
    """Show what the system decides for all accounts."""
    with reading() as session:
        found = settings.load_system(session).model_dump()
    if as_json:
        document(found)
        return
    table(["setting", ""], [(key, setting(_at(found, key))) for key in settings.SYSTEM_FIELDS])


@of_system.command("set")
def set_system(changes: ChangesArgument, *, as_json: JsonOption = False) -> None:
    """Change what the system decides for all accounts: all of it, or nothing."""
    texts = parsed_changes(changes)
    database = ready_database()
    with database.transaction() as session:
        wanted = settings.from_texts(texts, settings.SYSTEM_FIELDS)
        found = settings.save_system(session, wanted).model_dump()
        _record(session, account_of(session, DEFAULT_ACCOUNT).id, "system_settings.saved", wanted, now=database.now())
    if as_json:
        document(found)
        return
    for key in wanted:
        say(f"{key} = {setting(_at(found, key))}")


def _account_json(found: AccountDefaults, decided: Mapping[str, Decided]) -> dict[str, Any]:
    told = {key: {"value": of.value, "source": of.source.value} for key, of in decided.items()}
    return {**found.model_dump(), "decided": told}


def _at(found: Mapping[str, Any], key: str) -> Any:
    value: Any = found
    for step in key.split("."):
        value = value[step]
    return value


def _record(session: Session, account_id: int, action: str, changes: Mapping[str, Any], *, now: datetime) -> None:
    audit.record(
        session,
        account_id=account_id,
        actor=ACTOR,
        action=action,
        subject_kind="account",
        subject_id=account_id,
        now=now,
        details=changes,
    )
