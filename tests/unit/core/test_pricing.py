from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import BaseModel

from pipeline.ai.port import Message, TextReply
from pipeline.contract import Question
from pipeline.core.catalog import ModelType
from pipeline.core.matrix import SiteSettings
from pipeline.core.pricing import ImagePrice, Price, worst_prompt_tokens
from pipeline.engine.questions import Asking, Prepared, Step, prepare
from pipeline.engine.settlements import settlement_of

tokens = st.integers(0, 10**7)
amounts = st.integers(0, 10**13)
costs = st.decimals(min_value=0, max_value=10, places=8)
texts = st.lists(st.text(max_size=60), max_size=5)


def text_price(tokens_per_credit: int, *, free: bool = False) -> Price:
    return Price(1, "writer", "fake", ModelType.TEXT, free=free, tokens_per_credit=tokens_per_credit)


text_prices = st.integers(1, 10**7).map(text_price)


@given(text_prices, tokens)
def test_a_charge_is_never_negative_and_nothing_costs_nothing(price: Price, number: int) -> None:
    assert price.token_charge_ucr(number) >= 0
    assert price.token_charge_ucr(0) == 0
    assert (price.token_charge_ucr(number) == 0) == (number == 0)


@given(text_prices, amounts, tokens)
def test_what_a_hold_has_room_for_is_the_exact_inverse_of_the_charge(
    price: Price, amount_ucr: int, prompt: int
) -> None:
    most = price.output_tokens_for(amount_ucr, prompt)

    assert price.token_charge_ucr(prompt + most) <= amount_ucr < price.token_charge_ucr(prompt + most + 1)


@given(text_prices, tokens, tokens)
def test_the_hold_of_an_answer_has_room_for_that_answer(price: Price, prompt: int, output: int) -> None:
    assert price.output_tokens_for(price.token_charge_ucr(prompt + output), prompt) >= output


@given(texts)
def test_a_prompt_is_at_worst_a_token_a_byte(prompt: Sequence[str]) -> None:
    assert worst_prompt_tokens(prompt) == len("".join(prompt).encode())


class _Answer(BaseModel):
    words: list[str]


def _prepared(price: Price, prompt: Sequence[str], *, most: int, useful: int) -> Prepared:
    question = Question(tuple(Message("user", text) for text in prompt), _Answer, "words", most, useful)
    return prepare(question, Asking(Step.ASK, 1, [1], SiteSettings(), price, timeout_seconds=1))


@given(st.data(), text_prices, texts, st.integers(1, 9_000))
def test_a_hold_covers_every_answer_within_the_limits_of_its_request(
    data: st.DataObject, price: Price, prompt: Sequence[str], most: int
) -> None:
    prepared = _prepared(price, prompt, most=most, useful=1)
    used = data.draw(st.integers(0, prepared.prompt_tokens)), data.draw(st.integers(0, most))

    settlement = settlement_of(prepared, TextReply("{}", *used, "stop"))

    assert settlement.charge_ucr <= prepared.full_ucr


@given(text_prices, st.text(max_size=200), st.integers(1, 400), st.none() | st.integers(-3, -1))
def test_a_hold_covers_an_answer_whose_usage_was_not_said(price: Price, text: str, most: int, said: int | None) -> None:
    assume(len(text.encode()) <= 4 * most)
    prepared = _prepared(price, ["a question"], most=most, useful=1)

    settlement = settlement_of(prepared, TextReply(text, said, said, "stop"))

    assert 0 <= settlement.charge_ucr <= prepared.full_ucr
    assert settlement.flags == ("usage_missing",)


@given(st.data(), text_prices, texts, st.integers(1, 4_000), st.integers(1, 4_000))
def test_a_hold_that_shrank_covers_the_shortened_answer_and_leaves_room_for_a_useful_one(
    data: st.DataObject, price: Price, prompt: Sequence[str], useful: int, more: int
) -> None:
    prepared = _prepared(price, prompt, most=useful + more, useful=useful)
    held = data.draw(st.integers(prepared.least_ucr, prepared.full_ucr))

    shortened = prepared.shortened_to(held)

    most = shortened.parameters["max_output_tokens"]
    assert useful <= most <= useful + more
    assert price.token_charge_ucr(prepared.prompt_tokens + most) <= held


@given(costs, costs, st.integers(0, 10**6), st.integers(0, 10**6))
def test_our_cost_counts_input_and_output_at_their_own_price(
    input_cost: Decimal, output_cost: Decimal, input_tokens: int, output_tokens: int
) -> None:
    price = Price(1, "m", "fake", ModelType.TEXT, cost_per_1k_input=input_cost, cost_per_1k_output=output_cost)

    cost = price.token_cost_picodollars(input_tokens, output_tokens)

    exact = (input_cost * input_tokens + output_cost * output_tokens) * 10**9
    assert exact <= cost < exact + 2


def test_a_free_model_costs_the_customer_nothing_and_has_room_for_any_answer() -> None:
    price = text_price(100, free=True)

    assert price.token_charge_ucr(10**9) == 0
    assert price.output_tokens_for(0, 10**6) > 10**9
    assert Price(1, "painter", "fake", ModelType.IMAGE, free=True, credits_per_image=5).image_charge_ucr("x") == 0


@pytest.mark.parametrize(
    ("price", "known"),
    [
        (text_price(100), True),
        (Price(1, "m", "fake", ModelType.TEXT), False),
        (Price(1, "m", "fake", ModelType.TEXT, credits_per_image=5), False),
        (Price(1, "m", "fake", ModelType.IMAGE, tokens_per_credit=5), False),
        (Price(1, "m", "fake", ModelType.IMAGE, credits_per_image=0), True),
        (Price(1, "m", "fake", ModelType.TEXT, free=True), True),
    ],
)
def test_a_missing_price_is_not_a_price_of_nothing(price: Price, known: bool) -> None:  # noqa: FBT001 - parametrised
    assert price.known is known


def test_an_image_format_with_its_own_price_does_not_cost_the_usual_one() -> None:
    own = {"1024x1024/high": ImagePrice(9, Decimal("0.5"))}
    price = Price(
        1,
        "painter",
        "fake",
        ModelType.IMAGE,
        credits_per_image=5,
        cost_per_image=Decimal("0.01"),
        by_format=own,
    )

    assert price.image_charge_ucr("1024x1024/high") == 9_000_000
    assert price.image_charge_ucr("1024x1024/low") == 5_000_000
    assert price.image_cost_picodollars("1024x1024/high") == 500_000_000_000
    assert price.image_cost_picodollars("1024x1024/low") == 10_000_000_000


frozen_prices = st.builds(
    Price,
    model_id=st.integers(1),
    model=st.text(),
    provider=st.text(),
    model_type=st.sampled_from(ModelType),
    free=st.booleans(),
    tokens_per_credit=st.none() | st.integers(1),
    credits_per_image=st.none() | st.integers(0),
    cost_per_1k_input=costs,
    cost_per_1k_output=costs,
    cost_per_image=costs,
    by_format=st.dictionaries(st.text(), st.builds(ImagePrice, st.integers(0), costs), max_size=3),
)


@given(frozen_prices)
def test_a_frozen_price_is_read_back_as_it_was(price: Price) -> None:
    assert Price.from_json(json.loads(json.dumps(price.as_json()))) == price
