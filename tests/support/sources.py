"""Owns how the tests of house and docs find the tree's files."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("pipeline", "stages", "scheduler")
_GENERATED = ROOT / "pipeline" / "db" / "migrations" / "versions"


def name_of(path: Path) -> str:
    """A file as test ids show it."""
    return path.relative_to(ROOT).as_posix()


def modules() -> list[Path]:
    """Every module that people wrote in the three packages."""
    found = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return [path for path in found if path.parent != _GENERATED]


@cache
def tree_of(path: Path) -> ast.Module:
    """The module as Python reads it."""
    return ast.parse(path.read_text("utf-8"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a module."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@cache
def tracked_texts() -> dict[str, str]:
    """Every file of the repository that is text, by its path. Without git, what lies below the root."""
    try:
        command = ["git", "ls-files", "-z"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        paths = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        hidden = {".venv", ".git", ".igny8", ".tools", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
        paths = [path for path in ROOT.rglob("*") if not hidden & set(path.relative_to(ROOT).parts)]
    return dict(_texts(paths))


def _texts(paths: list[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        if path.is_file():
            try:
                yield name_of(path), path.read_text("utf-8")
            except UnicodeDecodeError:
                continue
