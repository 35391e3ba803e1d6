"""Owns `users add|list|disable|enable|password|role|sites|totp-reset`.

A password is read from stdin, or made and shown once.
"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from pipeline.cli.edge import ACTOR, account_of, reading, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption
from pipeline.cli.output import document, note, say, table
from pipeline.core.roles import Role
from pipeline.models import User
from pipeline.services import audit, log_ins, passwords, second_factors, site_access, sites, users

app = typer.Typer()

EmailArgument = Annotated[str, typer.Argument(metavar="EMAIL", help="The address they log in by.", show_default=False)]
UserArgument = Annotated[
    str, typer.Argument(metavar="USER", help="The person, by e-mail address or id.", show_default=False)
]
RoleOption = Annotated[
    Role, typer.Option("--role", help="What they may: run the installation, everything, work, or look.")
]
RoleArgument = Annotated[Role, typer.Argument(metavar="ROLE", help=f"One of {', '.join(Role)}.", show_default=False)]
NameOption = Annotated[str, typer.Option("--name", help="What they are called.")]
SitesOption = Annotated[
    list[str] | None,
    typer.Option("--site", metavar="SITE", help="Only this site is there for them; may be given several times."),
]
StdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from stdin, one line; else one is made and shown.")
]


@app.command("add")
def add(
    email: EmailArgument,
    *,
    role: RoleOption = Role.EDITOR,
    name: NameOption = "",
    only: SitesOption = None,
    from_stdin: StdinOption = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Add a person to an account, so that they can log in."""
    database = ready_database()
    password = _password(from_stdin=from_stdin)
    password_hash = passwords.hashed(password)
    now = database.now()
    with database.transaction() as session:
        owner = account_of(session, account)
        user = users.add(
            session,
            account_id=owner.id,
            email=email,
            role=role,
            name=name,
            password_hash=password_hash,
            site_ids=_site_ids(session, owner.id, only),
            now=now,
        )
        _record(session, user, "user.added", now=now, role=role.value)
        shown = _json(session, user)
    _tell(shown, None if from_stdin else password, as_json=as_json)


@app.command("list")
def list_all(*, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """List the people of an account."""
    with reading() as session:
        found = [_json(session, user) for user in users.list_users(session, account_id=account_of(session, account).id)]
    if as_json:
        document(found)
        return
    if not found:
        say("Nobody yet: igny8 users add EMAIL")
        return
    rows = [
        (
            each["id"],
            each["email"],
            each["name"],
            each["role"],
            "all" if each["site_ids"] is None else ", ".join(map(str, each["site_ids"])) or "none",
            f"{each['last_log_in_at']:%Y-%m-%d}" if each["last_log_in_at"] else "",
            f"{each['disabled_at']:%Y-%m-%d}" if each["disabled_at"] else "",
        )
        for each in found
    ]
    table(("id", "e-mail", "name", "role", "sites", "last log-in", "disabled"), rows, right=["id"])


@app.command("disable")
def disable(user: UserArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Let a person in no more: their log-ins end, their keys are refused."""
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        row = _found(session, account, user)
        users.disable(session, row, now=now)
        _record(session, row, "user.disabled", now=now)
        shown = _json(session, row)
    if as_json:
        document(shown)
        return
    say(f"{row.email} is not let in any more. Back again: igny8 users enable {row.email}")


@app.command("enable")
def enable(user: UserArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Let a person in again."""
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        row = _found(session, account, user)
        users.enable(session, row)
        _record(session, row, "user.enabled", now=now)
        shown = _json(session, row)
    if as_json:
        document(shown)
        return
    say(f"{row.email} is let in again.")


@app.command("password")
def password(
    user: UserArgument,
    *,
    from_stdin: StdinOption = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Give a person another password; every log-in of theirs ends."""
    database = ready_database()
    chosen = _password(from_stdin=from_stdin)
    password_hash = passwords.hashed(chosen)
    now = database.now()
    with database.transaction() as session:
        row = _found(session, account, user)
        ended = users.set_password(session, row, password_hash)
        _record(session, row, "user.password_reset", now=now)
        shown = _json(session, row)
    note(f"Log-ins that ended: {ended}.")
    _tell(shown, None if from_stdin else chosen, as_json=as_json)


@app.command("totp-reset")
def totp_reset(user: UserArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Ask a person for one-time codes no more, whose app and recovery codes are gone; every log-in of theirs ends."""
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        row = _found(session, account, user)
        was_on = second_factors.turn_off(session, row.id)
        if was_on:
            log_ins.end_all(session, row.id)
            _record(session, row, "user.codes_reset", now=now)
        shown = _json(session, row)
    if as_json:
        document({**shown, "was_on": was_on})
        return
    say(f"{row.email} logs in by password alone{' from now on' if was_on else ', as before'}.")


@app.command("role")
def set_role(
    user: UserArgument,
    role: RoleArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Let a person do more or less, from their next request on."""
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        row = _found(session, account, user)
        users.set_role(session, row, role)
        _record(session, row, "user.role_set", now=now, role=role.value)
        shown = _json(session, row)
    if as_json:
        document(shown)
        return
    say(f"{row.email} has the role {role} from now on.")


@app.command("sites")
def set_sites(
    user: UserArgument,
    *,
    only: SitesOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Let only some sites be there for a person; without --site, all of the account again."""
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        row = _found(session, account, user)
        site_ids = _site_ids(session, row.account_id, only)
        users.set_sites(session, row, site_ids)
        _record(session, row, "user.sites_set", now=now, site_ids=site_ids)
        shown = _json(session, row)
    if as_json:
        document(shown)
        return
    reached = "every site of the account" if site_ids is None else f"sites {', '.join(map(str, site_ids))}"
    say(f"For {row.email} there is {reached}.")


def _password(*, from_stdin: bool) -> str:
    """The line of stdin without its end, or one that is made. InvalidValueError for one that is not allowed."""
    if not from_stdin:
        return passwords.make()
    given = sys.stdin.readline().rstrip("\r\n")
    passwords.refuse(given)
    return given


def _tell(shown: dict[str, Any], made: str | None, *, as_json: bool) -> None:
    """Show a person; a password that was made is shown here and nowhere else."""
    if as_json:
        document(shown if made is None else {**shown, "password": made})
        return
    say(f"{shown['email']} ({shown['role']}, user {shown['id']}) can log in.")
    if made is not None:
        say(f"Password, shown this once: {made}")


def _found(session: Session, account: str, user: str) -> User:
    return users.find_user(session, account_id=account_of(session, account).id, email_or_id=user)


def _site_ids(session: Session, account_id: int, names: list[str] | None) -> list[int] | None:
    return sorted({sites.find_site(session, account_id, name).id for name in names}) if names else None


def _json(session: Session, user: User) -> dict[str, Any]:
    names = ("id", "email", "name", "created_at", "last_log_in_at", "disabled_at")
    told = {name: getattr(user, name) for name in names}
    return {**told, "role": users.role_of(user), "site_ids": site_access.sites_of(session, user)}


def _record(session: Session, user: User, action: str, *, now: datetime, **details: Any) -> None:
    audit.record(
        session,
        account_id=user.account_id,
        actor=ACTOR,
        action=action,
        subject_kind="user",
        subject_id=user.id,
        now=now,
        details=details,
    )
