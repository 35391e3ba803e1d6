"""Owns a supervisor in a process of its own, to be killed: `python -m tests.support.supervised FOLDER`.

It supervises `family.py`, which writes its process ids to FOLDER/family, and waits for a signal.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pipeline.local.child import ChildSpec
from pipeline.local.locks import StackLock
from pipeline.local.supervisor import Supervisor, signals_interrupt


def main(folder: Path) -> None:
    """Start, wait for a signal, stop."""
    family = folder / "family"
    script = Path(__file__).with_name("family.py")
    lock = StackLock(folder)
    lock.acquire(now=datetime.now(UTC))
    supervisor = Supervisor(logs=folder / "logs", held=(lock.descriptor,))
    spec = ChildSpec(
        name="family",
        command=(sys.executable, str(script), str(family)),
        environ=dict(os.environ),
        ready=family.is_file,
    )
    with signals_interrupt(), suppress(KeyboardInterrupt):
        supervisor.start(spec)
        supervisor.wait()
    supervisor.stop()
    lock.release()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
