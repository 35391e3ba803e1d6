"""Fixtures of the command line's tests: an installation of its own a test, and a way to run commands in it."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.config import load_config, use_config
from pipeline.db.session import Database, database


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Igny8 = Callable[..., Outcome]


def run(*arguments: str) -> Outcome:
    """Run a command in this process."""
    result = CliRunner().invoke(app, list(arguments))
    return Outcome(result.exit_code, result.stdout, result.stderr)


@contextmanager
def installation(folder: Path) -> Iterator[Path]:
    """Make `folder` the home of this process for a while; what commands did to its logging is undone."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    use_config(load_config({"IGNY8_HOME": str(folder)}))
    yield folder
    if (folder / "igny8.db").exists():
        database().dispose()
    use_config(None)
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The folder of an installation that was not made yet."""
    with installation(tmp_path / "home") as folder:
        yield folder


@pytest.fixture
def igny8(home: Path) -> Igny8:
    """Run a command there."""
    return run


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with one site called Desks in Berlin, to be copied."""
    folder = tmp_path_factory.mktemp("made") / "home"
    with installation(folder):
        assert run("init").code == 0
        assert run("site", "add", "--name", "Desks", "--timezone", "Europe/Berlin").code == 0
    return folder


@pytest.fixture
def ready(made_once: Path, home: Path) -> Database:
    """The database of an installation that was made, with one site called Desks in Berlin."""
    shutil.copytree(made_once, home)
    return database()
