"""Owns the mutants: faults that were put into the product on purpose, each of which a fault test must notice."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.sources import ROOT

FOLDER: Final = Path(__file__).parent
#: What a copy of the tree is made of; the rest is made by tools.
_COPIED: Final = ("pipeline", "stages", "scheduler", "tests", "celeryconfig.py", "pyproject.toml")
_GENERATED: Final = shutil.ignore_patterns("__pycache__", "*.pyc", "node_modules")


@dataclass(frozen=True)
class Mutant:
    """A patch, what it breaks, and the test that must fail with it."""

    path: Path
    what: str
    caught_by: str

    @property
    def name(self) -> str:
        """The file's."""
        return self.path.stem

    def applies_to(self, folder: Path) -> str | None:
        """Nothing where it does; else what git says."""
        return _apply(self.path, folder, "--check")

    def apply_to(self, folder: Path) -> None:
        """Change the tree; RuntimeError where it does not fit."""
        said = _apply(self.path, folder)
        if said is not None:
            raise RuntimeError(f"{self.path.name} does not apply any more: {said}")

    def take_back(self, folder: Path) -> None:
        """Change the tree back."""
        _apply(self.path, folder, "--reverse")


def mutants() -> list[Mutant]:
    """All of them, by name. ValueError where a patch does not say what it breaks and who must notice."""
    return [_read(path) for path in sorted(FOLDER.glob("*.patch"))]


def copy_of_the_tree(folder: Path) -> Path:
    """The sources as they are now, changed files too, in a folder of their own."""
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=_GENERATED)
        else:
            shutil.copy(source, folder / name)
    return folder


def _read(path: Path) -> Mutant:
    head = path.read_text("utf-8").partition("\ndiff --git ")[0]
    said = dict(re.findall(r"^(What|Caught-by): (.+)$", head, re.MULTILINE))
    if set(said) != {"What", "Caught-by"}:
        raise ValueError(f"{path.name} must begin with a line `What: …` and a line `Caught-by: <test>`.")
    return Mutant(path, said["What"], said["Caught-by"])


def _apply(patch: Path, folder: Path, *options: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        raise RuntimeError("There is no program git on this machine: patches are applied with it.")
    # The folder may lie in a repository: its own place in it would be the root of the patch's paths.
    environ = {"GIT_CEILING_DIRECTORIES": str(folder.parent), "PATH": str(Path(git).parent), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [git, "apply", *options, str(patch)], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    return None if done.returncode == 0 else done.stderr.strip()
