"""The image's program is made as its file says, outside of any image, of pinned packages and copied files alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sources import ROOT
from tests.system.deploy.files import DEPLOY

pytestmark = pytest.mark.timeout(900)
_SOURCE, _PROGRAM = "/src", "/opt/igny8"


def test_the_steps_of_the_image_give_a_program_that_runs(tmp_path: Path) -> None:
    places = {_SOURCE: str(tmp_path / "src"), _PROGRAM: str(tmp_path / "opt")}
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("IGNY8_", "PYTHON", "VIRTUAL"))
    }
    environ["PATH"] = f"{Path(sys.executable).resolve().parent}:{environ.get('PATH', '')}"

    for step, words in _steps_of_the_build():
        if step == "RUN":
            command = words.replace(_PROGRAM, places[_PROGRAM]).replace(_SOURCE, places[_SOURCE])
            done = subprocess.run(["/bin/sh", "-c", command], env=environ, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        else:
            *copied, target = words.split()
            _copy(copied, Path(target.replace(_SOURCE, places[_SOURCE])), is_folder=target.endswith("/"))

    environ["IGNY8_HOME"] = str(tmp_path / "home")
    program = tmp_path / "opt" / "bin" / "igny8"
    for arguments, said in (
        (("--version",), "igny8-pipeline"),
        (("init",), "Ready in"),
        (("doctor", "--help"), "probe"),
    ):
        done = subprocess.run(
            [program, *arguments], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
    found = [path.name for path in (tmp_path / "opt").rglob("pipeline/web/pages/templates/*.html")]
    assert len(found) > 10


def _steps_of_the_build() -> list[tuple[str, str]]:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    stage = text.split("\nFROM ")[1] if text.startswith("#") else text
    steps = re.findall(r"^(RUN|COPY) (.*)$", stage, re.MULTILINE)
    assert len(steps) == 8
    return steps


def _copy(names: list[str], target: Path, *, is_folder: bool) -> None:
    for name in names:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            continue
        place = target / source.name if is_folder else target
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place)
