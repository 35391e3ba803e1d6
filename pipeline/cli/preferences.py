"""Owns `preferences show|set`: what one person prefers in how pages look."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.edge import account_of, reading, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption
from pipeline.cli.output import document, say, setting, table
from pipeline.cli.settings import parsed_changes
from pipeline.cli.users import UserArgument
from pipeline.services import settings, users

app = typer.Typer()

ChosenArgument = Annotated[
    list[str], typer.Argument(metavar="KEY=VALUE...", help="Such as theme=dark or page_size=100.", show_default=False)
]


@app.command("show")
def show(user: UserArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Show what a person prefers."""
    with reading() as session:
        row = users.find_user(session, account_id=account_of(session, account).id, email_or_id=user)
        found = settings.load_preferences(session, row.id).model_dump()
    if as_json:
        document(found)
        return
    table(["preference", ""], [(key, setting(value)) for key, value in found.items()])


@app.command("set")
def set_some(
    user: UserArgument,
    changes: ChosenArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Change what a person prefers: all of it, or nothing. An empty value gives back the default."""
    texts = parsed_changes(changes)
    given_back = {key for key, text in texts.items() if not text.strip() and key in settings.PREFERENCES}
    chosen = {key: text for key, text in texts.items() if key not in given_back}
    values = settings.from_texts(chosen, settings.PREFERENCES) | dict.fromkeys(given_back)
    with ready_database().transaction() as session:
        row = users.find_user(session, account_id=account_of(session, account).id, email_or_id=user)
        saved = settings.save_preferences(session, account_id=row.account_id, user_id=row.id, changes=values)
    found = saved.model_dump()
    if as_json:
        document(found)
        return
    for key in texts:
        say(f"{key} = {setting(found[key])}")
