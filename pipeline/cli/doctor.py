"""Owns `doctor`: what may be wrong with this installation, with the remedy."""

from __future__ import annotations

import typer
from rich.text import Text

from pipeline.cli.options import JsonOption
from pipeline.cli.output import document, say, table
from pipeline.config import config
from pipeline.local.doctor import run_checks


def doctor(*, as_json: JsonOption = False) -> None:
    """Look for what may be wrong, from versions to work that is due and gets no turn; exit 1 where something is."""
    checks = run_checks(config())
    is_well = all(check.ok for check in checks)
    if as_json:
        document({"ok": is_well, "checks": [vars(check) for check in checks]})
    else:
        marks = {True: Text("ok", style="green"), False: Text("wrong", style="red")}
        table(["", "what", "found"], [(marks[check.ok], check.name, check.detail) for check in checks])
        to_do = [check for check in checks if check.remedy]
        for check in to_do:
            say(f"{check.name}: {check.remedy}")
        say(_summary(is_well=is_well, is_to_do=bool(to_do)))
    if not is_well:
        raise typer.Exit(1)


def _summary(*, is_well: bool, is_to_do: bool) -> str:
    if not is_well:
        return "Something is wrong: see above."
    return "Nothing is wrong, but there is something to do: see above." if is_to_do else "All is well."
