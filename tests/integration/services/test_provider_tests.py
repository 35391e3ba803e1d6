"""A provider's test is one real call over HTTP: a row of the platform's own, charged to nobody, and what it proved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select, update

from pipeline.config import config
from pipeline.core.errors import InvalidValueError, NotFoundError, NotReadyError
from pipeline.core.money import picodollars
from pipeline.core.providers import ProviderName
from pipeline.core.states import CallStatus
from pipeline.models import Account, AiCall, AiModel, AuditEvent, CreditEntry, IntegrationProvider
from pipeline.services import cost_reports, invariants, providers
from pipeline.services.cost_reports import PROVIDER_TESTS, Period, ReportBy
from pipeline.services.models import UNKNOWN_COST
from pipeline.services.providers import ProviderChange
from tests.support.provider_server import IMAGE_COST, Fault, ProviderServer
from tests.support.tested_providers import KEY, answering_server, make_providers, tried_of

if TYPE_CHECKING:
    from pipeline.db.session import Database


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with answering_server() as served:
        yield served


@pytest.fixture
def made(database: Database, server: ProviderServer) -> Database:
    """An installation whose providers are the server."""
    make_providers(database, server)
    return database


def _call(database: Database) -> AiCall:
    with database.reading() as session:
        return session.scalars(select(AiCall).order_by(AiCall.id.desc()).limit(1)).one()


def _assert_nobody_paid(database: Database) -> None:
    with database.reading() as session:
        assert invariants.violations(session) == []
        charges = select(func.count()).select_from(CreditEntry).where(CreditEntry.kind == "charge")
        assert session.scalar(charges) == 0
        assert session.scalar(select(func.sum(Account.held))) == 0


def test_one_call_of_the_cheapest_text_model_is_made_and_booked(made: Database, server: ProviderServer) -> None:
    tried = tried_of(made, "openai")

    (asked,) = server.journal
    call = _call(made)
    used = asked.input_tokens + asked.output_tokens
    assert (asked.body["model"], asked.headers["authorization"]) == ("cheap", f"Bearer {KEY}")
    assert (tried.works, tried.model, tried.call_id, tried.status) == (True, "cheap", call.id, CallStatus.SETTLED)
    assert tried.proved[:2] == ("it is reached", "it takes the key")
    assert len(tried.proved) == 4
    assert tried.doubts == ()
    assert tried.cost_picodollars == call.cost_picodollars == picodollars(Decimal(used) / 1_000 * Decimal("0.001"))
    assert (call.stage_run_id, call.step, call.held_amount, call.charged_amount) == (None, "test", 0, 0)
    assert (call.input_tokens, call.output_tokens, call.flags) == (asked.input_tokens, asked.output_tokens, [])
    assert call.parameters["max_output_tokens"] == asked.body["max_completion_tokens"]
    assert call.answer == 'stop\n{"works": true}'
    _assert_nobody_paid(made)
    with made.reading() as session:
        told = session.scalars(select(AuditEvent).where(AuditEvent.action == "provider.tested")).one()
    assert (told.actor, told.details) == ("tester", {"name": "openai", "model": "cheap"})


@pytest.mark.parametrize(
    ("name", "model", "cost"),
    [
        ("anthropic", "claude", None),
        ("runware", "flux", picodollars(Decimal(IMAGE_COST))),
        ("openai", "gpt-image-1", picodollars(Decimal("0.011"))),
    ],
)
def test_every_provider_is_asked_as_it_is_spoken_to(
    made: Database, server: ProviderServer, name: str, model: str, cost: int | None
) -> None:
    tried = tried_of(made, name, model if name == "openai" else None)

    assert (tried.works, tried.model, tried.error) == (True, model, None)
    assert len(server.journal) == 1
    assert tried.cost_picodollars > 0 if cost is None else tried.cost_picodollars == cost
    assert KEY not in str(tried)
    _assert_nobody_paid(made)


@pytest.mark.parametrize("name", ["openai", "anthropic", "runware"])
def test_an_address_from_before_that_no_client_takes_is_told_with_the_remedy(
    made: Database, server: ProviderServer, name: str
) -> None:
    with made.transaction() as session:
        session.execute(update(IntegrationProvider).values(base_url="http://192.168.1.300:11434/v1"))

    tried = tried_of(made, name)

    assert (tried.works, tried.status, _call(made).status) == (False, "voided", "voided")
    assert f"{name} cannot be asked at http://192.168.1.300:11434/v1" in (tried.error or "")
    assert f"igny8 providers set {name} --base-url" in (tried.error or "")
    assert server.journal == []
    assert KEY not in str(tried)
    _assert_nobody_paid(made)


@pytest.mark.parametrize(
    ("fault", "status", "remedy"),
    [
        (Fault(status=401, message=f"Incorrect API key provided: {KEY}"), "voided", "igny8 providers set openai"),
        (Fault(status=429, code="insufficient_quota"), "voided", "Add funds"),
        (Fault(status=429, code="rate_limit_exceeded"), "voided", "Wait a minute"),
        (Fault(status=404, code="model_not_found"), "voided", "igny8 models list"),
        (Fault(status=400), "voided", "igny8 models list"),
        (Fault(status=503), "voided", "igny8 providers list"),
        (Fault(disconnect="unanswered"), "lost", "may have been billed"),
        (Fault(body=b"<html>no</html>"), "lost", "may have been billed"),
    ],
)
def test_a_failure_says_the_remedy_and_never_the_key(
    made: Database, server: ProviderServer, fault: Fault, status: str, remedy: str
) -> None:
    server.faults = [fault]

    tried = tried_of(made, "openai")

    call = _call(made)
    assert (tried.works, tried.status, call.status) == (False, status, status)
    assert remedy in (tried.error or "")
    assert "The key works" not in (tried.error or "")
    assert (tried.error or "").lower().count("may have been billed") == (status == "lost")
    assert tried.as_json()["cost_usd"] == (None if status == "lost" else "0")
    assert KEY not in json.dumps([tried.as_json(), call.error], default=str)
    assert len(server.journal) == 1
    assert (call.cost_picodollars, call.resolved_at is None) == (0, False)
    _assert_nobody_paid(made)


def test_an_answer_that_is_not_the_json_that_was_asked_for_is_paid_and_told(
    made: Database, server: ProviderServer
) -> None:
    server.writer = lambda *_: "certainly!"

    tried = tried_of(made, "openai")

    assert (tried.works, tried.status, tried.cost_picodollars > 0) == (False, CallStatus.SETTLED, True)
    assert "not in the JSON" in (tried.error or "")


def test_what_an_answer_leaves_open_is_told(made: Database, server: ProviderServer) -> None:
    server.faults = [Fault(text='```json\n{"works": true}\n```', change=lambda told: told | {"usage": None})]

    tried = tried_of(made, "openai")

    assert (tried.works, len(tried.doubts)) == (True, 2)
    assert _call(made).flags == ["usage_missing"]


def test_a_model_that_thinks_has_room_for_it(made: Database, server: ProviderServer) -> None:
    server.thinks = 1_500
    cut = tried_of(made, "openai")
    with made.transaction() as session:
        session.execute(update(AiModel).where(AiModel.name == "cheap").values(thinking_tokens=2_000))

    tried = tried_of(made, "openai")

    assert [request.body["max_completion_tokens"] for request in server.journal] == [1_000, 3_000]
    assert cut.doubts[0].endswith("igny8 models set cheap --thinking-tokens N")
    assert (cut.output_tokens, tried.output_tokens, tried.doubts) == (1_000, 1_504, ())


def test_a_cost_that_nobody_gave_is_told(made: Database) -> None:
    with made.transaction() as session:
        session.execute(update(AiModel).values(cost_per_1k_output=None, cost_per_image=None))

    assert tried_of(made, "openai").doubts == (UNKNOWN_COST,)
    assert tried_of(made, "runware").doubts == ()  # It says what an image cost.


def test_it_is_a_line_of_its_own_in_the_reports(made: Database) -> None:
    tried = tried_of(made, "runware")

    for by in (ReportBy.MODEL, ReportBy.STAGE, ReportBy.SITE):
        with made.reading() as session:
            report = cost_reports.cost_report(
                session, by, account_id=None, period=Period.of(None, None, now=made.now())
            )
        (row,) = report.rows
        assert (row.name, row.figures.answered, row.figures.charged_ucr) == (PROVIDER_TESTS, 1, 0)
        assert row.figures.cost_picodollars == tried.cost_picodollars == report.live.cost_picodollars


def test_what_cannot_be_asked_is_refused_before_anything_is_written(made: Database, server: ProviderServer) -> None:
    with pytest.raises(InvalidValueError, match="Use one of anthropic, offline, openai, runware"):
        tried_of(made, "stripe")
    with pytest.raises(NotFoundError):
        tried_of(made, "openai", "nobody")
    with pytest.raises(InvalidValueError, match="claude is a model of anthropic"):
        tried_of(made, "openai", "claude")
    with made.transaction() as session:
        providers.set_provider(
            session, ProviderName.OPENAI, ProviderChange(api_key="", base_url=""), home=config().home, now=made.now()
        )
    with pytest.raises(NotReadyError, match="igny8 providers set openai --api-key-stdin"):
        tried_of(made, "openai")

    with made.reading() as session:
        assert session.scalar(select(func.count()).select_from(AiCall)) == 0
    assert server.journal == []


def test_a_test_whose_process_went_away_is_lost_when_the_next_one_begins(made: Database) -> None:
    tried_of(made, "offline")
    with made.transaction() as session:
        first = session.scalars(select(AiCall)).one()
        first.status, first.answer, first.resolved_at = CallStatus.DISPATCHED, None, None
        first.created_at = made.now() - timedelta(hours=1)

    tried = tried_of(made, "offline")

    with made.reading() as session:
        assert dict(session.execute(select(AiCall.id, AiCall.status)).all()) == {
            first.id: CallStatus.LOST, tried.call_id: CallStatus.SETTLED,
        }  # fmt: skip
    _assert_nobody_paid(made)
