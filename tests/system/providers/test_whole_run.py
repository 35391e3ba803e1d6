"""A whole run through the real adapters, a fifth of whose requests meet a fault: the books of both sides agree."""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import select

from pipeline.ai import runware_adapter
from pipeline.core.states import CallStatus, RunStatus
from pipeline.db.session import Database
from pipeline.models import AiCall
from pipeline.services import invariants
from tests.support.postgres import PostgresServer
from tests.system.providers import stand_ins
from tests.system.providers.books import Line, paired
from tests.system.providers.director import Director, Route, directing
from tests.system.providers.faults import Deck, Fault, Met
from tests.system.providers.installation import KEY, Installation
from tests.system.providers.servers import Aimock, Imposter, Mountebank

pytestmark = pytest.mark.timeout(600)
_SEED: Final = 20261128
_ARTICLES: Final = 60
_LANES: Final = 4
_TIMES_EACH: Final = 10
#: What becomes of the call whose request meets a fault: readable, or made but not to be read.
_EXPECTED: Final = {
    Fault.RATE_LIMIT: (CallStatus.VOIDED, CallStatus.VOIDED),
    Fault.BROKEN: (CallStatus.VOIDED, CallStatus.VOIDED),
    Fault.TIMEOUT: (CallStatus.LOST, CallStatus.LOST),
    Fault.TRUNCATION: (CallStatus.SETTLED, CallStatus.LOST),
    Fault.DISCONNECT: (CallStatus.LOST, CallStatus.LOST),
    Fault.BAD_JSON: (CallStatus.SETTLED, CallStatus.LOST),
}


@dataclass(frozen=True)
class Outcome:
    """What a run left behind, on both sides of the wire."""

    report: Any
    director: Director
    lines: list[Line]
    violations: list[str]
    doctor: Any
    costs: Any


@pytest.fixture(scope="module", params=["openai and runware on postgresql", "anthropic and openai on sqlite"])
def outcome(
    request: pytest.FixtureRequest,
    _aimock: Aimock,
    mountebank: Mountebank,
    postgres: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Outcome]:
    texts, images, database = request.param.replace(" and ", " ").replace(" on ", " ").split()
    home = tmp_path_factory.mktemp(f"{texts}-{images}")
    url = f"sqlite:///{home}/igny8.db"
    if database == "postgresql":
        url = postgres.create_database(f"igny8_providers_{os.getpid()}")
    _aimock.forget()
    with ExitStack() as stack:
        director = stack.enter_context(directing(Deck(_SEED)))
        imposter = stack.enter_context(mountebank.imposter(stand_ins.runware_stubs()))
        director.routes = {
            "openai": Route(_aimock.url, stand_ins.openai(_aimock)),
            "anthropic": Route(_aimock.url, stand_ins.anthropic(_aimock)),
            "runware": Route(imposter.url, stand_ins.runware),
        }
        installation = _installed(home, url, director, texts=texts, images=images)
        yield _done(installation, url, director, _aimock, imposter)


def test_the_run_ends_and_most_of_it_is_done(outcome: Outcome) -> None:
    stages = {stage["number"]: stage for stage in outcome.report["stages"]}

    assert outcome.report["status"] in {RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_ERRORS}
    assert outcome.report["credits"]["held"] == "0"
    assert stages[4]["done"] >= _ARTICLES * 0.9
    assert stages[6]["done"] >= 3 * _ARTICLES * 0.8


def test_every_fault_was_met_as_often_as_promised(outcome: Outcome) -> None:
    met = Counter(asked.met.fault for asked in outcome.director.asked if asked.met)

    assert outcome.director.problems == []
    assert min(met[fault] for fault in Fault) >= _TIMES_EACH
    assert sum(met.values()) == pytest.approx(len(outcome.director.asked) / 5, rel=0.05)


def test_every_invariant_is_true(outcome: Outcome) -> None:
    assert outcome.violations == []
    assert [check for check in outcome.doctor["checks"] if not check["ok"]] == []


