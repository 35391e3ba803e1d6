"""Owns `keyword-library list|show|take|import|remove`: keywords to begin with, and what a site takes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.edge import ACTOR, account_of, reading, ready_database
from pipeline.cli.keywords import tell_report
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, LimitOption, SiteArgument
from pipeline.cli.output import document, note, say, table
from pipeline.core.words import counted
from pipeline.services import keyword_library, sites
from pipeline.services.keyword_files import open_keyword_file

app = typer.Typer()

IndustryArgument = Annotated[str, typer.Argument(metavar="INDUSTRY", help="By its name.", show_default=False)]
SectorArgument = Annotated[str, typer.Argument(metavar="SECTOR", help="By its name.", show_default=False)]
FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="A file of keywords.", show_default=False)]
HoldingOption = Annotated[str, typer.Option("--text", help="Only those that hold this text.")]


@app.command("list")
def list_all(*, as_json: JsonOption = False) -> None:
    """List the sectors of the library, each with the number of its keywords."""
    with reading() as session:
        found = keyword_library.shelves(session)
    if as_json:
        document([shelf.as_json() for shelf in found])
        return
    if not found:
        say("The library is empty: igny8 keyword-library import INDUSTRY SECTOR FILE")
        return
    rows = [
        (shelf.industry, shelf.sector, shelf.keywords, f"{shelf.dated_at:%Y-%m-%d}", "yes" if shelf.is_example else "")
        for shelf in found
    ]
    table(["industry", "sector", "keywords", "dated", "examples"], rows, right=["keywords"])


@app.command("show")
def show(
    industry: IndustryArgument,
    sector: SectorArgument,
    *,
    text: HoldingOption = "",
    limit: LimitOption = 100,
    as_json: JsonOption = False,
) -> None:
    """List the keywords of a sector. Figures of examples are guesses: check them with your own tool."""
    with reading() as session:
        row = keyword_library.find_sector(session, industry, sector)
        found = keyword_library.list_seeds(session, row, text=text, limit=limit).items
    if as_json:
        names = ("id", "text", "volume", "difficulty", "intent", "country", "is_example")
        document([{name: getattr(seed, name) for name in names} for seed in found])
        return
    rows = [(seed.id, seed.text, seed.volume, seed.difficulty, seed.intent) for seed in found]
    table(["id", "keyword", "volume", "difficulty", "intent"], rows, right=["id", "volume", "difficulty"])
    if any(seed.is_example for seed in found):
        note("These are examples: their figures are guesses, which no site is given.")


@app.command("take")
def take(
    site: SiteArgument,
    industry: IndustryArgument,
    sector: SectorArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Give a site every keyword of a sector; those it has are passed over."""
    database = ready_database()
    with database.transaction() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        chosen = keyword_library.find_sector(session, industry, sector)
        report = keyword_library.take(session, row, sector=chosen, now=database.now())
    if as_json:
        document(report.as_json())
        return
    tell_report(report)
    say(f'Next: igny8 run "{row.name}" --wait')


@app.command("import")
def import_file(
    industry: IndustryArgument,
    sector: SectorArgument,
    file: FileArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Import a file of keywords into a sector, made where it is missing, for every account."""
    opened = open_keyword_file(Path(file))
    database = ready_database()
    with database.transaction() as session:
        report = keyword_library.add_to_sector(
            session, opened, industry=industry, sector=sector, **_by(account_of(session, account).id, database.now())
        )
    for warning in opened.warnings:
        note(warning)
    if as_json:
        document(report.as_json())
        return
    tell_report(report)


@app.command("remove")
def remove(
    industry: IndustryArgument,
    sector: SectorArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Remove a sector with its keywords from the library; what sites took stays theirs."""
    database = ready_database()
    with database.transaction() as session:
        row = keyword_library.find_sector(session, industry, sector)
        removed = keyword_library.remove_sector(session, row, **_by(account_of(session, account).id, database.now()))
    if as_json:
        document({"industry": industry, "sector": sector, "removed": removed})
        return
    say(f"{sector} is gone, with {counted(removed, 'keyword')}.")


def _by(account_id: int, now: Any) -> dict[str, Any]:
    """Whose audit log has it, who it was, and when."""
    return {"account_id": account_id, "actor": ACTOR, "now": now}
