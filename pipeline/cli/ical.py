"""Owns how a calendar leaves the command line as a file: its bytes on stdout, and nothing else there."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.edge import account_of, ready_database
from pipeline.core.errors import InvalidValueError
from pipeline.services import sites
from pipeline.services.calendar import ical

IcalOption = Annotated[
    bool,
    typer.Option(
        "--ical",
        help="Print the calendar as an iCalendar file: all that is planned, and 90 days of what was published.",
    ),
]


def print_ical(site: str, *, account: str, as_json: bool) -> None:
    """The same bytes as the feed. InvalidValueError where JSON is wanted too."""
    if as_json:
        raise InvalidValueError("--ical and --json are two forms of one answer. Give one of them.")
    database = ready_database()
    with database.reading() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        found = ical(session, row, now=database.now())
    output = typer.get_binary_stream("stdout")
    output.write(found)
    output.flush()
