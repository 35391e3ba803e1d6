"""Owns `keywords import|add|list|delete`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.edge import ACTOR, account_of, reading, ready_database
from pipeline.cli.options import (
    DEFAULT_ACCOUNT,
    LARGEST_ID,
    AccountOption,
    CsvOption,
    JsonOption,
    LimitOption,
    SiteArgument,
)
from pipeline.cli.output import csv_rows, document, note, say, status, table
from pipeline.core.states import KeywordStatus
from pipeline.core.words import counted
from pipeline.services import exports, keywords, sites
from pipeline.services.keyword_files import open_keyword_file
from pipeline.services.keywords import ImportReport

app = typer.Typer()
_REJECTED_SHOWN = 20

FileArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="A keyword export or list: CSV, TSV or one keyword a line.", show_default=False
    ),
]
WordsArgument = Annotated[list[str], typer.Argument(metavar="KEYWORD...", help="Search phrases.", show_default=False)]
KeywordArgument = Annotated[
    int, typer.Argument(metavar="ID", max=LARGEST_ID, help="The keyword, by its id.", show_default=False)
]
StatusOption = Annotated[KeywordStatus | None, typer.Option("--status", help="Only those of this status.")]


def tell_report(report: ImportReport) -> None:
    """The counts on stdout, each rejected row and warning on stderr."""
    rejected = f", {len(report.rejected):,} rejected" if report.rejected else ""
    were = "was" if report.duplicates == 1 else "were"
    imported = f"{counted(report.imported, 'keyword')} imported, {report.duplicates:,} {were} there already"
    say(f"{imported}{rejected}; {report.read:,} read.")
    for line, reason in report.rejected[:_REJECTED_SHOWN]:
        note(f"Line {line}: {reason}")
    if len(report.rejected) > _REJECTED_SHOWN:
        note(f"… and {len(report.rejected) - _REJECTED_SHOWN} more; --json lists them all.")


@app.command("import")
def import_file(
    site: SiteArgument, file: FileArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False
) -> None:
    """Import a file of keywords: encoding, delimiter, header and columns are detected, duplicates joined.

    Rows that cannot be used are reported; a file that is no keyword list is refused whole.
    """
    database = ready_database()
    with database.reading() as session:
        sites.find_site(session, account_of(session, account).id, site)
    opened = open_keyword_file(Path(file))
    with database.transaction() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        report = keywords.import_keywords(session, row, opened, now=database.now())
    for warning in report.warnings:
        note(warning)
    if as_json:
        document(report.as_json())
        return
    tell_report(report)
    say(f'Next: igny8 run "{row.name}" --wait')


@app.command("add")
def add(
    site: SiteArgument, words: WordsArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False
) -> None:
    """Add keywords by hand."""
    database = ready_database()
    with database.transaction() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        report = keywords.add(session, row, words, now=database.now())
    if as_json:
        document(report.as_json())
        return
    tell_report(report)


@app.command("list")
def list_some(
    site: SiteArgument,
    *,
    with_status: StatusOption = None,
    limit: LimitOption = 100,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_csv: CsvOption = False,
    as_json: JsonOption = False,
) -> None:
    """List a site's keywords."""
    with reading() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        if as_csv:
            csv_rows(session, exports.of_keywords(row, status=with_status), as_json=as_json)
            return
        found = keywords.list_keywords(session, site=row, status=with_status, limit=limit).items
    if as_json:
        names = ("id", "text", "volume", "difficulty", "intent", "country", "status", "cluster_id")
        document([{name: getattr(word, name) for name in names} for word in found])
        return
    rows = [(word.id, word.text, word.volume, word.difficulty, status(word.status)) for word in found]
    table(["id", "keyword", "volume", "difficulty", "status"], rows, right=["id", "volume", "difficulty"])


@app.command("delete")
def delete(
    keyword_id: KeywordArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False
) -> None:
    """Delete a keyword: nothing is made of it any more; what came of it stays. Added again, it is back."""
    database = ready_database()
    with database.transaction() as session:
        row = keywords.get_keyword(session, account_id=account_of(session, account).id, keyword_id=keyword_id)
        below = keywords.delete(session, row, actor=ACTOR, now=database.now())
    if as_json:
        document({"keyword_id": row.id, **asdict(below)})
        return
    ideas, articles = counted(below.ideas, "idea"), counted(below.articles, "article")
    say(f"{row.text} is deleted. What came of it stays: {ideas}, {articles}.")
