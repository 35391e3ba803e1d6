"""What a model can decides how it is asked, and what is held for it."""

from __future__ import annotations

import json
from dataclasses import replace

from pydantic import BaseModel

from pipeline.contract import ImageQuestion, Message, Question
from pipeline.core.capabilities import Capabilities
from pipeline.core.catalog import ModelType
from pipeline.core.matrix import Ai, SiteSettings
from pipeline.core.pricing import Price
from pipeline.core.schemas import strict_schema
from pipeline.engine.questions import Asking, Prepared, Step, prepare, repair, shown_within

PRICE = Price(1, "m", "openai", ModelType.TEXT, tokens_per_credit=1_000_000)


class Word(BaseModel):
    word: str


QUESTION = Question((Message("user", "Which?"),), Word, "word", max_output_tokens=9_000, useful_output_tokens=6_000)


def _prepared(question: Question | ImageQuestion = QUESTION, *, max_tokens: int | None = None, **able: int) -> Prepared:
    price = replace(PRICE, capabilities=Capabilities(**able))  # type: ignore[arg-type]  # of the fields of this test
    settings, origins = SiteSettings(ai=Ai(max_tokens=max_tokens)), {"max_tokens": "account"}
    return prepare(question, Asking(Step.ASK, 1, (1,), settings, price, 10, origins))


def test_no_longer_answer_is_asked_for_or_held_than_the_model_gives() -> None:
    free, short = _prepared(), _prepared(output_token_limit=4_096)

    assert [prepared.parameters["max_output_tokens"] for prepared in (free, short)] == [9_000, 4_096]
    assert free.full_ucr - short.full_ucr == 9_000 - 4_096
    assert short.least_ucr == short.full_ucr


def test_thoughts_are_asked_for_and_held_on_top_of_the_answer() -> None:
    plain, thinks = _prepared(), _prepared(thinking_tokens=4_000)

    assert thinks.parameters["max_output_tokens"] == 13_000
    assert (thinks.full_ucr - plain.full_ucr, thinks.least_ucr - plain.least_ucr) == (4_000, 4_000)
    assert thinks.parameters["origins"] == plain.parameters["origins"]


def test_a_model_that_thinks_gives_no_more_than_it_can() -> None:
    thinks = _prepared(thinking_tokens=4_000, output_token_limit=11_000)
    short = _prepared(thinking_tokens=4_000, output_token_limit=8_000)

    assert [each.parameters["max_output_tokens"] for each in (thinks, short)] == [11_000, 8_000]
    assert thinks.parameters["origins"]["max_output_tokens"] == "model"
    assert (thinks.full_ucr - thinks.least_ucr, short.full_ucr - short.least_ucr) == (1_000, 0)


def test_the_setting_is_of_the_answer_and_still_said_to_have_decided() -> None:
    thinks = _prepared(max_tokens=7_000, thinking_tokens=4_000)

    assert thinks.parameters["max_output_tokens"] == 11_000
    assert thinks.parameters["origins"]["max_output_tokens"] == "account"


def test_what_money_shortens_leaves_room_for_thoughts_and_an_answer_of_use() -> None:
    thinks = _prepared(thinking_tokens=4_000)
    asked_again = replace(thinks, question=QUESTION, step=Step.REPAIR)
    shortened = asked_again.shortened_to(asked_again.least_ucr)

    assert shortened.parameters["max_output_tokens"] == 10_000
    assert shortened.parameters["origins"]["max_output_tokens"] == "hold"


def test_a_repair_that_shows_less_holds_as_much_for_thoughts() -> None:
    told = repair(QUESTION, answer="x" * 5_000, fault="it was cut off")
    whole = _prepared(told, thinking_tokens=4_000)
    fitted = shown_within(whole, whole.full_ucr - 1_000)

    assert whole.full_ucr - fitted.full_ucr == whole.least_ucr - fitted.least_ucr >= 1_000
    assert fitted.full_ucr - fitted.least_ucr == 9_000 - 6_000


def test_the_question_goes_with_what_the_model_can() -> None:
    prepared = _prepared(has_temperature=False)

    assert prepared.request.capabilities == Capabilities(has_temperature=False)  # type: ignore[union-attr]  # a text


def test_what_is_held_covers_the_schema_as_it_is_told() -> None:
    schema = json.dumps(strict_schema(Word.model_json_schema()))

    assert _prepared().prompt_tokens > len("Which?") + len(schema)
