"""Owns `keys rotate`: a new key for every secret that is kept."""

from __future__ import annotations

from typing import Final

import typer

from pipeline.cli.edge import ACTOR, account_of, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, JsonOption
from pipeline.cli.output import document, note, say
from pipeline.config import config
from pipeline.db.session import Database
from pipeline.secrets import FILE_NAME, Keyring, add_key
from pipeline.services import audit, key_changes
from pipeline.services.key_changes import Place

app = typer.Typer()
_FAILURE: Final = 1


@app.callback()
def group() -> None:
    """Keys that secrets are encrypted with."""


@app.command("rotate")
def rotate(*, as_json: JsonOption = False) -> None:
    """Make a new encryption key and put every stored secret under it; keys before it still decrypt."""
    database = ready_database()
    home = config().home
    keys = add_key(home)
    renewed, unreadable = 0, []
    for place in key_changes.places():
        count, strange = _renew_all(database, place, keys)
        renewed += count
        unreadable += [f"{place.name} {row_id}" for row_id in strange]
    with database.transaction() as session:
        account = account_of(session, DEFAULT_ACCOUNT)
        audit.record(
            session,
            account_id=account.id,
            actor=ACTOR,
            action="keys.rotated",
            subject_kind="account",
            subject_id=account.id,
            now=database.now(),
            details={"key": keys.newest, "renewed": renewed},
        )
    if as_json:
        document({"key": keys.newest, "renewed": renewed, "unreadable": unreadable})
    else:
        say(f"Key {keys.newest} encrypts from now on; {renewed} stored secrets are under it.")
        say(f"It is in {home / FILE_NAME}: back that file up together with the database.")
    if unreadable:
        note(f"None of the keys decrypts {', '.join(unreadable)}. Set these secrets again.")
        raise typer.Exit(_FAILURE)


def _renew_all(database: Database, place: Place, keys: Keyring) -> tuple[int, list[int]]:
    """One place, a transaction a portion: how many were renewed, and the ids of those that nothing decrypts."""
    renewed, strange, after = 0, list[int](), 0
    while True:
        with database.transaction() as session:
            portion = key_changes.renew(session, place, after=after, keys=keys)
        renewed += portion.renewed
        strange += portion.unreadable
        if portion.last_id is None:
            return renewed, strange
        after = portion.last_id
