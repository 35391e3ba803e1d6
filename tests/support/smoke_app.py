"""Owns a tiny Celery app with the product's own settings and two tasks, for the broker's kill and restart.

`python -m celery -A tests.support.smoke_app worker …`; the broker comes from IGNY8_BROKER_URL.
"""

from __future__ import annotations

import time
from pathlib import Path

from celery import Celery

#: After this long a test has failed anyway: nothing of it may go on.
_LONGEST_SECONDS = 60.0

app = Celery("smoke")
app.config_from_object("celeryconfig")
app.conf.imports = ()
app.conf.task_routes = {}


@app.task(name="smoke.write")
def write(path: str) -> None:
    """Make the file."""
    Path(path).touch()


@app.task(name="smoke.hold")
def hold(begun: str, release: str, done: str) -> None:
    """Make `begun`, wait until there is `release`, make `done`: work in hand for as long as the test wants."""
    Path(begun).touch()
    deadline = time.monotonic() + _LONGEST_SECONDS
    while not Path(release).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    Path(done).touch()
