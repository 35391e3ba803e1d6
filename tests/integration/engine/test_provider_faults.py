"""What a provider says over real HTTP, through adapter and engine: what becomes of calls, items and stage."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import update

from pipeline.config import config
from pipeline.core.providers import ProviderName
from pipeline.core.states import CallStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.engine import gates, wire
from pipeline.models import AiModel, IntegrationProvider
from pipeline.services import providers
from pipeline.services.providers import ProviderChange
from tests.integration.engine.test_answers import ALONE
from tests.support.provider_server import Fault, ProviderServer, provider_server
from tests.support.worlds import World, make_world

KEY = "sk-planted-0123456789abcdef"
AGAIN = ["voided", "settled"]


@pytest.fixture(autouse=True)
def lanes() -> int:
    """One: these are about a single call."""
    return 1


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with provider_server() as server:
        yield server


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(wire, "nap", waited.append)
    return waited


@pytest.fixture
def world(database: Database, server: ProviderServer, naps: list[float]) -> Iterator[World]:
    """Its texts come from the server, by the adapter for OpenAI."""
    gates._suspects.clear()
    world = make_world(database, settings=ALONE)
    with database.transaction() as session:
        session.execute(update(AiModel).where(AiModel.name == "fake-text").values(provider="openai"))
        change = ProviderChange(api_key=KEY, base_url=server.openai)
        providers.set_provider(session, ProviderName.OPENAI, change, home=config().home, now=world.driver.clock.at)
    world.keywords(["fine 1"])
    yield world
    world.assert_sound()


def _told(world: World) -> str:
    """Everything that is kept of calls and stages."""
    calls = " ".join(str(vars(call)) for call in world.calls())
    return calls + " ".join(str(row.reason) for row in world.stages(1).values())


@pytest.mark.parametrize(
    "expected",
    [
        (Fault(status=429, headers={"Retry-After": "2"}), AGAIN, 0),
        (Fault(status=429), AGAIN, 0),
        (Fault(status=429, headers={"retry-after-ms": "1500"}), AGAIN, 0),
        (Fault(status=429, headers={"Retry-After": "40"}), AGAIN, 0),
        (Fault(status=500), AGAIN, 0),
        (Fault(status=503, headers={"Retry-After": "3"}), AGAIN, 0),
        (Fault(status=529), AGAIN, 0),
        (Fault(disconnect="unanswered"), ["lost", "settled"], 1),
        (Fault(disconnect="cut"), ["lost", "settled"], 1),
        (Fault(text='{"texts": ['), ["settled", "settled"], 0),
    ],
    ids=lambda value: _name(value[0]),
)
def test_what_may_pass_is_asked_for_again_and_done(
    server: ProviderServer, world: World, naps: list[float], expected: tuple[Fault, list[str], int]
) -> None:
    fault, statuses, attempts = expected
    server.faults.append(fault)

    run_id = world.run()

    assert [call.status.value for call in world.calls()] == statuses
    assert len(server.journal) == len(statuses)
    assert [(item.status.value, item.attempts) for item in world.items(run_id, 2)] == [("done", attempts)]
    assert max(naps, default=0) <= config().call_wait_seconds * 1.1
    assert KEY not in _told(world)


def _name(fault: Fault) -> str:
    return "-".join(
        filter(None, [str(fault.status or ""), *fault.headers.values(), fault.disconnect, fault.text and "cut-text"])
    )


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(status=401, code="invalid_api_key", message=f"Incorrect API key provided: {KEY}."), "--api-key-stdin"),
        (Fault(status=403, code="permission_denied"), "--api-key-stdin"),
        (Fault(status=429, code="insufficient_quota", headers={"Retry-After": "1"}), "billing page of openai"),
        (Fault(status=404, code="model_not_found"), "refuses the model"),
    ],
    ids=["401", "403", "quota", "404"],
)
def test_what_only_people_can_mend_ends_the_stage_at_once_with_the_remedy(
    world: World, server: ProviderServer, fault: Fault, says: str
) -> None:
    world.keywords(["fine 2", "fine 3"])
    server.always = fault

    run_id = world.run()

    stage = world.stages(run_id)[2]
    assert stage.status is StageRunStatus.FAILED
    assert says in (stage.reason or "")
    assert "openai" in (stage.reason or "")
    assert len(server.journal) == 1
    assert {item.status.value for item in world.items(run_id, 2)} == {"released"}
    assert [call.status for call in world.calls()] == [CallStatus.VOIDED]
    assert KEY not in _told(world)


def test_a_refused_request_fails_its_item_alone(world: World, server: ProviderServer) -> None:
    world.keywords(["fine 2"])
    server.faults.append(Fault(status=400, code="invalid_request_error"))

    run_id = world.run()

    assert [item.status.value for item in world.items(run_id, 2)] == ["failed", "done"]
    assert [call.status for call in world.calls()] == [CallStatus.VOIDED, CallStatus.SETTLED]


def test_a_provider_that_is_not_there_is_waited_for_and_given_up(world: World, server: ProviderServer) -> None:
    with world.database.transaction() as session:
        change = ProviderChange(api_key=KEY, base_url="http://127.0.0.1:9/v1")
        now = world.driver.clock.at
        providers.set_provider(session, ProviderName.OPENAI, change, home=config().home, now=now)

    run_id = world.run()

    stage = world.stages(run_id)[2]
    assert stage.status is StageRunStatus.PROVIDER_UNAVAILABLE
    assert "openai has not answered since" in (stage.reason or "")
    assert {call.status for call in world.calls()} == {CallStatus.VOIDED}
    assert server.journal == []


@pytest.mark.parametrize("host", ["192.168.1.300:11434", "☃.net", "[v1.x]"])
def test_an_address_from_before_that_no_client_takes_costs_nothing_and_says_the_remedy(
    world: World, server: ProviderServer, host: str
) -> None:
    _keep_address(world, f"http://{host}/v1")

    run_id = world.run()

    stage = world.stages(run_id)[2]
    assert (stage.status, stage.lost) == (StageRunStatus.FAILED, 0)
    assert f"openai cannot be asked at http://{host}/v1" in (stage.reason or "")
    assert "igny8 providers set openai --base-url" in (stage.reason or "")
    assert [call.status for call in world.calls()] == [CallStatus.VOIDED]
    assert KEY not in _told(world)
    assert server.journal == []


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example"])
def test_a_name_from_before_that_cannot_be_looked_up_costs_nothing(world: World, host: str) -> None:
    _keep_address(world, f"http://{host}/v1")

    run_id = world.run()

    stage = world.stages(run_id)[2]
    assert (stage.status, stage.lost) == (StageRunStatus.PROVIDER_UNAVAILABLE, 0)
    assert {call.status for call in world.calls()} == {CallStatus.VOIDED}


def _keep_address(world: World, url: str) -> None:
    """As it was kept before hosts were looked at."""
    with world.database.transaction() as session:
        query = update(IntegrationProvider).where(IntegrationProvider.name == "openai")
        session.execute(query.values(base_url=url))
