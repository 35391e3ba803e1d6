"""Past one machine: the same product on a real Redis and a real PostgreSQL, with nothing but two addresses changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from pipeline.db.session import Database
from pipeline.services import invariants
from tests.support.postgres import PostgresServer
from tests.support.processes import environ_of_home, processes_of_home
from tests.support.redis_server import redis_server

_PATIENCE_SECONDS = 180


@pytest.fixture(scope="module")
def addresses(postgres: PostgresServer) -> Iterator[Mapping[str, str]]:
    url = postgres.create_database(f"igny8_system_{os.getpid()}")
    with redis_server() as broker:
        yield {"IGNY8_DATABASE_URL": url, "IGNY8_BROKER_URL": broker}


@pytest.fixture(scope="module")
def demo(addresses: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    home = tmp_path_factory.mktemp("system") / "home"
    done = _igny8(home, addresses, "demo", "--json")
    assert done.returncode == 0, done.stderr
    return home, json.loads(done.stdout)


def test_the_demo_runs_on_redis_and_postgresql(demo: tuple[Path, dict[str, Any]]) -> None:
    _, story = demo

    assert story["run"]["status"] == "completed"
    assert sum(story["contents"].values()) >= 20
    assert story["published"]["status"] == "published"
    assert story["run"]["credits"]["held"] == "0"


def test_nothing_of_the_embedded_default_was_used(demo: tuple[Path, dict[str, Any]]) -> None:
    home, _ = demo

    assert not (home / "igny8.db").exists()
    assert not (home / "broker").exists()
    assert processes_of_home(home) == []


def test_the_books_balance_on_postgresql(demo: tuple[Path, dict[str, Any]], addresses: Mapping[str, str]) -> None:
    database = Database(addresses["IGNY8_DATABASE_URL"])

    with database.reading() as session:
        found = invariants.violations(session)
        settled = session.scalar(text("SELECT count(*) FROM ai_calls WHERE status = 'settled'"))
    database.dispose()

    assert found == []
    assert settled
    assert demo[1]["run"]["stages"][5]["done"] >= 20


def test_a_second_run_with_three_lanes_is_waited_for(
    demo: tuple[Path, dict[str, Any]], addresses: Mapping[str, str]
) -> None:
    home, story = demo
    site = str(story["site"]["id"])
    changes = [f"stages.{number}.concurrency=3" for number in (1, 2, 4, 5, 6)]
    assert _igny8(home, addresses, "settings", "set", site, *changes).returncode == 0

    done = _igny8(home, addresses, "run", site, "--wait", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "completed"


def _igny8(home: Path, addresses: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        env={**environ_of_home(home), **addresses},
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )
