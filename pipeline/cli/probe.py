"""Owns `doctor --worker`, `--beat` and `--web`: one process looked at, for whatever supervises it.

Taken from the arguments before the rest of the command line is imported: it is asked every few seconds.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Final

#: Those of a probe, and what else may stand beside one of them.
KINDS: Final = ("--worker", "--beat", "--web")
_OTHERS: Final = ("--live", "--json")


def is_probe(arguments: Sequence[str]) -> bool:
    """Whether these arguments ask for a probe and nothing that needs the whole command line to be understood."""
    command, options = arguments[:1], arguments[1:]
    flags = [each for each in options if each.startswith("-")]
    kinds = [each for each in flags if each in KINDS]
    known = all(each in (*KINDS, *_OTHERS) for each in flags)
    return list(command) == ["doctor"] and len(kinds) == 1 and known and len(options) - len(flags) <= 1


def main(arguments: Sequence[str]) -> int:
    """The probe that `arguments` ask for; its exit code."""
    options = list(arguments[1:])
    (kind,) = [each for each in options if each in KINDS]
    name = next((each for each in options if not each.startswith("-")), None)
    return run(kind.removeprefix("--"), name, only_alive="--live" in options, as_json="--json" in options)


def run(kind: str, name: str | None, *, only_alive: bool, as_json: bool) -> int:
    """Look, say what was found, give the exit code."""
    from pipeline.config import config
    from pipeline.core.errors import PipelineError
    from pipeline.local.probes import Kind, exit_code, probe

    try:
        finding = probe(config(), Kind(kind), name)
    except PipelineError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    code = exit_code(finding, only_alive=only_alive)
    told = {"process": kind, "verdict": finding.verdict, "detail": finding.detail, "exit_code": code}
    sys.stdout.write(json.dumps(told, indent=2) + "\n" if as_json else f"{finding.verdict}: {finding.detail}\n")
    return code
