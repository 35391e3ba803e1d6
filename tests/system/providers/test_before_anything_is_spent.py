"""What is told before money is spent: a forecast that asks nobody, and one cheapest call to each provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import func, select

from pipeline.core.states import RunStatus
from pipeline.db.session import Database
from pipeline.models import AiCall
from tests.system.providers.director import Director
from tests.system.providers.installation import IMAGE_PICODOLLARS, INPUT_PICODOLLARS, OUTPUT_PICODOLLARS, SITE
from tests.system.providers.servers import Aimock
from tests.system.providers.stand_ins import IMAGE_COSTS
from tests.system.providers.whole_runs import Outcome, StandIns, installation_of

pytestmark = pytest.mark.timeout(600)
_ARTICLES: Final = 4
_PICODOLLARS: Final = 10**12
_WORKS: Final = {"content": '{"works": true}'}


@pytest.fixture(scope="module")
def forecast() -> dict[str, Any]:
    """What the run was forecast to be; filled before it begins."""
    return {}


@pytest.fixture(scope="module")
def outcome(servers_of_both: StandIns, forecast: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    home = tmp_path_factory.mktemp("forecast")
    installation = installation_of(home, f"sqlite:///{home}/igny8.db")

    @contextmanager
    def forecasting(director: Director) -> Iterator[None]:
        forecast["told"] = installation.igny8("run", SITE, "--dry-run")
        forecast["asked"], forecast["calls"] = len(director.asked), _calls(home)
        yield

    return servers_of_both.run(
        installation, texts="anthropic", images="openai", articles=_ARTICLES, deck=None, during=forecasting
    )


def test_a_forecast_asks_nobody_and_writes_no_call(outcome: Outcome, forecast: Mapping[str, Any]) -> None:
    assert outcome.report["status"] == RunStatus.COMPLETED
    assert (forecast["asked"], forecast["calls"]) == (0, 0)


def test_no_stage_asks_or_costs_more_than_its_worst_case(outcome: Outcome, forecast: Mapping[str, Any]) -> None:
    stages = {stage["number"]: stage for stage in outcome.report["stages"]}
    calls = Counter(call.stage_run_id for call in outcome.calls)
    numbers = dict(zip(sorted(calls), (1, 2, 4, 5, 6), strict=True))
    by_stage = {numbers[stage_run]: count for stage_run, count in calls.items()}

    told = [stage for stage in forecast["told"]["stages"] if stage["calls"]["worst"]]

    assert [stage["number"] for stage in told] == sorted(by_stage)
    for stage in told:
        number = stage["number"]
        assert by_stage[number] <= stage["calls"]["worst"]
        assert Decimal(stages[number]["credits_spent"]) <= Decimal(stage["credits"]["worst"])


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_one_call_proves_a_provider_of_texts(aimock: Aimock, tmp_path: Path, name: str) -> None:
    usage = {"openai": ("prompt_tokens", "completion_tokens"), "anthropic": ("input_tokens", "output_tokens")}[name]
    aimock.answer({}, {**_WORKS, "usage": {usage[0]: 31, usage[1]: 9}})
    installation = installation_of(tmp_path / "home", f"sqlite:///{tmp_path}/igny8.db")
    address = aimock.url + ("/v1" if name == "openai" else "")
    installation.igny8("init")
    installation.use(name, address, model="stand-in-text", model_type="text")

    tried = installation.igny8("providers", "test", name)

    assert (tried["works"], tried["error"]) == (True, None)
    assert Decimal(tried["cost_usd"]) * _PICODOLLARS == 31 * INPUT_PICODOLLARS + 9 * OUTPUT_PICODOLLARS
    assert len(aimock.journal()) == 1


@pytest.mark.parametrize("name", ["openai", "runware"])
def test_one_call_proves_a_provider_of_images(servers_of_both: StandIns, tmp_path: Path, name: str) -> None:
    installation = installation_of(tmp_path / "home", f"sqlite:///{tmp_path}/igny8.db")
    with servers_of_both.directed(None) as (director, _):
        installation.igny8("init")
        installation.use(name, f"{director.url(name)}/v1", model="stand-in-image", model_type="image")

        tried = installation.igny8("providers", "test", name)

        own = int(Decimal(IMAGE_COSTS[0]) * _PICODOLLARS)
        assert (tried["works"], tried["error"]) == (True, None)
        assert Decimal(tried["cost_usd"]) * _PICODOLLARS == (own if name == "runware" else IMAGE_PICODOLLARS)
        assert (len(director.asked), director.problems) == (1, [])


def test_a_key_that_is_refused_comes_with_its_remedy(aimock: Aimock, tmp_path: Path) -> None:
    error = {"message": "Incorrect API key provided.", "type": "authentication_error", "code": "invalid_api_key"}
    aimock.answer({}, {"error": error, "status": 401})
    installation = installation_of(tmp_path / "home", f"sqlite:///{tmp_path}/igny8.db")
    installation.igny8("init")
    installation.use("openai", f"{aimock.url}/v1", model="stand-in-text", model_type="text")

    tried = installation.igny8("providers", "test", "openai")

    assert (tried["works"], tried["status"], tried["cost_usd"]) == (False, "voided", "0")
    assert "igny8 providers set openai --api-key-stdin" in tried["error"]
    assert len(aimock.journal()) == 1


def _calls(home: Path) -> int:
    database = Database(f"sqlite:///{home}/igny8.db")
    try:
        with database.reading() as session:
            return session.scalar(select(func.count()).select_from(AiCall)) or 0
    finally:
        database.dispose()
