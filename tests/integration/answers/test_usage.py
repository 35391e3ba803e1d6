"""What a provider says it used is believed where it can be true; else it is estimated, and the call says so."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import update

from pipeline.ai.port import TextReply, TextRequest
from pipeline.core.pricing import worst_prompt_tokens
from pipeline.core.states import CallStatus
from pipeline.engine.settlements import TOLERANCE
from pipeline.models import AiModel
from tests.integration.answers.conftest import Made
from tests.support.scripted import CHARGE, Script, calls_of, good, said, subjects
from tests.support.worlds import World

NAME = "garden spade"
LARGE = 90_000_000


#: What was said, and what of it can be true.
NO_USAGE: dict[str, tuple[tuple[Any, Any], tuple[int | None, int | None]]] = {
    "nothing": ((None, None), (None, None)),
    "negative": ((-1, -1), (None, None)),
    "half of it negative": ((-5, 10), (None, 10)),
    "half of it": ((100, None), (100, None)),
    "none for a question": ((0, 10), (None, 10)),
    "none for an answer": ((100, 0), (100, None)),
    "texts": (("100", "10"), (None, None)),
    "fractions": ((100.5, float("nan")), (None, None)),
    "no numbers": ((True, [10]), (None, None)),
    "more than there are": ((10**30, 10**30), (None, None)),
    "more than was sent": ((LARGE, 10), (None, 10)),
    "more than was asked for": ((100, LARGE), (100, None)),
}
#: What was said, and our cost: None is the catalog's.
OWN_COSTS: dict[str, tuple[Any, int | None]] = {
    "some": (123_456, 123_456),
    "none": (0, 0),
    "not said": (None, None),
    "negative": (-1, None),
    "a fraction": (1.5, None),
    "a text": ("1", None),
    "no number": (True, None),
    "more than there is": (10**30, None),
}


def test_usage_that_is_missing_or_cannot_be_is_estimated_within_the_hold(world_of: Made) -> None:
    world, script = world_of(2)
    subjects(world, 2, [f"tool {case}" for case in NO_USAGE])
    for case, (used, _) in NO_USAGE.items():
        script.write(f'"tool {case}"', said(good(2, case), used=used))

    run_id = world.run()

    calls = dict(zip(NO_USAGE, calls_of(world, run_id, 2), strict=True))
    assert {case: call.flags for case, call in calls.items() if call.flags != ["usage_missing"]} == {}
    for case, call in calls.items():
        told_input, told_output = NO_USAGE[case][1]
        assert call.status is CallStatus.SETTLED, case
        assert 0 < call.charged_amount <= call.held_amount, case
        assert (call.input_tokens or 0) > 0 < (call.output_tokens or 0), case
        assert told_input in {None, call.input_tokens}, case
        assert told_output in {None, call.output_tokens}, case
        assert (call.output_tokens or 0) <= call.parameters["max_output_tokens"], case
    assert {item.status.value for item in world.items(run_id, 2)} == {"done"}
    world.assert_sound()


def test_megabytes_without_usage_are_charged_as_the_longest_answer_and_are_no_overrun(world_of: Made) -> None:
    world, script = world_of(2)
    subjects(world, 2, [NAME])
    script.write(NAME, said("x" * 5_000_000, used=(None, None)), said(good(2, NAME)))

    run_id = world.run()

    first = calls_of(world, run_id, 2)[0]
    assert first.flags == ["usage_missing", "wasted"]
    assert first.output_tokens == first.parameters["max_output_tokens"]
    assert first.answer is not None
    assert len(first.answer) < 1_000_100
    world.assert_sound()


def _over_the_hold(world: World, script: Script) -> None:
    """Every answer is of as many tokens as are believed, a little more than was held for."""

    def complete(request: TextRequest) -> TextReply:
        prompt = worst_prompt_tokens([message.content for message in request.messages]) + TOLERANCE
        most = request.max_output_tokens + TOLERANCE
        return replace(script.complete_text(request), input_tokens=prompt, output_tokens=most)

    world.provider.complete_text = complete  # type: ignore[method-assign]


def test_more_than_was_held_is_paid_by_us(world_of: Made) -> None:
    world, script = world_of(2)
    subjects(world, 2, [NAME])
    script.write(NAME, said(good(2, NAME)))
    _over_the_hold(world, script)

    run_id = world.run()

    [call] = calls_of(world, run_id, 2)
    assert call.flags == ["overrun"]
    assert call.charged_amount == call.held_amount
    assert call.output_tokens == call.parameters["max_output_tokens"] + TOLERANCE
    assert world.items(run_id, 2)[0].credits == call.held_amount
    world.assert_sound()


def test_an_overrun_that_is_of_no_use_is_both(world_of: Made) -> None:
    world, script = world_of(2)
    subjects(world, 2, [NAME])
    script.write(NAME, said("nonsense"), said(good(2, NAME)))
    _over_the_hold(world, script)

    run_id = world.run()

    assert [set(call.flags) for call in calls_of(world, run_id, 2)] == [{"wasted", "overrun"}, {"overrun"}]
    world.assert_sound()


def test_an_absurd_cost_of_the_catalog_loses_no_answer_that_was_paid_for(world_of: Made) -> None:
    world, script = world_of(2)
    subjects(world, 2, [NAME])
    script.write(NAME, said(good(2, NAME)))
    with world.database.transaction() as session:
        session.execute(update(AiModel).values(cost_per_1k_input=Decimal(999_999_999)))

    run_id = world.run()

    [call] = calls_of(world, run_id, 2)
    assert (call.status, call.cost_picodollars) == (CallStatus.SETTLED, 10**16)
    world.assert_sound()


def test_the_providers_own_cost_is_ours_where_it_can_be(world_of: Made) -> None:
    world, script = world_of(2)
    subjects(world, 2, [f"tool {case}" for case in OWN_COSTS])
    for case, (cost, _) in OWN_COSTS.items():
        script.write(f'"tool {case}"', said(good(2, case), cost=cost))
    costs = {"cost_per_1k_input": Decimal("0.001"), "cost_per_1k_output": Decimal("0.002")}
    with world.database.transaction() as session:
        session.execute(update(AiModel).values(costs))

    run_id = world.run()

    of_catalog = (100 * 10**9 + 10 * 2 * 10**9) // 1_000
    calls = calls_of(world, run_id, 2)
    wanted = {case: of_catalog if cost is None else cost for case, (_, cost) in OWN_COSTS.items()}
    assert dict(zip(OWN_COSTS, [call.cost_picodollars for call in calls], strict=True)) == wanted
    assert {(call.charged_amount, *call.flags) for call in calls} == {(CHARGE,)}
    world.assert_sound()
