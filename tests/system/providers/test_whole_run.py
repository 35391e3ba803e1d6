"""A whole run through the real adapters, a fifth of whose requests meet a fault: the books of both sides agree."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import pytest

from pipeline.core.states import CallStatus, RunStatus
from tests.support.postgres import PostgresServer
from tests.system.providers.books import Line, paired
from tests.system.providers.faults import Deck, Fault, Met
from tests.system.providers.installation import KEY
from tests.system.providers.whole_runs import Outcome, StandIns, installation_of, key_on_the_wire

pytestmark = pytest.mark.timeout(600)
_SEED: Final = 20261128
_ARTICLES: Final = 60
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
class Compared:
    """A run and its lines: every request with its call."""

    run: Outcome
    lines: list[Line]


@pytest.fixture(scope="module", params=["openai and runware on postgresql", "anthropic and openai on sqlite"])
def outcome(
    request: pytest.FixtureRequest,
    servers_of_both: StandIns,
    postgres: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Compared:
    texts, _, images, _, database = request.param.split()
    home = tmp_path_factory.mktemp(f"{texts}-{images}")
    url = f"sqlite:///{home}/igny8.db"
    if database == "postgresql":
        url = postgres.create_database(f"igny8_providers_{os.getpid()}")
    installation = installation_of(home, url)
    run = servers_of_both.run(installation, texts=texts, images=images, articles=_ARTICLES, deck=Deck(_SEED))
    return Compared(run, paired(run.director.asked, run.calls, run.served, key_on_the_wire))


def test_the_run_ends_and_most_of_it_is_done(outcome: Compared) -> None:
    stages = {stage["number"]: stage for stage in outcome.run.report["stages"]}

    assert outcome.run.report["status"] in {RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_ERRORS}
    assert outcome.run.report["credits"]["held"] == "0"
    assert stages[4]["done"] >= _ARTICLES * 0.9
    assert stages[6]["done"] >= 3 * _ARTICLES * 0.8


def test_every_fault_was_met_as_often_as_promised(outcome: Compared) -> None:
    met = Counter(asked.met.fault for asked in outcome.run.director.asked if asked.met)

    assert outcome.run.director.problems == []
    assert min(met[fault] for fault in Fault) >= _TIMES_EACH
    assert sum(met.values()) == pytest.approx(len(outcome.run.director.asked) / 5, rel=0.05)


def test_every_invariant_is_true(outcome: Compared) -> None:
    assert outcome.run.violations == []
    assert [check for check in outcome.run.doctor["checks"] if not check["ok"]] == []


def test_each_request_was_made_for_a_call_of_its_own_with_the_key_that_was_set(outcome: Compared) -> None:
    sent = {
        asked.headers.get("authorization", "Bearer ") + asked.headers.get("x-api-key", "")
        for asked in outcome.run.director.asked
    }

    assert len({line.call.id for line in outcome.lines}) == len(outcome.run.director.asked)
    assert sent == {f"Bearer {KEY}"}


def test_each_call_became_what_its_fault_makes_of_it(outcome: Compared) -> None:
    strange = [str(line) for line in outcome.lines if line.call.status is not _expected(line.asked.met)]

    assert strange == []


def test_what_could_not_be_used_is_paid_and_flagged(outcome: Compared) -> None:
    useless = [line for line in outcome.lines if line.call.status is CallStatus.SETTLED and line.asked.met is not None]

    assert useless
    assert [str(line) for line in useless if "wasted" not in line.call.flags] == []


def test_usage_and_cost_of_each_answered_call_are_the_journals(outcome: Compared) -> None:
    answered = [line for line in outcome.lines if line.call.status is CallStatus.SETTLED]

    strange = [
        f"{line}: {line.call.cost_picodollars} and {line.cost}"
        for line in answered
        if line.call.cost_picodollars != line.cost
        or (line.usage is not None and (line.call.input_tokens, line.call.output_tokens) != line.usage)
    ]

    assert answered
    assert strange == []


def test_the_cost_of_answered_calls_is_the_journals_sum_less_what_was_lost(outcome: Compared) -> None:
    journal = sum(line.cost for line in outcome.lines)
    lost = sum(line.cost for line in outcome.lines if line.is_lost)
    booked = sum(line.call.cost_picodollars for line in outcome.lines if line.call.status is CallStatus.SETTLED)

    assert lost
    assert booked == journal - lost


def test_the_report_says_what_was_answered_and_lost_and_what_it_cost(outcome: Compared) -> None:
    live = outcome.run.costs["live"]

    assert live["answered"] == sum(line.call.status is CallStatus.SETTLED for line in outcome.lines)
    assert live["lost"] == sum(line.is_lost for line in outcome.lines)
    assert Decimal(live["cost_usd"]) * 10**12 == sum(line.cost for line in outcome.lines if not line.is_lost)


def _expected(met: Met | None) -> CallStatus:
    return CallStatus.SETTLED if met is None else _EXPECTED[met.fault][met.on_the_wire]
