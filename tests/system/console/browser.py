"""Owns the browser of the console's tests: Debian's Chromium, driven by Playwright; installed where it is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright


def chromium() -> Path:
    """Where Chromium is; Debian's package is installed first if there is none. Fails where that cannot be done."""
    found = shutil.which("chromium")
    if found is None:
        if os.geteuid() != 0:
            raise AssertionError("There is no chromium. Install it: apt-get install chromium")
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"],
        ):
            subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)
        found = shutil.which("chromium")
    assert found is not None, "apt-get installed chromium, and there is none"
    return Path(found)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A browser without a screen."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(chromium()), args=["--no-sandbox"])
        yield browser
        browser.close()
