"""A database is brought up to the next version while workers of this one work: they finish, then are replaced."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from pipeline.core.states import CallStatus
from pipeline.db.migrate import SchemaState, _alembic, schema_state
from tests.faults.harness.sites import start_site
from tests.support.installations import Installation, installed
from tests.support.postgres import PostgresServer
from tests.support.processes import wait_until
from tests.support.sources import ROOT

pytestmark = [pytest.mark.extended, pytest.mark.timeout(600)]
_HEAD = ScriptDirectory.from_config(_alembic()).get_current_head()
_NEXT = '''"""The next version: what it does to tables that everybody works on."""

import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{head}"
branch_labels = None
depends_on = None
breaks_older = {breaks}


def upgrade() -> None:
    for table in ("ai_calls", "runs", "stage_runs", "lanes", "stage_items", "accounts", "contents"):
        op.add_column(table, sa.Column("of_the_next_version", sa.String(9), nullable=False, server_default="x"))
    op.create_index("ix_of_the_next_version", "stage_items", ["of_the_next_version"])
    op.create_table("next_things", sa.Column("id", sa.Integer(), primary_key=True))
'''


@pytest.fixture(params=("sqlite", "postgresql"))
def installation(request: pytest.FixtureRequest) -> Iterator[Installation]:
    """One on each database, slow enough to be met at work."""
    url = None
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.create_database(f"igny8_upgrade_{os.getpid()}")
    with installed(url, {"IGNY8_TEST_LATENCY_SECONDS": "1"}) as found:
        yield found


def _next_version(folder: Path, *, breaks: bool) -> Path:
    """This tree's packages with one migration more."""
    for package in ("pipeline", "stages", "scheduler"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "celeryconfig.py", folder)
    script = folder / "pipeline" / "db" / "migrations" / "versions" / "9001_next.py"
    script.write_text(_NEXT.format(head=_HEAD, breaks=breaks), "utf-8")
    return folder


def test_old_workers_finish_while_the_database_is_brought_up_and_are_replaced(
    installation: Installation, tmp_path: Path
) -> None:
    code = _next_version(tmp_path / "next", breaks=False)
    started = installation.started
    installation.worker("old", pool="threads", at_once=4)
    sites = [start_site(installation.database, "three lanes") for _ in range(3)]
    wait_until(lambda: len(installation.requests) > 3)

    done = started.call("db", "upgrade", code=code)

    assert done.returncode == 0, done.stderr
    assert schema_state(installation.database) is SchemaState.AHEAD
    asked = len(installation.requests)
    sites.append(start_site(installation.database, "one lane"))
    wait_until(lambda: len(installation.requests) > asked + 2, seconds=60)
    # One of the old version that is started now finds what it needs.
    installation.worker("old again", pool="threads", at_once=2)
    quick = {"IGNY8_TEST_LATENCY_SECONDS": "0.05"}
    installation.worker("new", pool="threads", at_once=4, code=code, environ=quick)
    started.start("new beat", "beat", code=code)
    for name in ("old", "old again", "beat"):
        started.ask_to_stop(name)
    assert {name: started.wait(name) for name in ("old", "old again")} == {"old": 0, "old again": 0}
    for name in ("old", "old again", "beat"):
        started.kill(name)
    sites.append(start_site(installation.database, "one lane"))
    installation.wait_at_rest(sites)
    assert installation.count(CallStatus.LOST) == 0


def test_an_old_worker_does_not_start_where_something_was_taken_away(
    installation: Installation, tmp_path: Path
) -> None:
    code = _next_version(tmp_path / "next", breaks=True)
    started = installation.started

    early = started.call("worker", code=code)
    assert (early.returncode, early.stdout) == (1, "")
    assert "Run `igny8 db upgrade` first." in early.stderr
    assert started.call("db", "upgrade", code=code).returncode == 0
    for command in ("worker", "beat", "web", "flower"):
        late = started.call(command)
        assert late.returncode == 1
        assert "made by a newer version of IGNY8 Pipeline than this one" in late.stderr

    with installation.database.reading() as session:
        assert session.scalars(text("SELECT version_num FROM alembic_version")).all() == ["9001"]
        assert session.scalars(text("SELECT revision FROM schema_floor")).all() == ["9001"]
