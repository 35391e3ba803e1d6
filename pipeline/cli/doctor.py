"""Owns `doctor`: what may be wrong with this installation, with the remedy."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from pipeline.cli import probe
from pipeline.cli.options import JsonOption
from pipeline.cli.output import document, say, table
from pipeline.config import config
from pipeline.core.errors import Fault, InvalidValueError
from pipeline.local.doctor import run_checks

NameArgument = Annotated[
    str | None,
    typer.Argument(help="Of one process: HOST, HOST:PID, a worker's name on the broker, or the API's address."),
]
WorkerOption = Annotated[bool, typer.Option("--worker", help="Only look whether a worker lives and executes.")]
BeatOption = Annotated[bool, typer.Option("--beat", help="Only look whether a beat lives and sends.")]
WebOption = Annotated[bool, typer.Option("--web", help="Only look whether the API answers and reads its database.")]
LiveOption = Annotated[bool, typer.Option("--live", help="With these: 0 for all that a restart would not mend.")]


def doctor(
    name: NameArgument = None,
    *,
    worker: WorkerOption = False,
    beat: BeatOption = False,
    web: WebOption = False,
    live: LiveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Look for what may be wrong, from versions to work that is due and gets no turn; exit 1 where something is.

    With --worker, --beat or --web: a probe of one process. It exits with 0 (alive and ready), 3 (alive, not ready),
    4 (start it again) or 5 (nobody can say).
    """
    kinds = [kind for kind, is_asked in (("worker", worker), ("beat", beat), ("web", web)) if is_asked]
    if len(kinds) > 1 or ((name or live) and not kinds):
        raise InvalidValueError([Fault("doctor", "a probe is of one kind: give --worker, --beat or --web.")])
    if kinds:
        raise typer.Exit(probe.run(kinds[0], name, only_alive=live, as_json=as_json))
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
