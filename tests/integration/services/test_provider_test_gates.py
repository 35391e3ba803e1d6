"""A provider's test keeps to the pace of all workers, and is the call that is tried where a model is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from pipeline.ai.port import UnavailableError
from pipeline.config import config
from pipeline.core.catalog import ModelType
from pipeline.core.errors import ConflictError
from pipeline.core.pricing import Price
from pipeline.core.providers import ProviderName
from pipeline.core.states import CallStatus
from pipeline.engine import breaker, gates, pace, wire
from pipeline.engine.breaker import Target
from pipeline.models import AiCall, AuditEvent, IntegrationProvider, ProviderBreaker
from pipeline.services import invariants, providers
from pipeline.services.providers import ProviderChange
from tests.support.provider_server import Fault, ProviderServer
from tests.support.tested_providers import answering_server, make_providers, tried_of

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.db.session import Database

TARGET = Target("openai", "cheap")
DOWN = UnavailableError("it answered 503")


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with answering_server() as served:
        yield served


@pytest.fixture
def made(database: Database, server: ProviderServer) -> Iterator[Database]:
    """An installation whose providers are the server; its books are sound afterwards."""
    gates._suspects.clear()
    make_providers(database, server)
    yield database
    with database.reading() as session:
        assert invariants.violations(session) == []


def _set(database: Database, **limits: int) -> None:
    with database.transaction() as session:
        now, change = database.now(), ProviderChange(**limits)
        providers.set_provider(session, ProviderName.OPENAI, change, home=config().home, now=now)


def _next_call(database: Database) -> datetime | None:
    """From when on the next call keeps to the pace."""
    with database.reading() as session:
        found = session.scalar(select(IntegrationProvider.next_call_us).where(IntegrationProvider.name == "openai"))
    return None if found is None else pace._EPOCH + timedelta(microseconds=found)


def _open(database: Database, *, ago_seconds: float = 0) -> datetime:
    """Five calls have failed; until when the model is left alone."""
    until = None
    for _ in range(config().breaker_failures):
        with database.transaction() as session:
            now = database.now() - timedelta(seconds=ago_seconds)
            until = breaker.failed(session, TARGET, said="503", asked_wait=0, probing=False, now=now)
    assert until is not None
    return until


def _breaker(database: Database) -> ProviderBreaker:
    with database.reading() as session:
        return session.scalars(select(ProviderBreaker)).one()


def _count(database: Database, kind: type[Any]) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(kind)) or 0


def test_a_test_takes_its_place_in_the_pace_of_all_workers(made: Database, server: ProviderServer) -> None:
    _set(made, requests_per_minute=1)
    began = made.now()

    assert tried_of(made, "openai").works
    after = _next_call(made)
    with pytest.raises(ConflictError) as refused:
        tried_of(made, "openai")

    assert after is not None
    assert after >= began + timedelta(seconds=60)
    assert "no room for a test before" in refused.value.message
    assert f"{after - timedelta(seconds=config().call_wait_seconds / 2):%H:%M:%S} UTC" in refused.value.message
    assert "igny8 providers set openai --requests-per-minute" in refused.value.message
    # Refused before anything was written or sent.
    assert (_count(made, AiCall), len(server.journal), _next_call(made)) == (1, 1, after)


def test_a_wait_of_a_moment_is_waited_out(made: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr(wire, "nap", naps.append)
    _set(made, requests_per_minute=20)

    assert tried_of(made, "openai").works
    assert tried_of(made, "openai").works

    assert [0 < seconds <= 3 for seconds in naps] == [True]


def test_the_pace_is_told_of_the_tokens_that_were_used(made: Database) -> None:
    _set(made, tokens_per_minute=10_000)

    tried = tried_of(made, "openai")

    used = (tried.input_tokens or 0) + (tried.output_tokens or 0)
    with made.reading() as session:
        call = session.get_one(AiCall, tried.call_id)
    after = _next_call(made)
    assert after is not None
    # A minute has ten thousand of them; the call began a moment after its row was written.
    assert 0 <= (after - call.created_at).total_seconds() - used * 60 / 10_000 < 5


def test_whoever_was_faster_leaves_no_call_behind(
    made: Database, server: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the pace and the taking of a place another worker takes a minute of it."""
    _set(made, requests_per_minute=1)
    look = gates.look

    def slower(session: Any, price: Price) -> gates.Gate:
        gate = look(session, price)
        pace.take(session, gate.pace, tokens=1, now=made.now())
        return gate

    monkeypatch.setattr(gates, "look", slower)

    with pytest.raises(ConflictError, match="no room for a test before"):
        tried_of(made, "openai")

    with made.reading() as session:
        call = session.scalars(select(AiCall)).one()
    assert (call.status, call.charged_amount, server.journal) == (CallStatus.VOIDED, 0, [])


