"""The command line with everything behind it: real processes in a home of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

_PATIENCE_SECONDS = 120


def _environment(home: Path) -> Mapping[str, str]:
    return {**{k: v for k, v in os.environ.items() if not k.startswith("IGNY8_")}, "IGNY8_HOME": str(home)}


def _igny8(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        env=_environment(home),
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )


def _left_behind(home: Path) -> list[str]:
    """Processes that still belong to the home."""
    mine = [
        process
        for process in psutil.process_iter(["cmdline", "environ"])
        if (process.info["environ"] or {}).get("IGNY8_HOME") == str(home)
    ]
    return [" ".join(process.info["cmdline"] or []) for process in mine]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """A home in which the demo was run, what it printed and what it noted."""
    home = tmp_path_factory.mktemp("demo") / "home"
    done = _igny8(home, "demo", "--json")
    assert done.returncode == 0, done.stderr
    return home, json.loads(done.stdout), done.stderr


def test_the_demo_tells_the_whole_story(demo: tuple[Path, dict[str, Any], str]) -> None:
    _, story, notes = demo

    assert story["import"]["imported"] == 200
    assert story["run"]["status"] == "completed"
    assert [stage["status"] for stage in story["run"]["stages"]] == ["completed"] * 7
    assert sum(story["contents"].values()) >= 20
    assert set(story["contents"]) == {"scheduled", "published"}
    assert story["published"]["status"] == "published"
    assert "starting one for as long as this takes" in notes


def test_the_demo_leaves_pages_and_no_process_behind(demo: tuple[Path, dict[str, Any], str]) -> None:
    home, story, _ = demo
    index = Path(story["pages"])

    assert index.is_file()
    assert index.is_relative_to(home / "sites")
    pages = [page for page in index.parent.glob("*/index.html") if page.parent.name not in {"tags", "archive"}]
    assert len(pages) == story["contents"]["published"]
    assert _left_behind(home) == []


def test_two_hundred_keywords_are_cheap(demo: tuple[Path, dict[str, Any], str]) -> None:
    credits_of_run = demo[1]["run"]["credits"]

    assert float(credits_of_run["before"]) - float(credits_of_run["after"]) < 1_000


def test_the_demo_can_be_run_again(demo: tuple[Path, dict[str, Any], str]) -> None:
    home, story, _ = demo

    again = _igny8(home, "demo", "--json")

    assert again.returncode == 0, again.stderr
    second = json.loads(again.stdout)
    assert second["import"]["duplicates"] == 200
    assert second["contents"]["published"] == story["contents"]["published"] + 1


def test_run_and_wait_brings_its_own_stack_and_prints_the_report(tmp_path: Path) -> None:
    home = tmp_path / "home"
    _igny8(home, "init")
    _igny8(home, "site", "add", "--name", "Desks", "--timezone", "UTC")
    _igny8(home, "keywords", "add", "Desks", "standing desk", "standing desk height", "desk lamp")
    _igny8(home, "settings", "set", "Desks", "delays.within_stage=0", "delays.between_stage=0")

    done = _igny8(home, "run", "Desks", "--wait", "--json")

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["status"] == "completed"
    assert {"number", "key", "name", "status", "reason", "inputs", "done", "failed", "skipped", "released"} < set(
        report["stages"][0]
    )
    assert json.loads(_igny8(home, "run-show", str(report["run_id"]), "--json").stdout) == report
    assert _left_behind(home) == []


def test_ctrl_c_leaves_the_run_and_says_how_to_go_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    _igny8(home, "init")
    _igny8(home, "site", "add", "--name", "Desks", "--timezone", "UTC")
    _igny8(home, "keywords", "add", "Desks", "standing desk", "desk lamp")
    _igny8(home, "settings", "set", "Desks", "delays.between_stage=60")
    command = [sys.executable, "-m", "pipeline.cli", "run", "Desks", "--wait", "--json"]

    waiting = subprocess.Popen(
        command, env=_environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    _until_stage_is_over(waiting)
    waiting.send_signal(signal.SIGINT)
    out, err = waiting.communicate(timeout=_PATIENCE_SECONDS)

    assert (waiting.returncode, out) == (130, "")
    assert "Run 1 stays in the database. igny8 up goes on with it; igny8 cancel 1 ends it." in err
    assert json.loads(_igny8(home, "run-show", "1", "--json").stdout)["status"] == "running"
    assert _left_behind(home) == []


def _until_stage_is_over(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if "Keywords → Clusters: completed" in process.stderr.readline():
            return
    pytest.fail("the first stage did not complete")
