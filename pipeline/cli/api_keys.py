"""Owns `api-keys create|list|revoke`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from pipeline.cli.edge import ACTOR, account_of, reading, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, LARGEST_ID, AccountOption, JsonOption
from pipeline.cli.output import document, note, say, table
from pipeline.core.roles import Role, Scope
from pipeline.models import ApiKey
from pipeline.services import api_keys, audit
from pipeline.services.api_keys import MAX_EXPIRES_DAYS

app = typer.Typer()

RoleOption = Annotated[Role, typer.Option("--role", help="What it may: everything, work, or look.", show_default=False)]
NameOption = Annotated[str, typer.Option("--name", help="What you call it, such as the program that uses it.")]
DaysOption = Annotated[
    int | None,
    typer.Option(
        "--expires-days", min=1, max=MAX_EXPIRES_DAYS, help="Refuse it after so many days.", show_default=False
    ),
]
ScopeOption = Annotated[
    list[Scope] | None, typer.Option("--scope", help="Only this part of the API; may be given several times.")
]
KeyArgument = Annotated[
    int, typer.Argument(metavar="ID", max=LARGEST_ID, help="The key, by its id.", show_default=False)
]


@app.command("create")
def create(
    *,
    role: RoleOption,
    name: NameOption = "",
    expires_days: DaysOption = None,
    scopes: ScopeOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Make an API key. It is shown now and never again."""
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        owner = account_of(session, account)
        made = api_keys.make_key(
            session,
            account_id=owner.id,
            role=role,
            name=name,
            expires_days=expires_days,
            scopes=scopes or (),
            now=now,
        )
        _record(session, made.row, "api_key.created", now=now)
    if as_json:
        document({"key": made.key, **_json(made.row)})
        return
    say(made.key)
    note(f"This is key {made.row.id} of account {owner.name}. Keep it: it is shown only now.")
    note("Send it as a header: Authorization: Bearer KEY")


@app.command("list")
def list_all(*, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """List an account's API keys, by how they begin."""
    with reading() as session:
        found = api_keys.list_keys(session, account_id=account_of(session, account).id)
    if as_json:
        document([_json(row) for row in found])
        return
    if not found:
        say("No API key yet: igny8 api-keys create --role ROLE")
        return
    columns = ("id", "key", "name", "role", "scopes", "last used", "expires", "revoked")
    days = [(row.last_used_at, row.expires_at, row.revoked_at) for row in found]
    rows = [
        (
            row.id,
            f"{row.prefix}…",
            row.name,
            row.role,
            ", ".join(row.scopes),
            *(f"{at:%Y-%m-%d}" if at else "" for at in ats),
        )
        for row, ats in zip(found, days, strict=True)
    ]
    table(columns, rows, right=["id"])


@app.command("revoke")
def revoke(key_id: KeyArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Refuse an API key from now on."""
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        row = api_keys.revoke(session, account_id=account_of(session, account).id, key_id=key_id, now=now)
        _record(session, row, "api_key.revoked", now=now)
    if as_json:
        document(_json(row))
        return
    say(f"Key {row.id} ({row.prefix}…) is refused from now on.")


def _record(session: Session, row: ApiKey, action: str, *, now: datetime) -> None:
    audit.record(
        session,
        account_id=row.account_id,
        actor=ACTOR,
        action=action,
        subject_kind="api_key",
        subject_id=row.id,
        now=now,
        details={"prefix": row.prefix, "role": row.role},
    )


def _json(row: ApiKey) -> dict[str, Any]:
    names = ("id", "prefix", "name", "role", "scopes", "created_at", "last_used_at", "expires_at", "revoked_at")
    return {name: getattr(row, name) for name in names}
