"""Flower over real HTTP: what it shows to whom."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import psutil
import pytest
from celery import Celery

from pipeline.config import Config, load_config
from pipeline.local import flower_links
from pipeline.local.broker import broker_child
from pipeline.local.child import Child
from pipeline.local.flower import STATE_FILE, USER, flower_child, flower_url
from pipeline.local.supervisor import Supervisor
from pipeline.secrets import FLOWER_PASSWORD, ensure_secrets, read_secrets
from tests.support.processes import wait_until


@pytest.fixture(scope="module")
def taken_port() -> Iterator[int]:
    """Somebody else listens at it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def flower(taken_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, int]]:
    """Its address, its password and its process id; one for all tests of this module."""
    home: Path = tmp_path_factory.mktemp("home")
    settings = load_config({"IGNY8_HOME": str(home), "IGNY8_FLOWER_PORT": str(taken_port)})
    supervisor = Supervisor(logs=home / "logs")
    try:
        supervisor.start(broker_child(settings))
        ensure_secrets(home)
        supervisor.start(flower_child(settings))
        yield flower_url(home) or "", read_secrets(home)[FLOWER_PASSWORD], supervisor.statuses()[1].pid or 0
    finally:
        supervisor.stop()


def status_of(url: str, *, password: str | None = None, method: str = "GET") -> int:
    request = urllib.request.Request(url, method=method)  # noqa: S310  # loopback.
    if password is not None:
        token = base64.b64encode(f"{USER}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # the same.
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("path", ["/", "/workers", "/tasks", "/broker", "/metrics", "/api/workers", "/api/tasks"])
def test_nothing_is_shown_without_the_password(flower: tuple[str, str, int], path: str) -> None:
    url, _, _ = flower

    assert status_of(url + path) == 401


def addresses() -> list[str]:
    """Every address that Flower serves, but its style sheets and its own login (OAuth only)."""
    from flower.urls import handlers

    found = [*handlers, *flower_links.handlers()]
    patterns = [getattr(handler, "regex", None) or handler[0] for handler in found]
    texts = [
        getattr(pattern, "pattern", pattern)
        .rstrip("$")
        .replace("(.+)", "x")
        .replace("(.*)", "x")
        .replace("([0-9]{1,19})", "12")
        for pattern in patterns
    ]
    return [text for text in texts if not text.startswith((".", "/static", "/login", "/healthcheck"))]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_address_at_all_answers_without_the_password(flower: tuple[str, str, int], method: str) -> None:
    url, _, _ = flower

    answered = {path: status_of(url + path, method=method) for path in addresses()}

    # 405: the address has no such method, and says so to everybody.
    assert {path for path, status in answered.items() if status not in {401, 405}} == set()
    assert len(answered) > 20


@pytest.mark.parametrize("path", ["/", "/tasks", "/metrics", "/api/workers", "/api/tasks"])
def test_everything_is_shown_with_the_password(flower: tuple[str, str, int], path: str) -> None:
    url, password, _ = flower

    assert status_of(url + path, password=password) == 200


def test_wrong_password_is_refused(flower: tuple[str, str, int]) -> None:
    url, password, _ = flower

    assert status_of(f"{url}/metrics", password=password + "x") == 401


def test_health_check_needs_no_password(flower: tuple[str, str, int]) -> None:
    url, _, _ = flower

    assert status_of(f"{url}/healthcheck") == 200


def test_flower_listens_on_loopback_alone(flower: tuple[str, str, int]) -> None:
    _, _, pid = flower

    listening = {
        found.laddr.ip for found in psutil.Process(pid).net_connections(kind="inet") if found.status == "LISTEN"
    }

    assert listening == {"127.0.0.1"}


def test_password_is_not_in_the_list_of_processes(flower: tuple[str, str, int]) -> None:
    _, password, pid = flower

    assert password not in " ".join(psutil.Process(pid).cmdline())


def test_taken_port_is_passed_over_and_the_new_one_recorded(flower: tuple[str, str, int], taken_port: int) -> None:
    url, _, pid = flower

    listening = {
        found.laddr.port for found in psutil.Process(pid).net_connections(kind="inet") if found.status == "LISTEN"
    }

    assert listening == {int(url.rpartition(":")[2])}
    assert taken_port not in listening


def test_port_that_was_asked_for_by_name_and_is_taken_is_told(flower: tuple[str, str, int], tmp_path: Path) -> None:
    port = flower[0].rpartition(":")[2]

    ended = subprocess.run(
        (sys.executable, "-m", "pipeline.local.flower", "--port", port),
        env=os.environ | {"IGNY8_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines()[-1].startswith(f"Port {port} is in use.")


@dataclass
class Told:
    """A Flower of its own home, told of tasks as workers tell it."""

    settings: Config
    child: Child

    @property
    def url(self) -> str:
        return flower_url(self.settings.home) or ""

    def ask(self, path: str, method: str = "GET") -> tuple[int, str, str]:
        """Status, body, and where it leads; nothing is followed."""
        password = read_secrets(self.settings.home)[FLOWER_PASSWORD]
        with httpx2.Client(base_url=self.url, auth=(USER, password), timeout=20) as client:
            answer = client.request(method, path)
        return answer.status_code, answer.text, answer.headers.get("location", "")

    def tell(self, **tasks: str) -> None:
        """A worker received these: id -> what is shown for its arguments. Told until Flower knows."""
        with (
            Celery(broker=self.settings.broker_address) as app,
            app.connection_for_write() as connection,
            app.events.Dispatcher(connection, hostname="told@here", enabled=True) as dispatcher,
        ):
            wait_until(lambda: self._tell(dispatcher, tasks))

    def _tell(self, dispatcher: Any, tasks: dict[str, str]) -> bool:
        for task, words in tasks.items():
            name = "stages.tasks_to_content.batch"
            dispatcher.send("task-received", uuid=task, name=name, args=words, kwargs="{}", retries=0)
        shown = self.tasks()
        return all(shown.get(task) == words for task, words in tasks.items())

    def tasks(self) -> dict[str, str]:
        """Id -> what is shown for its arguments."""
        return {task: each["args"] for task, each in json.loads(self.ask("/api/tasks?limit=1000")[1]).items()}

    def restart(self, number: int) -> None:
        """End it by a signal and start it again."""
        os.kill(wait_until(lambda: self.child.pid) or 0, number)
        wait_until(lambda: self.child.exit_code() is not None)
        self.child = Child(flower_child(self.settings), logs=self.settings.home / "logs")
        self.child.wait_ready()


@contextmanager
def _told(home: Path, **environ: str) -> Iterator[Told]:
    given = {"IGNY8_HOME": str(home), "IGNY8_FLOWER_PORT": "1", "IGNY8_CONSOLE_URL": "https://desks.example/"}
    settings = load_config(given | environ)
    ensure_secrets(home)
    broker = Child(broker_child(settings), logs=home / "logs")
    broker.wait_ready()
    found = Told(settings, Child(flower_child(settings), logs=home / "logs"))
    try:
        found.child.wait_ready()
        found.tell(one="run 12, stage 4 (Tasks → Content), lane 1", two="run 120, stage 4, lane 1", three="(7,)")
        yield found
    finally:
        found.child.kill()
        broker.kill()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with _told(tmp_path_factory.mktemp("home")) as found:
        yield found


def test_a_task_leads_to_its_run_and_to_all_tasks_of_it(told: Told) -> None:
    page, bare = told.ask("/task/one")[1], told.ask("/task/three")[1]

    assert '<a href="/runs/12/console">Run 12 in the console</a>' in page
    assert told.ask("/runs/12/console")[::2] == (302, "https://desks.example/automation/runs/12")
    assert "in the console" not in bare


def test_the_tasks_of_a_run_are_those_of_no_other(told: Told) -> None:
    status, _, leads_to = told.ask("/runs/12/tasks")

    address = urlsplit(leads_to)
    (name,) = parse_qs(address.query)["name"]
    # What Flower's page makes of that address, and asks of Flower.
    asked = {"draw": 1, "start": 0, "length": 15, "search[value]": f"name:{name}", "order[0][column]": 0}
    asked |= {"order[0][dir]": "asc", "columns[0][data]": "name"}
    found = json.loads(told.ask(f"/tasks/datatable?{urlencode(asked)}")[1])
    assert (status, address.path) == (302, "/tasks")
    assert ([task["uuid"] for task in found["data"]], found.get("searchError")) == (["one"], None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_flower_knows_is_there_after_a_restart(told: Told, number: int) -> None:
    told.tell(late=f"run {number}, stage 1")
    known = told.tasks()
    if number == signal.SIGKILL:
        _until_saved(told.settings.home / STATE_FILE)

    told.restart(number)

    assert told.tasks() == known
    assert {"one", "late"} <= set(known)


def _until_saved(file: Path) -> None:
    """It was written down after now, and once more: the first may have begun before."""
    for _ in range(2):
        before = time.time()
        wait_until(lambda before=before: _is_saved_since(before, file.parent))


def _is_saved_since(before: float, folder: Path) -> bool:
    for each in folder.glob("state*"):
        # It is written beside itself and then put in its place: what was seen may be gone.
        with suppress(FileNotFoundError):
            if each.stat().st_mtime > before:
                return True
    return False


def test_what_flower_wrote_down_is_its_owners_alone(told: Told) -> None:
    told.restart(signal.SIGTERM)

    files = [file for file in (told.settings.home / STATE_FILE).parent.rglob("*") if file.is_file()]
    assert files
    assert {file.stat().st_mode & 0o077 for file in files} == {0}


def test_a_state_that_cannot_be_read_keeps_flower_from_nothing(told: Told) -> None:
    os.kill(wait_until(lambda: told.child.pid) or 0, signal.SIGTERM)
    wait_until(lambda: told.child.exit_code() is not None)
    for file in (told.settings.home / STATE_FILE).parent.glob("state*"):
        file.write_bytes(b"no state at all")

    told.child = Child(flower_child(told.settings), logs=told.settings.home / "logs")
    told.child.wait_ready()

    assert told.tasks() == {}


def test_flower_revokes_unless_it_is_read_only(told: Told, tmp_path: Path) -> None:
    told.tell(one="run 12, stage 4")
    with _told(tmp_path, IGNY8_FLOWER_READ_ONLY="true") as reading:
        asked = [found.ask("/api/task/revoke/one", method="POST")[0] for found in (told, reading)]
        shown = [found.ask("/task/one")[0] for found in (told, reading)]

    assert (asked, shown) == ([200, 403], [200, 200])
