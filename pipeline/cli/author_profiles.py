"""Owns `author-profiles list|show|add|edit|delete|restore|choose`: whom an account's sites may write as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from pipeline.cli.edge import ACTOR, account_of, reading, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, SiteArgument
from pipeline.cli.output import document, say, table
from pipeline.cli.text_files import read_text
from pipeline.core.errors import InvalidValueError
from pipeline.models import AuthorProfile, Site
from pipeline.services import author_profiles, site_authors, sites

app = typer.Typer()

ProfileArgument = Annotated[
    str, typer.Argument(metavar="PROFILE", help="The author profile, by name or id.", show_default=False)
]
ChosenArgument = Annotated[
    str | None,
    typer.Argument(metavar="PROFILE", help="By name or id; without it, the site keeps the words as its own."),
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What it is called.", show_default=False)]
FileArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="Its words: a text file in UTF-8; - reads what is piped in.", show_default=False
    ),
]
NameOption = Annotated[str | None, typer.Option("--name", help="Another name.")]
FileOption = Annotated[
    str | None, typer.Option("--file", help="Other words: a text file in UTF-8; - reads what is piped in.")
]
DeletedOption = Annotated[bool, typer.Option("--deleted", help="Those that can be restored, instead.")]


@app.command("list")
def list_all(
    *, deleted: DeletedOption = False, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False
) -> None:
    """List whom the account's sites may write as, and which do."""
    with reading() as session:
        listed = author_profiles.list_deleted if deleted else author_profiles.list_profiles
        found = listed(session, account_id=account_of(session, account).id)
        used = author_profiles.sites_of(session, [row.id for row in found])
    if as_json:
        document([profile_json(row, used[row.id]) for row in found])
        return
    rows = [(row.id, row.name, len(row.text), _named(used[row.id])) for row in found]
    table(["id", "name", "characters", "sites"], rows, right=["id", "characters"])


@app.command("show")
def show(profile: ProfileArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Show an author profile."""
    with reading() as session:
        row = author_profiles.find_profile(session, account_of(session, account).id, profile)
        used_by = author_profiles.sites_of(session, [row.id])[row.id]
    if as_json:
        document(profile_json(row, used_by))
        return
    say(row.text)


@app.command("add")
def add(
    name: NameArgument,
    file: FileArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Add somebody to write as, their words in a file."""
    text = read_text(file)
    database = ready_database()
    with database.transaction() as session:
        owner = account_of(session, account)
        row = author_profiles.add(session, account_id=owner.id, name=name, text=text, actor=ACTOR, now=database.now())
    if as_json:
        document(profile_json(row, ()))
        return
    say(f"Author profile {row.id}, {row.name}, is ready.")
    say(f'Next: igny8 author-profiles choose SITE "{row.name}"')


@app.command("edit")
def edit(
    profile: ProfileArgument,
    *,
    name: NameOption = None,
    file: FileOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Give an author profile another name or other words; the settings of its sites say them at once."""
    if name is None and file is None:
        raise InvalidValueError("Say what to change: --name, --file, or both.")
    text = None if file is None else read_text(file)
    database = ready_database()
    with database.transaction() as session:
        row = author_profiles.find_profile(session, account_of(session, account).id, profile)
        changed = author_profiles.edit(session, row, name=name, text=text, actor=ACTOR, now=database.now())
        used_by = author_profiles.sites_of(session, [row.id])[row.id]
    if as_json:
        document(profile_json(row, used_by))
        return
    told = f"{row.name} is edited. Sites that write as it: {_named(used_by) or 'none'}."
    say(told if changed else "It says all that already: nothing was changed.")


@app.command("delete")
def delete(profile: ProfileArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Delete an author profile, for 30 days so that it can be restored; its sites keep the words as their own."""
    database = ready_database()
    with database.transaction() as session:
        row = author_profiles.find_profile(session, account_of(session, account).id, profile)
        used_by = author_profiles.remove(session, row, actor=ACTOR, now=database.now())
    if as_json:
        document(profile_json(row, used_by))
        return
    say(f"{row.name} is deleted. Sites that keep its words as their own: {_named(used_by) or 'none'}.")
    say(f"Within 30 days it can be restored: igny8 author-profiles restore {row.id}")


@app.command("restore")
def restore(profile: ProfileArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Have a deleted author profile back; sites choose it anew."""
    database = ready_database()
    with database.transaction() as session:
        owner = account_of(session, account)
        row = author_profiles.find_profile(session, owner.id, profile, deleted=True)
        author_profiles.restore(session, account_id=owner.id, profile_id=row.id, actor=ACTOR, now=database.now())
    if as_json:
        document(profile_json(row, ()))
        return
    say(f"{row.name} is back.")


@app.command("choose")
def choose(
    site: SiteArgument,
    profile: ChosenArgument = None,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Let a site write as an author profile and follow its edits; without one, it keeps the words as its own."""
    database = ready_database()
    with database.transaction() as session:
        owner = account_of(session, account)
        row = sites.find_site(session, owner.id, site)
        wanted = None if profile is None else author_profiles.find_profile(session, owner.id, profile).id
        author = site_authors.choose(session, row, profile_id=wanted, actor=ACTOR, now=database.now())
    if as_json:
        document({"site_id": row.id, "author_profile_id": None if author is None else author.id})
        return
    as_whom = "nobody but its own words" if author is None else author.name
    say(f"{row.name} writes as {as_whom}, from the next run on.")


def profile_json(row: AuthorProfile, used_by: Sequence[Site]) -> dict[str, Any]:
    """An author profile as every command prints it."""
    names = ("id", "name", "text", "created_at", "updated_at", "deleted_at")
    told = {name: getattr(row, name) for name in names}
    return {**told, "sites": [{"id": site.id, "name": site.name} for site in used_by]}


def _named(used_by: Sequence[Site]) -> str:
    return ", ".join(site.name for site in used_by)
