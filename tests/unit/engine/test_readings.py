"""Whatever a model writes can be stored, charged and read, or is refused in words that can be stored too."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from pipeline.ai.port import Message, TextReply
from pipeline.contract import Question
from pipeline.core.answers import Answer, Many
from pipeline.core.catalog import ModelType
from pipeline.core.matrix import SiteSettings
from pipeline.core.normal import is_storable
from pipeline.core.pricing import Price
from pipeline.engine.questions import Asking, Step, prepare, repair
from pipeline.engine.readings import (
    MOST_CHARACTERS,
    UselessAnswerError,
    as_stored,
    is_cut_in_thoughts,
    read_text,
    text_of,
    told,
)
from pipeline.engine.settlements import settlement_of


class Word(Answer):
    word: str


class Words(Answer):
    words: Many[Word]


QUESTION = Question((Message("user", "Say a word."),), Words, "words", 100, 20)
PREPARED = prepare(
    QUESTION, Asking(Step.ASK, 1, [1], SiteSettings(), Price(1, "m", "fake", ModelType.TEXT, tokens_per_credit=100), 1)
)
documents = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text() | st.sampled_from(["word", "words"]), parts),
    max_leaves=12,
)
#: Texts, documents of any shape and documents of nearly the right one, with what no UTF-8 has.
texts = st.text(st.characters(), max_size=200) | documents.map(json.dumps)
anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@pytest.mark.parametrize(
    ("text", "finish", "in_thoughts"),
    [
        ("", "length", True),
        ('{"words": [', "length", True),
        ("<think>" + "A word, perhaps. " * 100, "length", True),
        ("<think>A word.</think>" + "x" * 199, "length", True),
        ("x" * 200, "length", False),
        ("", "stop", False),
        ("", "filter", False),
    ],
)
def test_an_answer_cut_off_that_says_little_was_cut_off_in_thoughts(
    text: str,
    finish: str,
    in_thoughts: bool,  # noqa: FBT001 - a case
) -> None:
    assert is_cut_in_thoughts(as_stored(text, finish), 100) is in_thoughts


@given(
    texts, st.sampled_from(["stop", "length", "refusal", "filter", "other"]) | anything, anything, anything, anything
)
@example("\ud800", "stop", None, None, None)
@example("{}", "stop", 10**30, 10**30, 10**30)
@example('{"words": [{"word": "\\ud83d"}]}', "stop", 1, 1, 1)
def test_any_answer_is_stored_and_charged_and_read_or_refused(
    text: Any, finish: Any, input_tokens: Any, output_tokens: Any, cost: Any
) -> None:
    settlement = settlement_of(PREPARED, TextReply(text, input_tokens, output_tokens, finish, cost))

    assert is_storable(settlement.answer)
    assert settlement.charge_ucr > 0
    assert 0 <= settlement.cost_picodollars < 2**63
    assert 0 < (settlement.input_tokens or 0) < 2**31
    assert 0 <= (settlement.output_tokens or 0) < 2**31
    fault = _fault(settlement.answer)
    if fault is not None:
        assert is_storable(fault)
        assert 0 < len(fault) <= 2_000
        again = repair(QUESTION, answer=text_of(settlement.answer), fault=fault)
        assert isinstance(again, Question)
        assert all(message.content.strip() and is_storable(message.content) for message in again.messages)


def _fault(stored: str) -> str | None:
    """What is wrong with a stored answer; None where it is read."""
    try:
        assert isinstance(read_text(QUESTION, stored), BaseModel)
    except UselessAnswerError as useless:
        return str(useless)
    return None


@pytest.mark.parametrize("text", [None, 7, b"bytes", ["a"]])
def test_what_is_no_text_is_an_empty_answer(text: Any) -> None:
    with pytest.raises(UselessAnswerError, match="it was empty"):
        read_text(QUESTION, as_stored(text, "stop"))


def test_a_stored_answer_is_read_like_a_fresh_one() -> None:
    stored = as_stored('```json\n{"words": [{"word": "a\\nb"}]}\n```', "stop")

    assert read_text(QUESTION, stored) == Words(words=[Word(word="a\nb")])
    assert stored.startswith("stop\n")


def test_no_more_than_can_be_read_is_kept() -> None:
    assert len(as_stored("x" * (MOST_CHARACTERS + 1), "stop")) == MOST_CHARACTERS + len("oversize\n")
    assert as_stored("x" * MOST_CHARACTERS, "stop").startswith("stop\n")


def test_of_a_list_the_first_fault_is_told_and_a_million_are_not_even_looked_for() -> None:
    with pytest.raises(UselessAnswerError) as useless:
        read_text(QUESTION, as_stored('{"words": [{}, {}, {"word": 1}]}', "stop"))

    assert str(useless.value) == "words.0.word: Field required"


def test_a_fault_is_one_line_without_what_cannot_be_kept() -> None:
    assert told("a\n\x00b\ud800\u202ec") == "a bc"
    assert len(told("word " * 100_000)) <= 2_000
