"""Owns the verifiers of `deploy/`: from PyPI into `.tools/`, pinned and hashed; systemd's from Debian."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.support.sources import ROOT

_LOCK: Final = Path(__file__).with_name("tools.txt")
_TOOLS: Final = ROOT / ".tools"
_STAMP: Final = _TOOLS / "deploy.installed"
FOLDER: Final = _TOOLS / "deploy"
_PATIENCE_SECONDS: Final = 600


def install() -> Path:
    """Have what is pinned installed; the folder. A second call is quick; of two at once one waits for the other.

    Raises RuntimeError with what the installer said.
    """
    _TOOLS.mkdir(exist_ok=True)
    with (_TOOLS / "deploy.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = hashlib.sha256(_LOCK.read_bytes()).hexdigest()
        if not (_STAMP.is_file() and _STAMP.read_text("utf-8") == wanted):
            _STAMP.unlink(missing_ok=True)
            shutil.rmtree(FOLDER, ignore_errors=True)
            options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes")
            _call(sys.executable, "-m", "pip", "install", *options, "--target", str(FOLDER), "-r", str(_LOCK))
            _STAMP.write_text(wanted, "utf-8")
        if shutil.which("systemd-analyze") is None:
            _call("apt-get", "update", "-qq")
            _call("apt-get", "install", "-y", "-qq", "--no-install-recommends", "systemd")
    return FOLDER


def _call(*command: str) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise RuntimeError(
            "The verifiers of deploy/ could not be installed. `make test-all` needs the registries of Python and "
            f"Debian packages.\n{(done.stderr or done.stdout)[-3000:]}"
        )
