"""No run lasts longer than its forecast at worst: each call as slow as it may be, tried, lost and asked as often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.ai.port import OutcomeUnknownError, TextReply, TextRequest, UnavailableError
from pipeline.config import config, use_config
from pipeline.engine import gates, wire
from pipeline.services.forecasts import forecast
from tests.integration.answers.conftest import Made
from tests.support.scripted import calls_of, said, subjects
from tests.support.worlds import World


class BadDay:
    """A provider that takes all its time, is down twice a call, and loses what its items have attempts to spare."""

    def __init__(self, world: World, names: list[str]) -> None:
        self.world = world
        self.names = names
        self.tries: Counter[str] = Counter()

    def complete_text(self, request: TextRequest) -> TextReply:
        """Twice down, once lost, all of that as often as it may be; then an answer of no use."""
        self.world.driver.clock.move(config().call_timeout_seconds)
        asked = request.call_key
        self.tries[asked] += 1
        if self.tries[asked] % config().call_attempts:
            raise UnavailableError("503", retry_after_seconds=config().call_wait_seconds)
        is_repair = request.messages[-2].role == "assistant"
        is_batch = sum(f'"{name}"' in request.messages[1].content for name in self.names) > 1
        # Of a batch one may be lost: at the next it is halved.
        spare = 0 if is_repair else 1 if is_batch else config().item_attempts - 1
        if self.tries[asked] <= spare * config().call_attempts:
            raise OutcomeUnknownError("nothing came")
        return said("of no use")

    def nap(self, seconds: float) -> None:
        """Who waits moves the clock."""
        self.world.driver.clock.move(seconds)


@pytest.fixture(autouse=True)
def _nobody_is_left_alone() -> Iterator[None]:
    """That is not in the figure."""
    use_config(config().model_copy(update={"breaker_failures": 1_000_000}))
    yield
    use_config(None)


@pytest.mark.parametrize(
    ("number", "names", "changes"),
    [
        (2, ["rake", "spade"], {}),
        (2, ["rake", "spade", "hoe"], {"delays.within_stage": "60"}),
        (1, ["rake", "spade", "hoe"], {"stages.1.batch_size": "3"}),
    ],
    ids=["alone", "with delays", "halved"],
)
def test_no_run_lasts_longer_than_its_forecast_at_worst(
    sqlite_world_of: Made, monkeypatch: pytest.MonkeyPatch, number: int, names: list[str], changes: dict[str, Any]
) -> None:
    gates._suspects.clear()
    world, _ = sqlite_world_of(number, **{f"stages.{number}.concurrency": "1"} | changes)
    world.set_balance("200000")
    subjects(world, number, names)
    day = BadDay(world, names)
    monkeypatch.setattr(world.provider, "complete_text", day.complete_text)
    monkeypatch.setattr(wire, "nap", day.nap)
    with world.database.reading() as session:
        foreseen = forecast(session, world.site(session), now=world.driver.clock.at)
    began = world.driver.clock.at

    run_id = world.run()

    took = (world.driver.clock.at - began).total_seconds()
    answered = [call for call in calls_of(world, run_id, number) if call.status.value == "settled"]
    assert len(answered) == foreseen.stages[number - 1].calls_worst
    assert {item.status.value for item in world.items(run_id, number)} == {"failed"}
    # A batch loses one call less than an item before it is halved.
    assert 0.75 * foreseen.seconds_worst < took <= foreseen.seconds_worst
    world.assert_sound()
