"""Owns `account add`."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.edge import ACTOR, ready_database
from pipeline.cli.options import JsonOption
from pipeline.cli.output import document, say
from pipeline.services import accounts, audit

app = typer.Typer()

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="What it is called, 1 to 100 characters.", show_default=False)
]


@app.callback()
def group() -> None:
    """Accounts: add one."""


@app.command("add")
def add(name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Add an account; it has no credits until it is granted some."""
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        account = accounts.add_account(session, name=name, now=now)
        audit.record(
            session,
            account_id=account.id,
            actor=ACTOR,
            action="account.added",
            subject_kind="account",
            subject_id=account.id,
            now=now,
        )
    if as_json:
        document({"id": account.id, "name": account.name, "created_at": account.created_at})
        return
    say(f"Account {account.id}, {account.name}, is ready.")
    say(f'Next: igny8 credits grant AMOUNT --account "{account.name}"')
