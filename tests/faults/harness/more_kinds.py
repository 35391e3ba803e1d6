"""Owns further kinds of faults of a soak: connections that are cut, PostgreSQL asked to restart, people who pause runs.

Imported for what it registers.
"""

from __future__ import annotations

import signal
import time
from typing import Final

from sqlalchemy import select, text

from pipeline.core.errors import ConflictError
from pipeline.core.states import RunStatus
from pipeline.db.session import DATABASE_AWAY
from pipeline.models import Run
from pipeline.services import run_control
from tests.faults.harness.backends import EmbeddedBackend, RedisBackend
from tests.faults.harness.campaign import Campaign
from tests.faults.harness.kinds import Strike, kind

_ON_POSTGRESQL: Final = ("redis", "rabbitmq")
_PAUSED_SECONDS: Final = 1.0
_CUT_ALL: Final = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = current_user"
)


@kind("connections to the broker cut", struck="connections", on=("embedded", "redis"))
def _cut_broker(given: Strike) -> None:
    backend = given.campaign.processes.backend
    assert isinstance(backend, EmbeddedBackend | RedisBackend)
    with backend.client() as client:
        client.client_kill_filter(_type="normal", skipme=True)


@kind("connections to the database cut", struck="connections", on=_ON_POSTGRESQL)
def _cut_database(given: Strike) -> None:
    database = given.campaign.database
    with database.engine.connect() as connection:
        connection.execute(_CUT_ALL)
    database.dispose()


@kind("database asked to restart", struck="database", on=_ON_POSTGRESQL)
def _restart_database(given: Strike) -> None:
    processes = given.campaign.processes
    processes.end("database", given.random.choice([signal.SIGINT, signal.SIGQUIT]))
    processes.restart("database")
    given.campaign.database.dispose()


@kind("run paused and resumed by a person", struck="people")
def _pause(given: Strike) -> int:
    campaign = given.campaign
    with campaign.database.reading() as session:
        running = session.scalars(select(Run.id).where(Run.status == RunStatus.RUNNING)).all()
    if not running:
        return 0
    run_id = given.random.choice(running)
    if not _control(campaign, run_id, "pause"):
        return 0
    time.sleep(_PAUSED_SECONDS)
    _control(campaign, run_id, "resume")
    return 1


def _control(campaign: Campaign, run_id: int, how: str) -> bool:
    """Whether it could be done; a database that is away is asked again."""
    while True:
        try:
            with campaign.database.transaction() as session:
                run = session.get_one(Run, run_id)
                getattr(run_control, how)(session, run, actor="test", now=campaign.database.now())
        except ConflictError:
            return False
        except DATABASE_AWAY:
            time.sleep(0.2)
        else:
            return True
