"""Owns the tree of an older version: the first commit that knew the present schema, beside this one.

Where a clone has no history, or the present commit is that one, it is the present one: then old and new are the
same, and it is said.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.faults.harness.processes import ROOT

_MIGRATIONS: Final = "pipeline/db/migrations/versions"
_PRODUCT: Final = ("pipeline", "stages", "scheduler", "celeryconfig.py")


def older_tree(folder: Path) -> str:
    """Unpack it into the empty folder, with the stages under fault of this tree. Which commit it is."""
    git = shutil.which("git")
    commit = None if git is None else _first_of_the_schema(git)
    if git is None or commit is None:
        for name in _PRODUCT:
            source = ROOT / name
            shutil.copytree(source, folder / name) if source.is_dir() else shutil.copy(source, folder / name)
        commit = "this tree"
    else:
        packed = subprocess.run([git, "archive", commit, *_PRODUCT], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["/bin/tar", "-x"], cwd=folder, input=packed, check=True)
    faults = folder / "tests" / "faults"
    shutil.copytree(ROOT / "tests" / "faults" / "harness", faults / "harness")
    shutil.copy(ROOT / "tests" / "faults" / "journaling_stages.py", faults)
    shutil.copy(ROOT / "tests" / "__init__.py", folder / "tests")
    return commit


def _first_of_the_schema(git: str) -> str | None:
    """The commit (or merge) that brought the newest migration; None where nobody remembers."""
    newest = max(path.name for path in (ROOT / _MIGRATIONS).glob("[0-9]*.py"))
    done = subprocess.run(
        [git, "log", "--format=%H", "--", f"{_MIGRATIONS}/{newest}"],
        cwd=ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    found = done.stdout.split()
    return found[-1] if done.returncode == 0 and found else None