@pytest.mark.parametrize("ago_seconds", [0, 3_600], ids=["open", "half open"])
def test_an_answer_closes_the_breaker(made: Database, server: ProviderServer, ago_seconds: int) -> None:
    _open(made, ago_seconds=ago_seconds)

    tried = tried_of(made, "openai")

    row = _breaker(made)
    assert (tried.works, len(server.journal)) == (True, 1)
    assert tried.proved[-1] == "runs ask cheap again: it was left alone after 5 failed calls"
    assert (row.failures, row.open_until, row.probing_until, row.openings) == (0, None, None, 0)


def test_a_refused_key_is_an_answer_too(made: Database, server: ProviderServer) -> None:
    _open(made)
    server.faults = [Fault(status=401)]

    tried = tried_of(made, "openai")

    assert (tried.works, tried.alone_until, _breaker(made).open_until) == (False, None, None)


def test_a_failure_before_its_time_leaves_it_open_until_when_it_was(made: Database, server: ProviderServer) -> None:
    until = _open(made)
    server.always = Fault(status=503)

    tried = tried_of(made, "openai")

    row = _breaker(made)
    assert (tried.works, tried.alone_until, row.open_until) == (False, until, until)
    assert f"Runs leave the model alone until {until:%H:%M:%S} UTC." in (tried.error or "")
    assert (row.failures, row.openings, row.probing_until) == (6, 1, None)


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(disconnect="unanswered")], ids=["down", "lost"])
def test_a_failure_at_the_half_open_instant_opens_it_for_longer(
    made: Database, server: ProviderServer, fault: Fault
) -> None:
    _open(made, ago_seconds=3_600)
    server.always, began = fault, made.now()

    tried = tried_of(made, "openai")

    row = _breaker(made)
    assert row.open_until == tried.alone_until
    assert row.open_until is not None
    assert row.open_until >= began + timedelta(seconds=2 * config().breaker_seconds)
    assert (row.openings, row.probing_until) == (2, None)


def test_a_provider_that_asks_for_longer_gets_it(made: Database, server: ProviderServer) -> None:
    _open(made)
    server.always, began = Fault(status=503, headers={"Retry-After": "900"}), made.now()

    tried = tried_of(made, "openai")

    assert tried.alone_until is not None
    assert tried.alone_until >= began + timedelta(seconds=900)


def test_while_a_test_is_under_way_nobody_else_tries(made: Database, server: ProviderServer) -> None:
    """Neither a run at the half-open instant nor another test."""
    until = _open(made)
    seen: list[object] = []

    def meanwhile(*_: object) -> str:
        with pytest.raises(ConflictError, match="is being tried with another call for cheap") as refused:
            tried_of(made, "openai")
        seen.append(refused.value.message)
        with made.reading() as session:
            gate = gates.look(session, Price(1, TARGET.model, TARGET.provider, ModelType.TEXT))
        seen.append(gates.bar(gate, now=until + timedelta(seconds=1)))
        return '{"works": true}'

    server.writer = meanwhile

    assert tried_of(made, "openai").works

    assert isinstance(seen[1], breaker.BreakerOpenError)
    assert (_count(made, AiCall), len(server.journal)) == (1, 1)
    assert _count(made, AuditEvent) == 1


def test_failures_of_tests_open_the_breaker_like_those_of_runs(made: Database, server: ProviderServer) -> None:
    server.always = Fault(status=503)

    alone = [tried_of(made, "openai").alone_until for _ in range(config().breaker_failures)]

    assert [until is not None for until in alone] == [False] * 4 + [True]
