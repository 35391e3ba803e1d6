"""engine.md rule 7: a broker that lost what it had is noticed, and what was sent is due at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from sqlalchemy import select, update

from pipeline.config import load_config
from pipeline.core.states import ContentStatus
from pipeline.db.session import Database
from pipeline.engine import dispatch
from pipeline.engine.app import app, connect_to
from pipeline.local.broker import broker_child, forget_socket
from pipeline.local.supervisor import Supervisor
from pipeline.models import Publication
from pipeline.services import placing
from tests.integration.engine.test_answers import ALONE
from tests.support.builders import make_account, make_content, make_site
from tests.support.worlds import make_world


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[redis.Redis]:
    settings = load_config({"IGNY8_HOME": str(tmp_path / "home")})
    supervisor = Supervisor(logs=tmp_path / "logs")
    before = app.conf.broker_url
    supervisor.start(broker_child(settings))
    connect_to(settings.broker_address)
    path = settings.broker_address.removeprefix("redis+socket://").partition("?")[0]
    with redis.Redis(unix_socket_path=path) as client:
        yield client
    connect_to(before)
    supervisor.stop()
    forget_socket(settings.home)


def test_a_flushed_broker_makes_what_was_sent_due_at_once(sqlite_database: Database, broker: redis.Redis) -> None:
    world = make_world(sqlite_database, settings=ALONE)
    assert dispatch.watch_generation(sqlite_database)
    world.keywords(["fine 1"])
    run_id = world.start()
    broker.flushall()

    assert dispatch.watch_generation(sqlite_database)

    row = world.stages(run_id)[1]
    assert (row.due_at, row.sends) == (world.driver.clock.at, 1)


def test_a_flushed_broker_makes_a_publication_that_was_sent_due_at_once(
    sqlite_database: Database, broker: redis.Redis
) -> None:
    dispatch.watch_generation(sqlite_database)
    now = sqlite_database.now()
    with sqlite_database.transaction() as session:
        site = make_site(session, account=make_account(session))
        content = make_content(session, site=site, status=ContentStatus.SCHEDULED)
        placing.plan(session, content, slot_at=now, due_at=now, now=now)
        session.execute(update(Publication).values(sends=4, due_at=now + timedelta(minutes=8)))
    broker.flushall()

    assert dispatch.watch_generation(sqlite_database)

    with sqlite_database.reading() as session:
        due_at, sends = session.execute(select(Publication.due_at, Publication.sends)).one()
    assert sends == 4
    assert due_at <= sqlite_database.now()


def test_a_broker_that_kept_its_messages_changes_nothing(sqlite_database: Database, broker: redis.Redis) -> None:
    world = make_world(sqlite_database, settings=ALONE)
    dispatch.watch_generation(sqlite_database)
    world.keywords(["fine 1"])
    run_id = world.start()
    before = world.stages(run_id)[1].due_at

    for _ in range(3):
        assert dispatch.watch_generation(sqlite_database)

    assert world.stages(run_id)[1].due_at == before
    assert broker.llen("generation") == 1


def test_a_broker_that_is_away_is_said_to_be_within_seconds(sqlite_database: Database, tmp_path: Path) -> None:
    before = app.conf.broker_url
    connect_to(f"redis+socket://{tmp_path}/nobody.sock?virtual_host=0")

    there = dispatch.watch_generation(sqlite_database)

    connect_to(before)
    assert not there
