"""A broker that comes back empty: what it was given is sent again at once, however long the pause would be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from pipeline.config import load_config
from pipeline.db.session import Database
from pipeline.engine import dispatch
from pipeline.engine.app import app, connect_to
from pipeline.local.broker import broker_child, forget_socket, prepare_socket
from pipeline.local.child import Child
from tests.support.worlds import World, make_world


@pytest.fixture
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    """The embedded one, alone."""
    home: Path = tmp_path_factory.mktemp("broker")
    config = load_config({"IGNY8_HOME": str(home)})
    before = app.conf.broker_url
    child = Child(broker_child(config), logs=home / "logs")
    try:
        child.wait_ready()
        connect_to(config.broker_address)
        with redis.Redis(unix_socket_path=str(prepare_socket(home))) as client:
            yield client
    finally:
        connect_to(before)
        child.kill()
        forget_socket(home)


def _sent(world: World, broker: redis.Redis) -> int:
    """How many messages a tick of beat puts on the queue of the first links."""
    dispatch.watch_generation(world.database)
    dispatch.dispatch_due(world.database)
    return int(broker.llen("control"))


def test_what_a_flushed_broker_lost_is_sent_again_at_once(sqlite_database: Database, broker: redis.Redis) -> None:
    world = make_world(sqlite_database)
    assert dispatch.watch_generation(world.database)
    world.keywords(["fine 1"])
    run_id = world.start()
    assert dispatch.publish_stage(world.database, world.stages(run_id)[1].id)
    assert _sent(world, broker) == 1, "it is sent once while the broker keeps it"

    broker.flushall()

    assert _sent(world, broker) == 1
