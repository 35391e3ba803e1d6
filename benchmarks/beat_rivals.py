"""Owns the figures of other beats: Celery's own, and one that keeps its entries in a database, each in its own process.

So many entries, some of them due: the time to make the beat, to send what is due, and the memory it took.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figure, note, rounded
from benchmarks.processes import processes
from benchmarks.stack import start_broker
from pipeline.config import Config, use_config

_REDBEAT: Final = "celery-redbeat==2.4.2"
_HOUR: Final = timedelta(hours=1)


def figures(*, entries: int, due: int, quick: bool) -> Iterator[Figure]:
    """Milliseconds of sending what is due; `more` has the rest."""
    with tempfile.TemporaryDirectory(prefix="igny8-bench-") as folder:
        config = Config(home=Path(folder) / "home")
        use_config(config)
        try:
            with processes(config.home / "logs") as started:
                address = start_broker(started, config)
                yield _figure("Celery's own beat", "stock", address, entries=entries, due=due)
                packages = Path(folder) / "packages"
                if not quick and _installed(packages):
                    name = f"a beat with a database ({_REDBEAT})"
                    yield _figure(name, "redbeat", address, entries=entries, due=due, packages=packages)
        finally:
            use_config(None)


def _installed(folder: Path) -> bool:
    """Whether the package could be had; it is thrown away afterwards."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), _REDBEAT]
    installed = subprocess.run(command, check=False, stdout=sys.stderr).returncode == 0
    if not installed:
        note(f"  {_REDBEAT} cannot be installed here: left out")
    return installed


def _figure(name: str, kind: str, address: str, *, entries: int, due: int, packages: Path | None = None) -> Figure:
    path = os.pathsep.join(str(each) for each in (packages, *sys.path) if each)
    command = [sys.executable, "-m", "benchmarks.beat_rivals", kind, address, str(entries), str(due)]
    environ = {**os.environ, "PYTHONPATH": path}
    told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environ).stdout)
    more = {"start_seconds": rounded(told["start_seconds"]), "peak_mb": rounded(told["peak_mb"])}
    title = f"{name}: {due:,} due of {entries:,} entries"
    return Figure(title, "milliseconds", [told["send_seconds"] * 1_000], more=more)


def main(kind: str, address: str, entries: int, due: int) -> None:
    """Be that beat until everything due is sent; one line of JSON."""
    from celery import Celery

    app = Celery("rival", broker=address, set_as_current=False)
    make: Callable[..., Any] = {"stock": _stock, "redbeat": _redbeat}[kind]
    began, beat = make(app, entries, due)
    made = time.monotonic()
    while app.sent < due:
        beat.tick()
    told = {
        "start_seconds": made - began,
        "send_seconds": time.monotonic() - made,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(told))


def _counted(app: Any, scheduler: type) -> type:
    """The same beat, counting what it sends."""
    app.sent = 0

    class Counting(scheduler):  # type: ignore[misc]
        def apply_async(self, *args: Any, **kwargs: Any) -> Any:
            app.sent += 1
            return super().apply_async(*args, **kwargs)

    return Counting


def _stock(app: Any, entries: int, due: int) -> tuple[float, Any]:
    from celery.beat import Scheduler

    now = datetime.now(UTC)
    schedule = {
        f"entry {number}": {
            "task": "sweep",
            "args": (number,),
            "schedule": _HOUR,
            "last_run_at": now - _HOUR if number < due else now,
        }
        for number in range(entries)
    }
    began = time.monotonic()
    beat = _counted(app, Scheduler)(app=app)
    beat.update_from_dict(schedule)
    return began, beat


def _redbeat(app: Any, entries: int, due: int) -> tuple[float, Any]:
    from celery.schedules import schedule
    from redbeat import RedBeatScheduler, RedBeatSchedulerEntry
    from redbeat.schedulers import RedBeatJSONEncoder, get_redis

    app.conf.redbeat_redis_url = app.conf.broker_url.replace("redis+socket://", "unix://").partition("?")[0]
    app.conf.redbeat_lock_key = None
    now, pipe = datetime.now(UTC), get_redis(app).pipeline()
    for number in range(entries):
        last = now - _HOUR if number < due else now
        entry = RedBeatSchedulerEntry(f"entry {number}", "sweep", schedule(_HOUR), args=(number,), app=app)
        entry.last_run_at = last
        definition = {
            "name": entry.name, "task": entry.task, "args": entry.args, "kwargs": {}, "options": {},
            "schedule": entry.schedule, "enabled": True,
        }  # fmt: skip
        pipe.hset(entry.key, "definition", json.dumps(definition, cls=RedBeatJSONEncoder))
        pipe.hset(entry.key, "meta", json.dumps({"last_run_at": last}, cls=RedBeatJSONEncoder))
        pipe.zadd(app.redbeat_conf.schedule_key, {entry.key: (last + _HOUR).timestamp()})
        if number % 1_000 == 999:
            pipe.execute()
    pipe.execute()
    began = time.monotonic()
    return began, _counted(app, RedBeatScheduler)(app=app)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
