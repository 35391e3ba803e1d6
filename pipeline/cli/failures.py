"""Owns what a command says when it fails, and its exit code: one clear sentence, a traceback only with `--debug`."""

from __future__ import annotations

import os
import sqlite3
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final

import typer
from kombu.exceptions import KombuError
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy.exc import DBAPIError
from typer.core import TyperGroup

from pipeline.core.errors import InvalidValueError, PipelineError
from pipeline.db.collisions import CollisionError

FAILURE: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
DEBUG_OPTION: Final = "--debug"


class Commands(TyperGroup):
    """The outermost group: what goes wrong anywhere below becomes a sentence on stderr and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        *_: Any,
        standalone_mode: bool = True,
        **more: Any,
    ) -> Any:
        """Run; `--debug` may stand anywhere before `--`."""
        given, debug = _without_debug(sys.argv[1:] if args is None else args)
        run = super().main
        code = guarded(lambda: run(given, prog_name, standalone_mode=False, **more), debug=debug)
        if standalone_mode:
            sys.exit(code)
        return code


def guarded(run: Callable[[], object], *, debug: bool) -> int:
    """The exit code of `run`; what it raises is told first."""
    try:
        code = run()
    except Exception as error:  # noqa: BLE001 - whatever it is, people read a sentence
        if debug:
            traceback.print_exception(error)
        return tell(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def tell(error: BaseException) -> int:
    """Say on stderr what went wrong; the exit code it means."""
    if isinstance(error, BrokenPipeError):
        # Whoever read our output has enough; Python must not complain about that when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    for line in sentence(error).splitlines():
        print(f"Error: {line}", file=sys.stderr)  # noqa: T201 - no styling, no wrapping: it may be read by a program
    return exit_code(error)


def exit_code(error: BaseException) -> int:
    """2 for what was typed wrong, 1 for everything else."""
    if isinstance(error, typer.TyperException):
        return error.exit_code
    return USAGE if isinstance(error, InvalidValueError) else FAILURE


def sentence(error: BaseException) -> str:
    """What was wrong, what is allowed, what to do."""
    for kind, told in _SENTENCES:
        if isinstance(error, kind):
            return told(error)
    what = f"{type(error).__name__}: {_first_line(error)}"
    return f"Something went wrong that should not: {what}. Run it again with --debug to see where."


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    message = error.format_message().replace(": Value error, ", ": ").strip()
    message = message if message.endswith((".", "?", "!")) else f"{message}."
    return message if context is None else f"{message} `{context.command_path} --help` shows how it is used."


def _database(error: Any) -> str:
    reason = _first_line(error.orig)
    if isinstance(error.orig, sqlite3.Error):
        return f"The database does not work: {reason}. {_sqlite_remedy(reason)}"
    return f"The database does not work: {reason}. Check IGNY8_DATABASE_URL and that the database runs, then try again."


def _sqlite_remedy(reason: str) -> str:
    """SQLite has no server that could be down: what fails is its file."""
    if "malformed" in reason or "not a database" in reason:
        return "Its file is damaged: put back a backup, or move the file away and run `igny8 init`."
    if "readonly" in reason or "full" in reason or "unable to open" in reason:
        return "Check that its file and folder are yours to write and that the disk has room, then try again."
    return "Check IGNY8_DATABASE_URL and the file it names, then try again."


def _broker(error: Any) -> str:
    return f"The broker cannot be reached: {_first_line(error)}. Start it, or check IGNY8_BROKER_URL."


def _system(error: Any) -> str:
    place = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{place}. Check that the place exists, is writable and has room."


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(". ") if lines else "no reason was given"


def _without_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    given = list(arguments)
    end = given.index("--") if "--" in given else len(given)
    kept = [word for word in given[:end] if word != DEBUG_OPTION] + given[end:]
    return kept, len(kept) < len(given)


#: The first kind that fits tells.
_SENTENCES: Final[tuple[tuple[type[BaseException], Callable[[Any], str]], ...]] = (
    (PipelineError, str),
    (typer.TyperException, _usage),
    (typer.Abort, lambda _: "Stopped."),
    (CollisionError, lambda error: error.message),
    (DBAPIError, _database),
    (BrokerError, _broker),
    (KombuError, _broker),
    (OSError, _system),
)
