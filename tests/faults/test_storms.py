"""Workers of two versions are asked to stop again and again; people pause, resume and cancel; old messages come.

`make test`: a few seconds of each; `--all`: on every backend, an order to stop every 20 s, and a longer storm.
"""

from __future__ import annotations

import inspect
import json
import time
import uuid
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from sqlalchemy import select

from pipeline.core.errors import ConflictError
from pipeline.core.states import CallStatus, RunStatus
from pipeline.engine import sending
from pipeline.engine.app import app
from pipeline.models import AiCall, Run, StageRun
from pipeline.services import run_control
from tests.faults.conftest import EVERYWHERE
from tests.faults.harness.backends import EmbeddedBackend, RabbitBackend, RedisBackend
from tests.faults.harness.fleet import fleet
from tests.faults.harness.older import older_tree
from tests.faults.harness.siege import Siege, besieged, new_database, short_home
from tests.faults.harness.sites import RunningSite, make_site, start_run
from tests.support.seven_stages import the_seven_stages

pytestmark = pytest.mark.timeout(600)
#: Messages as version 0.1.0 sends them, their ids left out.
_RECORDED: Final = Path(__file__).with_name("messages_0_1_0.json")
#: Lanes of the stages that ask, in the variant that is cancelled.
_LANES: Final = 3


@pytest.fixture(scope="module", params=EVERYWHERE)
def siege(request: pytest.FixtureRequest) -> Iterator[Siege]:
    """A worker and beat of this version, and a worker of an older one."""
    with short_home() as home, the_seven_stages(), fleet(home, on=request.param) as found:
        older = home / "older"
        older.mkdir()
        print(f"the older version is {older_tree(older)}")  # noqa: T201 - shown where a test fails.
        found.roots["worker2"] = older
        with new_database(found.config.database_url) as database, besieged(database, found) as siege:
            found.start("worker", "worker2", "beat")
            yield siege


def test_orders_to_stop_lose_no_call_with_old_and_new_side_by_side(
    siege: Siege, request: pytest.FixtureRequest
) -> None:
    orders, pause_seconds = (8, 20.0) if request.config.getoption("--all") else (1, 0.5)
    lost = siege.count(CallStatus.LOST)
    for number in range(orders):
        siege.start("three lanes")
        siege.wait_for_questions(2)
        name = "worker2" if number % 2 else "worker"
        assert siege.fleet.terminate(name) == 0, siege.fleet.tails()
        siege.fleet.start_soon(name)
        time.sleep(pause_seconds)  # between two orders.

    siege.heal()
    assert siege.complaints() == []
    assert siege.count(CallStatus.LOST) == lost


def test_people_who_pause_resume_and_cancel_without_end(
    siege: Siege, seed: str, request: pytest.FixtureRequest
) -> None:
    random = Random(f"storm {seed}")
    sites, rounds = (8, 60) if request.config.getoption("--all") else (3, 12)
    stormed = [siege.start("three lanes") for _ in range(sites)]
    siege.wait_for_questions(1)

    for _ in range(rounds):
        _control(siege, random.choice(stormed), random.choice(["pause", "resume"]))
        time.sleep(random.random() / 4)  # the instant is what is tested.
    cancelled = start_run(siege.database, make_site(siege.database, "three lanes"))
    siege.wait_for_questions(6)
    seen = siege.fleet.journal.read().asked
    assert _control(siege, cancelled, "cancel")
    for site in stormed:
        _control(siege, site, "resume")

    siege.heal()
    siege.wait(lambda: _status(siege, cancelled) is RunStatus.CANCELLED, what="it is not cancelled")
    assert siege.complaints() == []
    assert _asked_since(siege, cancelled, seen) <= _LANES


def test_a_message_of_the_version_before_is_understood(siege: Siege) -> None:
    recorded = json.loads(_RECORDED.read_text("utf-8"))
    siege.fleet.terminate("beat")  # nobody but the message says that there is work.
    try:
        site = start_run(siege.database, make_site(siege.database, "one lane"), sends=False)
        siege.sites.append(site)
        _send_as_recorded(siege, recorded["admit"], site)
        siege.wait_for_questions(1)
    finally:
        siege.fleet.start("beat")

    siege.heal()
    assert siege.complaints() == []


def test_every_task_of_the_version_before_takes_what_it_took() -> None:
    app.loader.import_default_modules()
    recorded = json.loads(_RECORDED.read_text("utf-8"))["tasks"]

    refused = []
    for name, count in recorded.items():
        try:
            inspect.signature(app.tasks[name].run).bind(*range(count))
        except (KeyError, TypeError) as error:
            refused.append(f"{name}: {error}")

    assert refused == []


def _control(siege: Siege, site: RunningSite, how: str) -> bool:
    """Do that to its run; whether it could be done."""
    with siege.database.transaction() as session:
        run = session.get_one(Run, site.run_id)
        try:
            getattr(run_control, how)(session, run, actor="test", now=siege.database.now())
        except ConflictError:
            session.rollback()
            return False
    return True


def _status(siege: Siege, site: RunningSite) -> RunStatus:
    with siege.database.reading() as session:
        return session.get_one(Run, site.run_id).status


def _asked_since(siege: Siege, site: RunningSite, seen: Counter[str]) -> int:
    """How many questions of that run the provider saw beyond those that it had `seen`."""
    with siege.database.reading() as session:
        query = select(AiCall.key).join(StageRun, StageRun.id == AiCall.stage_run_id)
        keys = set(session.scalars(query.where(StageRun.run_id == site.run_id)))
    return sum(number for key, number in (siege.fleet.journal.read().asked - seen).items() if key in keys)


def _send_as_recorded(siege: Siege, recorded: Any, site: RunningSite) -> None:
    """Put a message on its queue as it was recorded, about this run: byte by byte where the broker keeps it so."""
    with siege.database.reading() as session:
        first = select(StageRun.id).where(StageRun.run_id == site.run_id, StageRun.number == 1)
        stage_run_id = session.scalars(first).one()
    text = json.dumps(recorded["message"])
    for name, value in {"<stage run>": stage_run_id, "<task>": str(uuid.uuid4())}.items():
        text = text.replace(f'"{name}"', json.dumps(value)).replace(name, str(value))
    message = json.loads(text)
    backend = siege.fleet.backend
    if isinstance(backend, RabbitBackend):
        with sending.producing() as producer:
            own = {"headers": message["headers"], "correlation_id": message["properties"]["correlation_id"]}
            kind = {"content_type": message["content-type"], "content_encoding": message["content-encoding"]}
            producer.publish(json.dumps(message["body"]), exchange="", routing_key=recorded["queue"], **kind, **own)
        return
    assert isinstance(backend, EmbeddedBackend | RedisBackend)
    message["body"] = b64encode(json.dumps(message["body"]).encode()).decode()
    with backend.client() as client:
        client.lpush(recorded["queue"], json.dumps(message))
