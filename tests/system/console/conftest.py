"""Fixtures of the console's tests: a whole installation that runs, and a person's browser."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.ports import free_port
from tests.support.processes import all_gone, environ_of_home, processes_of_home, wait_until
from tests.system.console.browser import running_browser

EMAIL = "ada@example.com"
#: Who runs the installation: no page is closed to them.
ADMIN = "root@example.com"
PASSWORD = "correct horse battery"  # noqa: S105 - of these tests
_SAMPLE = Path(__file__).parents[3] / "pipeline/cli/samples/home-office-keywords.csv"


@dataclass(frozen=True)
class Installation:
    """A stack that runs."""

    address: str
    environ: dict[str, str]

    def igny8(self, *arguments: str, stdin: str | None = None) -> Any:
        """What a command answers as JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *arguments, "--json"],
            env=self.environ,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@contextmanager
def running_installation(folder: Path) -> Iterator[Installation]:
    """`igny8 up` in a home of its own, with people who may do everything and a site that has keywords."""
    home = folder / "home"
    port = free_port()
    found = Installation(f"http://127.0.0.1:{port}", {**environ_of_home(home), "IGNY8_WEB_PORT": str(port)})
    found.igny8("init")
    found.igny8(
        "users", "add", EMAIL, "--name", "Ada Lovelace", "--role", "owner", "--password-stdin", stdin=f"{PASSWORD}\n"
    )
    found.igny8("users", "add", ADMIN, "--role", "platform_admin", "--password-stdin", stdin=f"{PASSWORD}\n")
    site = found.igny8("site", "add", "--name", "Still Water", "--timezone", "Europe/Berlin")
    found.igny8("settings", "set", str(site["id"]), "delays.within_stage=0", "delays.between_stage=0")
    found.igny8("keywords", "import", str(site["id"]), str(_SAMPLE))
    log = (home / "up.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "up", "--no-flower"], env=found.environ, stdout=log, stderr=log
    )
    try:
        wait_until(lambda: "Running" in (home / "up.log").read_text(), seconds=60)
        yield found
    finally:
        process.terminate()
        process.wait(60)
        log.close()
    assert all_gone([process.pid])
    assert processes_of_home(home) == []


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation that runs."""
    with running_installation(tmp_path_factory.mktemp("console")) as found:
        yield found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all."""
    with running_browser() as found:
        yield found


@pytest.fixture(scope="session")
def filled(installation: Installation) -> Installation:
    """The installation once its site has articles, on their slots and in review."""
    if not installation.igny8("content", "list", "1"):
        installation.igny8("run", "1", "--wait")
    return installation


def log_in(page: Page, email: str = EMAIL) -> Page:
    """Log somebody in, as they would."""
    page.set_default_timeout(15_000)
    page.goto("/login")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    return page


@pytest.fixture
def page(installation: Installation, browser: Browser) -> Iterator[Page]:
    """A page of somebody who has logged in; what the browser complains of fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=installation.address)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    log_in(opened)
    yield opened
    context.close()
    assert complaints == []
