"""Owns `doctor`: what may be wrong with this installation, with the remedy."""

from __future__ import annotations

import typer
from rich.text import Text

from pipeline.cli.options import JsonOption
from pipeline.cli.output import document, say, table
from pipeline.config import config
from pipeline.local.doctor import run_checks


def doctor(*, as_json: JsonOption = False) -> None:
    """Look at versions, database, broker, disk, clock, ports and signs of life; exit 1 where something is wrong."""
    checks = run_checks(config())
    is_well = all(check.ok for check in checks)
    if as_json:
        document({"ok": is_well, "checks": [vars(check) for check in checks]})
    else:
        marks = {True: Text("ok", style="green"), False: Text("wrong", style="red")}
        table(["", "what", "found"], [(marks[check.ok], check.name, check.detail) for check in checks])
        for check in checks:
            if not check.ok:
                say(f"{check.name}: {check.remedy}")
        say("All is well." if is_well else "Something is wrong: see above.")
    if not is_well:
        raise typer.Exit(1)
