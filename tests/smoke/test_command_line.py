"""The command line with everything behind it: real processes in a home of their own."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from tests.support.processes import environ_of_home, processes_of_home

_PATIENCE_SECONDS = 120


def _igny8(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        env=environ_of_home(home),
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )


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
    assert processes_of_home(home) == []


def test_two_hundred_keywords_are_cheap(demo: tuple[Path, dict[str, Any], str]) -> None:
    credits_of_run = demo[1]["run"]["credits"]

    assert float(credits_of_run["before"]) - float(credits_of_run["after"]) < 1_000


@pytest.mark.extended
def test_the_demo_can_be_run_again(demo: tuple[Path, dict[str, Any], str]) -> None:
    home, story, _ = demo

    again = _igny8(home, "demo", "--json")

    assert again.returncode == 0, again.stderr
    second = json.loads(again.stdout)
    assert second["import"]["duplicates"] == 200
    assert second["contents"]["published"] == story["contents"]["published"] + 1


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one site that has keywords and waits for nothing."""
    home = tmp_path_factory.mktemp("ready") / "home"
    _igny8(home, "init")
    _igny8(home, "site", "add", "--name", "Desks", "--timezone", "UTC")
    _igny8(home, "keywords", "add", "Desks", "standing desk", "standing desk height", "desk lamp")
    _igny8(home, "settings", "set", "Desks", "delays.within_stage=0", "delays.between_stage=0")
    return home


@pytest.fixture
def home(ready: Path, tmp_path: Path) -> Path:
    """A copy of that home, of the test's own."""
    return shutil.copytree(ready, tmp_path / "home")


def test_run_and_wait_brings_its_own_stack_and_prints_the_report(home: Path) -> None:
    done = _igny8(home, "run", "Desks", "--wait", "--json")

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["status"] == "completed"
    assert {"number", "key", "name", "status", "reason", "inputs", "done", "failed", "skipped", "released"} < set(
        report["stages"][0]
    )
    assert json.loads(_igny8(home, "run-show", str(report["run_id"]), "--json").stdout) == report
    assert processes_of_home(home) == []


def test_ctrl_c_leaves_the_run_and_says_how_to_go_on(home: Path) -> None:
    _igny8(home, "settings", "set", "Desks", "delays.between_stage=60")
    command = [sys.executable, "-m", "pipeline.cli", "run", "Desks", "--wait", "--json"]

    waiting = subprocess.Popen(
        command, env=environ_of_home(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    _until_stage_is_over(waiting)
    waiting.send_signal(signal.SIGINT)
    out, err = waiting.communicate(timeout=_PATIENCE_SECONDS)

    assert (waiting.returncode, out) == (130, "")
    assert "Run 1 stays in the database. igny8 up goes on with it; igny8 cancel 1 ends it." in err
    assert json.loads(_igny8(home, "run-show", "1", "--json").stdout)["status"] == "running"
    assert processes_of_home(home) == []


def _until_stage_is_over(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if "Keywords → Clusters: completed" in process.stderr.readline():
            return
    pytest.fail("the first stage did not complete")


@pytest.fixture
def stack(home: Path) -> Iterator[tuple[Path, subprocess.Popen[str], dict[str, Any]]]:
    """A home with one site in which `igny8 up` runs, and what it printed."""
    command = [sys.executable, "-m", "pipeline.cli", "up", "--no-flower", "--json"]
    with subprocess.Popen(
        command, env=environ_of_home(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as up:
        try:
            yield home, up, _document(up)
        finally:
            up.terminate()


def test_the_first_log_in_is_shown_by_up_lets_in_and_stands_in_no_file(tmp_path: Path) -> None:
    home = tmp_path / "home"
    command = [sys.executable, "-m", "pipeline.cli", "up", "--no-flower", "--json"]
    with subprocess.Popen(
        command, env=environ_of_home(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as up:
        try:
            told = _document(up)
            first = told["first_log_in"]
            url = f"{told['web']['url']}/api/v1/login"
            wrong = httpx2.post(url, json=first | {"password": "wrong horse battery"})
            right = httpx2.post(url, json=first)
        finally:
            up.terminate()
        _, logged = up.communicate(timeout=_PATIENCE_SECONDS)

    files = [path for path in home.rglob("*") if path.is_file()]
    assert (wrong.status_code, right.status_code, right.json()["role"]) == (401, 200, "platform_admin")
    assert any("logs" in path.parts for path in files)
    secrets = (first["password"], right.cookies["igny8_log_in"])
    assert [path for path in files for secret in secrets if secret.encode() in path.read_bytes()] == []
    assert [secret for secret in secrets if secret in logged] == []
    assert json.loads(_igny8(home, "init", "--json").stdout)["first_log_in"] is None


def _document(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The JSON document that a process which goes on has printed."""
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or lines[-1].rstrip() != "}":
        line = process.stdout.readline()
        assert line, "".join(lines)
        lines.append(line)
    document: dict[str, Any] = json.loads("".join(lines))
    return document


def test_a_waited_for_run_uses_the_stack_that_runs(stack: tuple[Path, subprocess.Popen[str], dict[str, Any]]) -> None:
    home, up, started = stack

    done = _igny8(home, "run", "Desks", "--wait", "--json")
    doctor = _igny8(home, "doctor", "--json")
    article = json.loads(_igny8(home, "content", "list", "Desks", "--json").stdout)[0]
    published = _igny8(home, "publish", str(article["id"]), "--now", "--json")
    up.terminate()

    assert [process["name"] for process in started["processes"]] == ["broker", "worker", "beat", "web"]
    assert done.returncode == 0, done.stderr
    assert "starting one" not in done.stderr
    assert doctor.returncode == 0, doctor.stdout
    assert json.loads(published.stdout)["status"] == "published"
    assert up.wait(timeout=_PATIENCE_SECONDS) == 0
    assert processes_of_home(home) == []


def test_processes_started_one_by_one_are_what_they_say_and_end_when_told(
    stack: tuple[Path, subprocess.Popen[str], dict[str, Any]],
) -> None:
    home, _, _ = stack

    for name in ("worker", "beat", "flower"):
        command = [sys.executable, "-m", "pipeline.cli", name, "--json"]
        with subprocess.Popen(
            command, env=environ_of_home(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as alone:
            assert _document(alone) == {"process": name, "pid": alone.pid}
            _until_it_runs(alone.pid, name)
            alone.terminate()
            alone.wait(timeout=_PATIENCE_SECONDS)


def _until_it_runs(pid: int, name: str) -> None:
    """The command has become the process it is named after: the same id, another program."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        words = " ".join(psutil.Process(pid).cmdline())
        if "pipeline.cli" not in words and name in words:
            return
    pytest.fail(f"{name} did not start")


@pytest.mark.parametrize(
    ("name", "value", "told", "code"),
    [
        ("IGNY8_STAGES", "nowhere", "there is no module 'nowhere'", 2),
        ("IGNY8_BROKER_URL", "foo://nowhere", "names no kind of broker", 1),
    ],
)
def test_a_variable_that_leads_nowhere_is_told(tmp_path: Path, name: str, value: str, told: str, code: int) -> None:
    failed = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "demo"],
        env={**environ_of_home(tmp_path / "home"), name: value},
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )

    assert failed.returncode == code
    assert told in failed.stderr
    assert "Traceback" not in failed.stderr
