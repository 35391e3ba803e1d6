"""Owns `prompts list|show|set|reset`: what the stages tell their models, of an account or of one site."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from pipeline.cli.edge import ACTOR, account_of, load_stages, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption
from pipeline.cli.output import document, say, table
from pipeline.cli.text_files import read_text
from pipeline.services import prompts, sites
from pipeline.services.prompts import InForce, PromptedStage

app = typer.Typer()

StageArgument = Annotated[
    PromptedStage, typer.Argument(metavar="STAGE", help="The stage, by its key.", show_default=False)
]
SiteOption = Annotated[
    str | None, typer.Option("--site", metavar="SITE", help="Of this site alone; without it, of the account.")
]
FileArgument = Annotated[
    str,
    typer.Argument(metavar="FILE", help="A text file in UTF-8; - reads what is piped in.", show_default=False),
]


@app.command("list")
def list_all(*, site: SiteOption = None, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """List the stages that tell a model something, and whose words they use."""
    load_stages()
    with ready_database().reading() as session:
        account_id, site_id = _whose(session, account, site)
        found = [prompts.get_prompt(session, which, account_id=account_id, site_id=site_id) for which in PromptedStage]
    if as_json:
        document([prompt_json(each) for each in found])
        return
    rows = [(each.stage.value, each.name, each.origin.value, each.version, each.created_at) for each in found]
    table(["stage", "name", "words of", "version", "since"], rows, right=["version"])


@app.command("show")
def show(
    which: StageArgument,
    *,
    site: SiteOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Show what a stage tells its model."""
    load_stages()
    with ready_database().reading() as session:
        account_id, site_id = _whose(session, account, site)
        found = prompts.get_prompt(session, which, account_id=account_id, site_id=site_id)
    if as_json:
        document(prompt_json(found))
    else:
        say(found.text)


@app.command("set")
def set_words(
    which: StageArgument,
    file: FileArgument,
    *,
    site: SiteOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Let a stage tell its model the words of a file, from the next run on; what was before stays a version."""
    _save(which, read_text(file), site=site, account=account, as_json=as_json)


@app.command("reset")
def reset(
    which: StageArgument,
    *,
    site: SiteOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Go back: a site to its account's words, an account to the stage's own."""
    _save(which, None, site=site, account=account, as_json=as_json)


def prompt_json(found: InForce) -> dict[str, Any]:
    """A prompt as every command prints it."""
    names = ("stage", "name", "text", "origin", "version", "created_at", "placeholders")
    return {name: getattr(found, name) for name in names}


def _save(which: PromptedStage, text: str | None, *, site: str | None, account: str, as_json: bool) -> None:
    load_stages()
    database = ready_database()
    with database.transaction() as session:
        account_id, site_id = _whose(session, account, site)
        found = prompts.save(
            session, which, text, account_id=account_id, site_id=site_id, actor=ACTOR, now=database.now()
        )
    if as_json:
        document(prompt_json(found))
        return
    version = "" if found.version is None else f", version {found.version}"
    say(f"{found.name} uses the words of the {found.origin.value}{version}, from the next run on.")


def _whose(session: Session, account: str, site: str | None) -> tuple[int, int | None]:
    owner = account_of(session, account)
    return owner.id, None if site is None else sites.find_site(session, owner.id, site).id
