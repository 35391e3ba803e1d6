"""Owns `init` and `db upgrade`: what an installation needs before anything else works."""

from __future__ import annotations

import typer

from pipeline.cli.edge import existing_database, prepared_database
from pipeline.cli.first_log_in import make_first_log_in
from pipeline.cli.options import JsonOption
from pipeline.cli.output import document, say
from pipeline.config import config
from pipeline.core.money import credit_string, shown
from pipeline.services import credits as ledger
from pipeline.services.accounts import find_account

db_app = typer.Typer()


def init(*, as_json: JsonOption = False) -> None:
    """Make the database, the account `default` with 10,000 welcome credits, and the offline models.

    May be run again: what is there stays as it is.
    """
    from pipeline.secrets import ensure_secrets

    database = prepared_database()
    home = config().home
    ensure_secrets(home)
    first = make_first_log_in(database)
    with database.reading() as session:
        account = find_account(session)
        available = ledger.balance(session, account.id).available_ucr
    if as_json:
        shown_account = {"id": account.id, "name": account.name, "available": credit_string(available)}
        document({"home": home, "account": shown_account, "first_log_in": first and first.as_json()})
        return
    say(f"Ready in {home}: account {account.name} has {shown(available)} credits.")
    if first:
        say(first.sentence)
    say("Next: igny8 up, then log in at the address it prints; or igny8 demo to see it all.")


@db_app.command("upgrade")
def upgrade(*, as_json: JsonOption = False) -> None:
    """Bring the database up to this version of the program."""
    from pipeline.db.migrate import schema_state
    from pipeline.db.migrate import upgrade as bring_up

    database = existing_database()
    before = schema_state(database)
    bring_up(database)
    if as_json:
        document({"before": before, "now": schema_state(database)})
        return
    say("The database is up to date." if before == "current" else "The database was brought up to date.")
