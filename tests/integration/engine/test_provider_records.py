"""What a call is sent with: key and address of the provider's record, as they are when it is held for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from pipeline.ai import ADAPTERS, Connection
from pipeline.ai.port import TextReply, TextRequest
from pipeline.config import config
from pipeline.core.providers import ProviderName
from pipeline.core.states import CallStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.models import AiModel
from pipeline.services import providers
from pipeline.services.providers import ProviderChange
from tests.integration.engine.test_answers import ALONE
from tests.support import fake_provider
from tests.support.worlds import World, make_world

FIRST = Connection(base_url="http://127.0.0.1:9/v1", api_key="sk-first")


class _Telling(fake_provider.FakeProvider):
    """Notes how it was reached, and does something when it is asked."""

    def __init__(self, connection: Connection, reached: list[Connection], then: Callable[[], None]) -> None:
        super().__init__()
        self._connection, self._reached, self._then = connection, reached, then

    def complete_text(self, request: TextRequest) -> TextReply:
        self._reached.append(self._connection)
        self._then()
        return super().complete_text(request)


def _set(database: Database, **change: Any) -> None:
    with database.transaction() as session:
        now = database.now()
        providers.set_provider(session, ProviderName.OPENAI, ProviderChange(**change), home=config().home, now=now)


def _world(database: Database, monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> tuple[World, list[Any]]:
    world = make_world(database, settings={**ALONE, "stages.2.concurrency": "1"})
    reached: list[Connection] = []
    monkeypatch.setitem(ADAPTERS, "openai", lambda connection: _Telling(connection, reached, then))
    with database.transaction() as session:
        session.execute(update(AiModel).where(AiModel.name == "fake-text").values(provider="openai"))
    world.keywords(["fine 1", "fine 2"])
    return world, reached


def test_a_key_that_is_changed_during_a_run_is_used_at_the_next_call(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, reached = _world(database, monkeypatch, lambda: _set(database, api_key="sk-second"))
    _set(database, api_key=FIRST.api_key, base_url=FIRST.base_url)

    world.run()

    assert reached == [FIRST, Connection(FIRST.base_url, "sk-second")]
    world.assert_sound()


def test_a_server_of_ones_own_needs_no_key(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    world, reached = _world(database, monkeypatch, lambda: None)
    _set(database, base_url=FIRST.base_url)

    world.run()

    assert reached == [Connection(FIRST.base_url, None)] * 2


@pytest.mark.parametrize(
    ("change", "remedy"),
    [({"api_key": ""}, "--api-key-stdin"), ({"is_enabled": False}, "--enable")],
    ids=["no-key", "switched-off"],
)
def test_a_provider_that_cannot_be_asked_ends_the_stage_with_the_remedy_and_nothing_is_held(
    database: Database, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], remedy: str
) -> None:
    world, reached = _world(database, monkeypatch, lambda: None)
    _set(database, api_key="sk")
    run_id = world.start()
    _set(database, **change)

    world.driver.run_to_end(run_id)

    stage = world.stages(run_id)[2]
    assert stage.status is StageRunStatus.FAILED
    assert remedy in (stage.reason or "")
    assert (reached, world.calls()) == ([], [])
    world.assert_sound()


def test_a_provider_that_is_switched_off_during_a_run_is_asked_no_more(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, reached = _world(database, monkeypatch, lambda: _set(database, is_enabled=False))
    _set(database, api_key=FIRST.api_key)

    run_id = world.run()

    assert len(reached) == 1
    assert [call.status for call in world.calls()] == [CallStatus.SETTLED]
    assert world.stages(run_id)[2].status is StageRunStatus.FAILED
    world.assert_sound()
