"""Owns the options and arguments that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from pipeline.services.accounts import DEFAULT_ACCOUNT

LARGEST_ID: Final = 2**63 - 1

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
AccountOption = Annotated[str, typer.Option("--account", metavar="ACCOUNT", help="The account, by name or id.")]
SiteArgument = Annotated[str, typer.Argument(metavar="SITE", help="The site, by name or id.", show_default=False)]
RunArgument = Annotated[
    int, typer.Argument(metavar="RUN", max=LARGEST_ID, help="The run, by its id.", show_default=False)
]
ContentArgument = Annotated[
    int, typer.Argument(metavar="ID", max=LARGEST_ID, help="The content, by its id.", show_default=False)
]
ChangesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="KEY=VALUE...", help="Such as stages.4.per_run_limit=5 or ai.temperature=0.5.", show_default=False
    ),
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Show at most this many.")]
CsvOption = Annotated[
    bool, typer.Option("--csv", help="Print every row as CSV on stdout, the oldest first, whatever --limit says.")
]

__all__ = [
    "DEFAULT_ACCOUNT",
    "LARGEST_ID",
    "AccountOption",
    "ChangesArgument",
    "ContentArgument",
    "CsvOption",
    "JsonOption",
    "LimitOption",
    "RunArgument",
    "SiteArgument",
]
