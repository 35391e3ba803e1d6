"""`make mutants`: puts each mutant into a copy of the tree, runs the test that must notice it, prints a table.

Ends with 1 where one survives, where a patch does not apply any more, or where a test fails without its mutant.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.faults.mutants import Mutant, copy_of_the_tree, mutants

_PATIENCE_SECONDS: Final = 300
#: pytest's own: tests were run, and some failed.
_FAILED: Final = 1


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant."""

    mutant: Mutant
    said: str
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether it was noticed."""
        return self.said == "caught"


def main() -> int:
    """All mutants, or those named; 1 where not every one was caught."""
    wanted = [mutant for mutant in mutants() if mutant.name in sys.argv[1:] or not sys.argv[1:]]
    with tempfile.TemporaryDirectory(prefix="igny8-mutants-") as name:
        tree = copy_of_the_tree(Path(name))
        unharmed = _run(tree, *dict.fromkeys(mutant.caught_by for mutant in wanted))
        if unharmed.returncode != 0:
            sys.stderr.write(f"{unharmed.stdout}\nThese tests fail without any mutant: put that right first.\n")
            return 1
        verdicts = [_judge(tree, mutant) for mutant in wanted]
    _tell(verdicts)
    return 0 if verdicts and all(verdict.is_good for verdict in verdicts) else 1


def _judge(tree: Path, mutant: Mutant) -> Verdict:
    began = time.monotonic()
    try:
        mutant.apply_to(tree)
    except RuntimeError as error:
        return Verdict(mutant, " ".join(str(error).split()))
    try:
        done = _run(tree, mutant.caught_by)
    except subprocess.TimeoutExpired:
        return Verdict(mutant, f"not told within {_PATIENCE_SECONDS} s", time.monotonic() - began)
    finally:
        mutant.take_back(tree)
    seconds = time.monotonic() - began
    if done.returncode == 0:
        return Verdict(mutant, "SURVIVED", seconds)
    if done.returncode != _FAILED or " failed" not in done.stdout:
        return Verdict(mutant, f"no test failed: {' '.join(done.stdout.split())[-300:]}", seconds)
    return Verdict(mutant, "caught", seconds)


def _run(tree: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Those tests in that tree and of that tree, whatever is installed."""
    environ = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--timeout=120", "-p", "no:cacheprovider", *tests]
    return subprocess.run(
        command, cwd=tree, env=environ, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False
    )


def _tell(verdicts: list[Verdict]) -> None:
    """A line a mutant, as pages show tables."""
    rows = [("mutant", "verdict", "s", "the test that must notice it")]
    rows += [
        (verdict.mutant.name, verdict.said, f"{verdict.seconds:.0f}", verdict.mutant.caught_by.rpartition("/")[2])
        for verdict in verdicts
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        sys.stdout.write(f"| {' | '.join(map(str.ljust, row, widths))} |\n")
    caught = sum(verdict.is_good for verdict in verdicts)
    sys.stdout.write(f"{caught} of {len(verdicts)} mutants were caught\n")


if __name__ == "__main__":
    sys.exit(main())
