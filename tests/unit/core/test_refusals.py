from __future__ import annotations

import pytest

from pipeline.core.refusals import is_refusal


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, I can’t assist with this request.",
        "Sorry, I cannot provide that.",
        "I am very sorry, but I am unable to write about it",
        "Unfortunately, I cannot create this image.",
        "I can't help with that request.",
        "I cannot fulfil this request",
        "I'm unable to generate that.",
        "As an AI language model, I don't have opinions",
        '"As an AI, I cannot …',
        "I apologize, but I can't continue",
    ],
)
def test_a_refusal_is_recognised(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Why saying sorry helps",
        "Sorry, your spade is blunt: how to sharpen it",
        "I can't believe it's not butter: a history",
        "I Can't Write! Ten ways out of the block",
        "As an artist, I draw every day",
        "As an AI engineer you will need this",
        "What to do when your printer cannot print",
        "Unfortunately common: ten mistakes with spades",
        "x" * 1_000_000,
    ],
)
def test_an_honest_text_is_none(text: str) -> None:
    assert not is_refusal(text)
