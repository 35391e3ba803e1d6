"""Owns `backup` and `restore`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from pipeline.cli.edge import ready_database
from pipeline.cli.options import JsonOption
from pipeline.cli.output import document, say
from pipeline.config import config
from pipeline.local import backup

_UNITS: Final = 1_000_000

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="The backup, such as igny8.tar.gz.", show_default=False)
]


def back_up(file: FileArgument, *, as_json: JsonOption = False) -> None:
    """Write everything this installation cannot make again to one file; also while it runs."""
    settings = config()
    database = ready_database()
    made = backup.back_up(database, settings, to=file, now=database.now())
    size = file.stat().st_size
    if as_json:
        document({"file": str(file), "bytes": size, **asdict(made)})
        return
    say(f"{file} has it all: database, pictures, sites, secrets ({size / _UNITS:,.1f} MB).")
    say("It opens every secret of this installation: keep it where only you can read it.")


def restore(file: FileArgument, *, as_json: JsonOption = False) -> None:
    """Make an installation of a backup that is whole, in a home (and database) that is empty."""
    settings = config()
    made = backup.restore(file, settings)
    if as_json:
        document({"home": str(settings.home), **asdict(made)})
        return
    say(f"{settings.home} is as it was at {made.made_at}.")
    say("Next: igny8 db upgrade (does nothing where the version is the same), then igny8 doctor, then igny8 up")