def test_each_request_was_made_for_a_call_of_its_own_with_the_key_that_was_set(outcome: Outcome) -> None:
    sent = {
        asked.headers.get("authorization", "Bearer ") + asked.headers.get("x-api-key", "")
        for asked in outcome.director.asked
    }

    assert len({line.call.id for line in outcome.lines}) == len(outcome.director.asked)
    assert sent == {f"Bearer {KEY}"}


def test_each_call_became_what_its_fault_makes_of_it(outcome: Outcome) -> None:
    strange = [str(line) for line in outcome.lines if line.call.status is not _expected(line.asked.met)]

    assert strange == []


def test_what_could_not_be_used_is_paid_and_flagged(outcome: Outcome) -> None:
    useless = [line for line in outcome.lines if line.call.status is CallStatus.SETTLED and line.asked.met is not None]

    assert useless
    assert [str(line) for line in useless if "wasted" not in line.call.flags] == []


def test_usage_and_cost_of_each_answered_call_are_the_journals(outcome: Outcome) -> None:
    answered = [line for line in outcome.lines if line.call.status is CallStatus.SETTLED]

    strange = [
        f"{line}: {line.call.cost_picodollars} and {line.cost}"
        for line in answered
        if line.call.cost_picodollars != line.cost
        or (line.usage is not None and (line.call.input_tokens, line.call.output_tokens) != line.usage)
    ]

    assert answered
    assert strange == []


def test_the_cost_of_answered_calls_is_the_journals_sum_less_what_was_lost(outcome: Outcome) -> None:
    journal = sum(line.cost for line in outcome.lines)
    lost = sum(line.cost for line in outcome.lines if line.is_lost)
    booked = sum(line.call.cost_picodollars for line in outcome.lines if line.call.status is CallStatus.SETTLED)

    assert lost
    assert booked == journal - lost


def test_the_report_says_what_was_answered_and_lost_and_what_it_cost(outcome: Outcome) -> None:
    live = outcome.costs["live"]

    assert live["answered"] == sum(line.call.status is CallStatus.SETTLED for line in outcome.lines)
    assert live["lost"] == sum(line.is_lost for line in outcome.lines)
    assert Decimal(live["cost_usd"]) * 10**12 == sum(line.cost for line in outcome.lines if not line.is_lost)


def _expected(met: Met | None) -> CallStatus:
    return CallStatus.SETTLED if met is None else _EXPECTED[met.fault][met.on_the_wire]


def _installed(home: Path, url: str, director: Director, *, texts: str, images: str) -> Installation:
    variables = {
        "IGNY8_DATABASE_URL": url,
        "IGNY8_CALL_TIMEOUT_SECONDS": str(stand_ins.LATE_SECONDS - 2),
        "IGNY8_CALL_HARD_LIMIT_SECONDS": "60",
    }
    installation = Installation(home, variables)
    installation.igny8("init")
    addresses = {"openai": "/v1", "anthropic": "", "runware": "/v1"}
    for provider, model, model_type in ((texts, "stand-in-writer", "text"), (images, "stand-in-painter", "image")):
        address = director.url(provider) + addresses[provider]
        installation.use(provider, address, model=model, model_type=model_type)
    installation.add_site(articles=_ARTICLES, lanes=_LANES)
    return installation


def _done(installation: Installation, url: str, director: Director, aimock: Aimock, imposter: Imposter) -> Outcome:
    report = installation.run()
    with _opened(url) as database, database.reading() as session:
        calls = session.scalars(select(AiCall)).all()
        session.expunge_all()
        violations = invariants.violations(session)
    assert imposter.requests() == len(imposter.journal())
    return Outcome(
        report=report,
        director=director,
        lines=paired(director.asked, calls, [*aimock.journal(), *imposter.journal()], _key_on_the_wire),
        violations=violations,
        doctor=installation.igny8("doctor"),
        costs=installation.igny8("report", "model"),
    )


def _key_on_the_wire(call: AiCall, provider: str) -> str:
    return str(uuid.uuid5(runware_adapter._TASKS, call.key)) if provider == "runware" else call.key


@contextmanager
def _opened(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        database.dispose()
