from __future__ import annotations

import pytest

from pipeline.core.fences import bare_document, only_thinks, unfenced


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '```json\n{"a": 1}\n```',
        '```\n{"a": 1}```',
        '\n\n ```JSON \r\n{"a": 1}\r\n```  \n',
        '\ufeff{"a": 1}\u200b',
        '\ufeff```json\n\u200b{"a": 1}\n```\u2060',
        '<think>{"b": 2}</think>{"a": 1}',
        '\n<think>\n\n</think>\n\n```json\n{"a": 1}\n```',
    ],
)
def test_a_document_is_taken_out_of_what_is_around_it(text: str) -> None:
    assert bare_document(text) == '{"a": 1}'


@pytest.mark.parametrize(
    "text",
    ["", "```", "``````", "```json", "```a b\n{}\n```", "Here it is:\n```json\n{}\n```", "```{}```", "a ```\nb\n```"],
)
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert unfenced(text) == text


@pytest.mark.parametrize("text", ["<think>{}", '{"a": "<think>b</think>"}', "</think>{}", "Yes. <think></think>{}"])
def test_only_whole_thoughts_at_the_beginning_are_left_out(text: str) -> None:
    assert bare_document(text) == text


@pytest.mark.parametrize(
    ("text", "thinks"),
    [("<think>A rake", True), ("\n<think>", True), ("<think>A</think>", False), ("{}", False), ("a <think>", False)],
)
def test_thoughts_without_an_end_are_known(text: str, thinks: bool) -> None:  # noqa: FBT001 - a case
    assert only_thinks(text) is thinks


@pytest.mark.timeout(5)
def test_white_space_made_to_cost_time_costs_none() -> None:
    text = "```\n" + " \n" * 1_000_000 + "x"

    assert unfenced(text) == text
