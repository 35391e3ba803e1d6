"""Owns a program with descendants, for tests of who is left: a child, a grandchild, and one in a session of its own.

`python family.py FILE` writes the three process ids to FILE, one a line, then waits for ever.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

_WAIT = (sys.executable, "-I", "-S", "-c", "import signal; signal.pause()")


def main(target: Path) -> None:
    """Start the others, tell who they are, wait."""
    near = subprocess.Popen(_WAIT)
    far = subprocess.Popen(_WAIT, start_new_session=True)
    written = target.with_suffix(".new")
    written.write_text(f"{os.getpid()}\n{near.pid}\n{far.pid}\n")
    written.replace(target)
    while True:
        signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
