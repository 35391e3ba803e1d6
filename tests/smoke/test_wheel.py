"""The wheel holds everything: built, installed by itself, run outside the tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.extended

_TREE = Path(__file__).parents[2]
_PATIENCE_SECONDS = 180


def _run(*command: str | Path, folder: Path, **environment: str) -> str:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("IGNY8_", "PYTHON"))}
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel, and this one's dependencies but not its editable install."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, folder=_TREE)
    (wheel,) = folder.glob("*.whl")
    environment = folder / "venv"
    venv.create(environment, with_pip=False, symlinks=True)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", environment / "bin" / "python")
    _run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, folder=folder)
    (packages,) = (environment / "lib").glob("python*/site-packages")
    # A path in a .pth file is added as it is: the .pth files inside it, the editable install's too, are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return environment


def test_what_runs_is_the_wheel(installed: Path, tmp_path: Path) -> None:
    names = ("pipeline", "stages", "scheduler", "celeryconfig")
    code = f"import {', '.join(names)}; print(*[m.__file__ for m in ({', '.join(names)})])"

    places = _run(installed / "bin" / "python", "-c", code, folder=tmp_path, IGNY8_HOME=str(tmp_path)).split()

    assert [Path(place).is_relative_to(installed) for place in places] == [True] * len(names)


def test_it_holds_every_file_of_the_tree(installed: Path) -> None:
    (packages,) = (installed / "lib").glob("python*/site-packages")
    here = {
        path.relative_to(_TREE)
        for name in ("pipeline", "stages", "scheduler")
        for path in (_TREE / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    missing = {path.as_posix() for path in {*here, Path("celeryconfig.py")} if not (packages / path).is_file()}

    assert missing == set()
    kinds = {"".join(path.suffixes) for path in here}
    assert {".py", ".html", ".xml", ".css", ".md", ".csv", ".py.mako"} <= kinds


def test_it_answers_without_its_script(installed: Path, tmp_path: Path) -> None:
    out = _run(installed / "bin" / "python", "-m", "pipeline.cli", "init", "--json", folder=tmp_path)

    assert json.loads(out)["home"] == str(tmp_path / ".igny8")


def test_the_demo_runs_from_the_wheel_outside_the_tree(installed: Path, tmp_path: Path) -> None:
    out = _run(installed / "bin" / "igny8", "demo", "--json", folder=tmp_path)

    story = json.loads(out)
    assert story["run"]["status"] == "completed"
    assert story["published"]["status"] == "published"
    assert Path(story["pages"]).is_relative_to(tmp_path / ".igny8")
    assert Path(story["pages"]).is_file()
