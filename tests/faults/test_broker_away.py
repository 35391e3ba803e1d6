"""The broker is away for a while and comes back empty: runs are accepted meanwhile, and go on within 30 s.

`make test`: the embedded one, away for three seconds, accepted by the command; `--all`: on every backend, away for a
minute, and accepted by the API too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any, Final

import pytest

from pipeline.config import child_environ
from pipeline.core.roles import Role
from pipeline.core.states import RunStatus
from pipeline.local.web import web_url
from pipeline.services import api_keys
from tests.faults.conftest import EVERYWHERE
from tests.faults.harness.fleet import fleet
from tests.faults.harness.siege import Siege, besieged, new_database, short_home
from tests.faults.harness.sites import MadeSite, make_site, run_of
from tests.support.seven_stages import the_seven_stages

pytestmark = pytest.mark.timeout(300)
#: What the product promises.
_CONSUMING_AGAIN_SECONDS: Final = 30.0


@pytest.fixture(params=EVERYWHERE)
def siege(request: pytest.FixtureRequest) -> Iterator[Siege]:
    """A worker and beat on each backend."""
    with (
        short_home() as home,
        the_seven_stages(),
        fleet(home, on=request.param) as found,
        new_database(found.config.database_url, as_installed=True) as database,
        besieged(database, found) as siege,
    ):
        found.start("worker", "beat")
        yield siege


def test_a_broker_that_comes_back_empty_loses_nothing(siege: Siege, request: pytest.FixtureRequest) -> None:
    at_length = request.config.getoption("--all")
    if at_length:
        siege.fleet.start("web")
    siege.start()
    siege.wait_for_questions(2)

    siege.fleet.kill("broker")
    siege.fleet.backend.empty_broker()
    _accept(siege, _by_command)
    if at_length:
        _accept(siege, _by_api)
    time.sleep(60 if at_length else 3)  # how long it is away is the fault.
    siege.fleet.start("broker")

    assert siege.wait_for_questions(1) <= _CONSUMING_AGAIN_SECONDS
    siege.heal()
    assert siege.complaints() == []


def _accept(siege: Siege, press: Any) -> None:
    """Press Run Now of a new site; it is accepted within seconds."""
    began = time.monotonic()
    made = make_site(siege.database, "one lane")
    answer = press(siege, made)
    assert answer["status"] == RunStatus.QUEUED, answer
    assert time.monotonic() - began < 20, "it was accepted, but who pressed it waited too long"
    with siege.database.reading() as session:
        siege.sites.append(run_of(session, made))


def _by_command(siege: Siege, made: MadeSite) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "run", str(made.site_id), "--account", str(made.account_id), "--json"],
        env=child_environ(siege.fleet.config),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _by_api(siege: Siege, made: MadeSite) -> Any:
    now = siege.database.now()
    with siege.database.transaction() as session:
        key = api_keys.make_key(session, account_id=made.account_id, role=Role.OWNER, now=now).key
    url = web_url(siege.fleet.config.home)
    asked = urllib.request.Request(  # noqa: S310  # its own address.
        f"{url}/api/v1/sites/{made.site_id}/runs", method="POST", data=b"{}",
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(asked, timeout=20) as answer:  # noqa: S310  # as above.
        return json.load(answer)
