"""Owns `api-keys create|list|rotate|revoke`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from pipeline.cli.edge import ACTOR, account_of, reading, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, LARGEST_ID, AccountOption, JsonOption
from pipeline.cli.output import document, note, say, table
from pipeline.core.roles import Role, Scope
from pipeline.models import ApiKey
from pipeline.services import api_keys, audit, site_access, sites
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
SitesOption = Annotated[
    list[str] | None,
    typer.Option("--site", metavar="SITE", help="Only this site is there for it; may be given several times."),
]
OverlapOption = Annotated[
    int, typer.Option("--overlap-minutes", min=0, max=1_440, help="Take the old key for so long beside the new one.")
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
    only: SitesOption = None,
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
            site_ids={sites.find_site(session, owner.id, name).id for name in only} if only else None,
            now=now,
        )
        _record(session, made.row, "api_key.created", now=now)
        shown = _json(session, made.row)
    if as_json:
        document({"key": made.key, **shown})
        return
    say(made.key)
    note(f"This is key {made.row.id} of account {owner.name}. Keep it: it is shown only now.")
    note("Send it as a header: Authorization: Bearer KEY")


@app.command("list")
def list_all(*, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """List an account's API keys, by how they begin."""
    with reading() as session:
        found = api_keys.list_keys(session, account_id=account_of(session, account).id)
        shown = [_json(session, row) for row in found]
    if as_json:
        document(shown)
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
            api_keys.role_of(row),
            ", ".join(row.scopes),
            *(f"{at:%Y-%m-%d}" if at else "" for at in ats),
        )
        for row, ats in zip(found, days, strict=True)
    ]
    table(columns, rows, right=["id"])


@app.command("rotate")
def rotate(
    key_id: KeyArgument,
    *,
    overlap_minutes: OverlapOption = 0,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Replace an API key by another one like it, which is shown now and never again."""
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        row = api_keys.get_key(session, account_id=account_of(session, account).id, key_id=key_id)
        made = api_keys.rotate(session, row, now=now, overlap=timedelta(minutes=overlap_minutes))
        _record(session, made.row, "api_key.rotated", now=now)
        shown = _json(session, made.row)
    if as_json:
        document({"key": made.key, **shown})
        return
    say(made.key)
    until = f"in {overlap_minutes} minutes" if overlap_minutes else "from now on"
    note(f"This is key {made.row.id}; key {row.id} is refused {until}. Keep it: it is shown only now.")


@app.command("revoke")
def revoke(key_id: KeyArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Refuse an API key from now on."""
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        row = api_keys.revoke(session, account_id=account_of(session, account).id, key_id=key_id, now=now)
        _record(session, row, "api_key.revoked", now=now)
        shown = _json(session, row)
    if as_json:
        document(shown)
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


def _json(session: Session, row: ApiKey) -> dict[str, Any]:
    names = ("id", "prefix", "name", "scopes", "created_at", "last_used_at", "expires_at", "revoked_at")
    told = {name: getattr(row, name) for name in names}
    return {**told, "role": api_keys.role_of(row), "site_ids": site_access.sites_of(session, row)}
