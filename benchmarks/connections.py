"""Owns what each process of `deploy/` asks of PostgreSQL and of its machine: most connections at once, most memory."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from sqlalchemy import text

from benchmarks.figures import Figure, note
from benchmarks.processes import Processes, processes
from benchmarks.stack import start_broker
from pipeline.config import Config, child_environ, use_config
from pipeline.db.migrate import upgrade
from pipeline.db.session import Database
from pipeline.engine.app import workers_answering
from pipeline.local.ports import free_port
from pipeline.local.stack import use_broker
from pipeline.local.web import answers
from pipeline.services import accounts
from tests.faults.harness.sites import RunningSite, at_rest, start_site
from tests.support.postgres import postgres_server
from tests.support.seven_stages import the_seven_stages

#: As `deploy/` has them: name -> queues, pool, tasks at once.
WORKERS: Final = {
    "worker-text": ("text", "threads", 16),
    "worker-image": ("image", "threads", 8),
    "worker-publish": ("publish", "threads", 8),
    "worker-local": ("control,local,canary", "prefork", 2),
}
#: Each has three lanes in the stages that ask: enough for every thread.
_SITES: Final = 10
_POLL_SECONDS: Final = 0.1
_OF_EACH: Final = text(
    "SELECT application_name, count(*) FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1"
)


def figures(*, quick: bool = False) -> Iterator[Figure]:
    """A figure a process: connections at their most; its memory beside it."""
    with postgres_server() as server, tempfile.TemporaryDirectory() as name, the_seven_stages():
        home = Path(name)
        os.environ["IGNY8_TEST_JOURNAL"], os.environ["IGNY8_TEST_LATENCY_SECONDS"] = str(home / "journal"), "0.5"
        url = server.create_database(f"igny8_connections_{os.getpid()}")
        config = Config(home=home, database_url=url, log_level="WARNING", stages_module="tests.support.slow_stages")
        use_config(config)
        database = Database(url)
        upgrade(database)
        with database.transaction() as session:
            accounts.init_installation(session, now=database.now())
        with processes(home) as started:
            start_broker(started, config)
            use_broker(config)
            port = _start(started, config)
            most = _watch(database, port, sites=1 if quick else _SITES)
            for process in (*WORKERS, "beat", "web"):
                megabytes = round(started.peak_megabytes(process))
                shown = {"tasks at once": WORKERS[process][2]} if process in WORKERS else {}
                yield Figure(
                    f"most connections of {process}",
                    "connections",
                    [most.get(process, 0)],
                    more={"megabytes": megabytes, **shown},
                )
        database.dispose()
        use_config(None)


def _start(started: Processes, config: Config) -> int:
    """Every process, known to the database by its name; where the API listens."""
    port = free_port(8000)
    commands: dict[str, tuple[str, ...]] = {
        name: ("worker", "--queues", queues, "--pool", pool, "--concurrency", str(at_once))
        for name, (queues, pool, at_once) in WORKERS.items()
    }
    for name, arguments in {**commands, "beat": ("beat",), "web": ("web", "--port", str(port))}.items():
        environ = child_environ(config, {"PGAPPNAME": name})
        started.start(name, [sys.executable, "-m", "pipeline.cli", *arguments], environ=environ, ready=lambda: True)
    while len(workers_answering()) < len(WORKERS) or not answers(f"http://127.0.0.1:{port}"):
        time.sleep(_POLL_SECONDS)
    return port


def _watch(database: Database, port: int, *, sites: int) -> Mapping[str, int]:
    """Runs at once, and how many connections each process had at its most."""
    most: dict[str, int] = {}
    running: list[RunningSite] = [start_site(database, "three lanes") for _ in range(sites)]
    note(f"{sites} runs …")
    while True:
        with database.reading() as session:
            for name, count in session.execute(_OF_EACH):
                most[name] = max(most.get(name, 0), count)
            if len(at_rest(session, running)) == len(running):
                return most
        answers(f"http://127.0.0.1:{port}")
        time.sleep(_POLL_SECONDS)
