"""A run on the stand-ins whose worker is killed with -9: no request without its call, and nothing is paid twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
import pytest

from pipeline.core.states import CallStatus, RunStatus
from pipeline.models import AiCall
from tests.support.processes import wait_until
from tests.system.providers.books import cost_of, grouped, sent_key
from tests.system.providers.director import Director
from tests.system.providers.faults import Deck
from tests.system.providers.whole_runs import Outcome, StandIns, installation_of, key_on_the_wire

pytestmark = pytest.mark.timeout(600)
_SEED: Final = 4711
_ARTICLES: Final = 24
#: After how many requests the worker is killed.
_KILLS: Final = (20, 60, 100)
#: A holder that is gone is missed within seconds.
_IMPATIENT: Final = {
    "IGNY8_LEASE_SECONDS": "6",
    "IGNY8_LEASE_RENEW_SECONDS": "2",
    "IGNY8_RESEND_SECONDS": "3",
    "IGNY8_RESEND_MAX_SECONDS": "6",
}


@pytest.fixture(scope="module")
def killed() -> list[int]:
    """The workers that were killed."""
    return []


@pytest.fixture(scope="module")
def outcome(servers_of_both: StandIns, killed: list[int], tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    home = tmp_path_factory.mktemp("killed")

    @contextmanager
    def killing(director: Director) -> Iterator[None]:
        done = threading.Event()
        killer = threading.Thread(target=_kill, args=(director, home, killed, done))
        killer.start()
        try:
            yield
        finally:
            done.set()
            killer.join()

    installation = installation_of(home, f"sqlite:///{home}/igny8.db", **_IMPATIENT)
    return servers_of_both.run(
        installation, texts="openai", images="runware", articles=_ARTICLES, deck=Deck(_SEED), during=killing
    )


def test_the_run_ends_with_every_invariant_true(outcome: Outcome, killed: list[int]) -> None:
    struck = [call for call in outcome.calls if call.status is CallStatus.LOST and call.error == "its worker was gone"]

    assert len(killed) == len(_KILLS)
    assert struck, "no kill struck a call under way: nothing was tested"
    assert outcome.report["status"] in {RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_ERRORS}
    assert outcome.violations == []
    assert [check for check in outcome.doctor["checks"] if not check["ok"]] == []


def test_there_are_no_more_requests_than_calls_dispatched(outcome: Outcome) -> None:
    calls = Counter(key_on_the_wire(call) for call in outcome.calls)
    requests = Counter(sent_key(asked) for asked in outcome.director.asked)

    assert outcome.director.problems == []
    assert requests - calls == Counter()
    assert len({entry.request_id for entry in outcome.served}) == len(outcome.served) <= len(outcome.director.asked)


def test_what_was_answered_costs_what_the_journals_say_and_the_rest_is_lost(outcome: Outcome) -> None:
    served = {entry.request_id: entry for entry in outcome.served}
    requests = grouped(outcome.director.asked, sent_key)

    wrong = []
    for key, calls in grouped(outcome.calls, key_on_the_wire).items():
        costs = [cost_of(asked, served.get(asked.request_id)) for asked in requests.get(key, ())]
        settled = [call.cost_picodollars for call in calls if call.status is CallStatus.SETTLED]
        # An answer that is stored is not asked for again: it is that of the last request.
        unpaid = costs[: len(costs) - len(settled)]
        if costs[len(unpaid) :] != settled or sum(cost > 0 for cost in unpaid) > _lost(calls):
            wrong.append(f"{key}: {costs} and {settled}, {_lost(calls)} lost")

    assert wrong == []


def _lost(calls: list[AiCall]) -> int:
    return sum(call.status is CallStatus.LOST for call in calls)


def _kill(director: Director, home: Path, killed: list[int], done: threading.Event) -> None:
    for number in _KILLS:
        while len(director.asked) < number:
            if done.wait(0.01):
                return
        worker = wait_until(lambda: _workers(home), seconds=60)[0]
        worker.kill()
        killed.append(worker.pid)


def _workers(home: Path) -> list[psutil.Process]:
    found = psutil.process_iter(["cmdline", "environ"])
    return [
        process
        for process in found
        if (process.info["environ"] or {}).get("IGNY8_HOME") == str(home) and _is_worker(process.info["cmdline"] or [])
    ]


def _is_worker(command: list[str]) -> bool:
    return "pipeline.worker" in command and "worker" in command
