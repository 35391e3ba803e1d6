"""Packages of Debian for tests, unpacked beside the tests and never installed: no service starts, nothing is changed.

Fails where they cannot be had, and says which.
"""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path
from typing import Final

_UNPACKED: Final = Path(__file__).parents[2] / ".venv" / "debian"
_APT: Final = "/usr/bin/apt-get"


def unpacked(*packages: str) -> Path:
    """The folder below which the files of these packages are: its `usr` stands for `/usr`."""
    mark = _UNPACKED / f".{packages[0]}"
    _UNPACKED.mkdir(parents=True, exist_ok=True)
    # Several test processes may want the same at once.
    with (_UNPACKED / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.exists():
            folder = _UNPACKED / f"{packages[0]}.packages"
            folder.mkdir(exist_ok=True)
            _download(packages, folder)
            for package in sorted(folder.glob("*.deb")):
                subprocess.run(["/usr/bin/dpkg", "-x", package, _UNPACKED], check=True)
            mark.touch()
    return _UNPACKED


def _download(packages: tuple[str, ...], folder: Path) -> None:
    for command in (["update", "-qq"], ["download", "-qq", *packages]):
        done = subprocess.run([_APT, *command], check=False, cwd=folder, capture_output=True, text=True)
        if done.returncode and command[0] == "download":
            raise RuntimeError(f"The tests need Debian's {', '.join(packages)}, which cannot be had:\n{done.stderr}")
