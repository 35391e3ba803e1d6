"""What a model can decides how it is asked, and what is held for it."""

from __future__ import annotations

import json
from dataclasses import replace

from pydantic import BaseModel

from pipeline.contract import Message, Question
from pipeline.core.capabilities import Capabilities
from pipeline.core.catalog import ModelType
from pipeline.core.matrix import SiteSettings
from pipeline.core.pricing import Price
from pipeline.core.schemas import strict_schema
from pipeline.engine.questions import Asking, Prepared, Step, prepare

PRICE = Price(1, "m", "openai", ModelType.TEXT, tokens_per_credit=1_000_000)


class Word(BaseModel):
    word: str


QUESTION = Question((Message("user", "Which?"),), Word, "word", max_output_tokens=9_000, useful_output_tokens=6_000)


def _prepared(**able: int) -> Prepared:
    price = replace(PRICE, capabilities=Capabilities(**able))  # type: ignore[arg-type]  # of the fields of this test
    return prepare(QUESTION, Asking(Step.ASK, 1, (1,), SiteSettings(), price, 10))


def test_no_longer_answer_is_asked_for_or_held_than_the_model_gives() -> None:
    free, short = _prepared(), _prepared(output_token_limit=4_096)

    assert [prepared.parameters["max_output_tokens"] for prepared in (free, short)] == [9_000, 4_096]
    assert free.full_ucr - short.full_ucr == 9_000 - 4_096
    assert short.least_ucr == short.full_ucr


def test_the_question_goes_with_what_the_model_can() -> None:
    prepared = _prepared(has_temperature=False)

    assert prepared.request.capabilities == Capabilities(has_temperature=False)  # type: ignore[union-attr]  # a text


def test_what_is_held_covers_the_schema_as_it_is_told() -> None:
    schema = json.dumps(strict_schema(Word.model_json_schema()))

    assert _prepared().prompt_tokens > len("Which?") + len(schema)
