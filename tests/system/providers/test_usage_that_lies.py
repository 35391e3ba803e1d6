"""A run whose provider lies about what was used: nobody pays, or is booked, for what cannot be; each lie is a flag."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from pipeline.core.states import CallStatus, RunStatus
from tests.system.providers.books import Line, paired
from tests.system.providers.stand_ins import Usage
from tests.system.providers.whole_runs import Outcome, StandIns, installation_of, key_on_the_wire

pytestmark = pytest.mark.timeout(600)
_ARTICLES: Final = 6
#: Told in turn, by the number of the request: the truth, far too much, nothing at all, less than nothing.
_TRUTH, _TOO_MUCH, _NOTHING, _NEGATIVE = range(4)
_IMPOSSIBLE: Final = {_TOO_MUCH, _NOTHING, _NEGATIVE}


def _lie(number: int, honest: Usage) -> Usage:
    tokens_in, tokens_out = honest
    far_too_much = (1_000_000 + tokens_in, 1_000_000 + tokens_out)
    return ((tokens_in, tokens_out), far_too_much, (0, 0), (tokens_in, -1))[number % 4]


@pytest.fixture(scope="module", params=["openai", "anthropic"])
def outcome(
    request: pytest.FixtureRequest, servers_of_both: StandIns, tmp_path_factory: pytest.TempPathFactory
) -> Outcome:
    home = tmp_path_factory.mktemp(f"lying-{request.param}")
    installation = installation_of(home, f"sqlite:///{home}/igny8.db")
    servers = replace(servers_of_both, usage=_lie)
    return servers.run(installation, texts=request.param, images="runware", articles=_ARTICLES, deck=None)


@pytest.fixture(scope="module")
def texts(outcome: Outcome) -> list[Line]:
    """Every text that was asked for."""
    lines = paired(outcome.director.asked, outcome.calls, outcome.served, key_on_the_wire)
    return [line for line in lines if line.usage is not None]


def test_the_run_completes_with_every_invariant_true(outcome: Outcome) -> None:
    assert outcome.director.problems == []
    assert outcome.report["status"] == RunStatus.COMPLETED
    assert outcome.violations == []
    assert [check for check in outcome.doctor["checks"] if not check["ok"]] == []


def test_nobody_pays_more_than_was_held(texts: list[Line]) -> None:
    dearer = [line for line in texts if line.asked.number % 4 == _TOO_MUCH]

    assert dearer
    assert [str(line) for line in dearer if not 0 < line.call.charged_amount <= line.call.held_amount] == []
    assert [str(line) for line in dearer if line.call.cost_picodollars >= line.cost] == []


def test_what_can_be_is_our_cost_as_the_journal_says(texts: list[Line]) -> None:
    told = [line for line in texts if line.asked.number % 4 not in _IMPOSSIBLE]

    assert [str(line) for line in told if line.call.cost_picodollars != line.cost] == []


def test_usage_that_cannot_be_is_estimated_and_flagged(texts: list[Line]) -> None:
    estimated = [line for line in texts if "usage_missing" in line.call.flags]

    assert {line.asked.number % 4 for line in estimated} == _IMPOSSIBLE
    assert all(line.call.cost_picodollars > 0 and line.call.output_tokens for line in estimated)


def test_only_lies_are_flagged(texts: list[Line]) -> None:
    honest = [line for line in texts if line.asked.number % 4 == _TRUTH]

    assert honest
    assert [str(line) for line in honest if line.call.flags or line.call.status is not CallStatus.SETTLED] == []
