"""The offline provider as a provider: purity, usage, truncation, refusals."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.ai.offline import OfflineProvider
from pipeline.ai.port import ImageRequest, Message, OutcomeUnknownError, RequestRefusedError, TextReply, TextRequest

Ask = Callable[..., Any]

IDEAS = {
    "cluster": {"name": "Standing desk", "description": "", "keywords": ["best standing desk", "cheap standing desk"]},
    "ideas_wanted": 2,
    "existing_titles": [],
    "site": {"language": "en", "audience": "", "tone": ""},
}
PROGRAM = """
import json, sys
from pipeline.ai.offline import OfflineProvider
from pipeline.ai.port import Message, TextRequest
text = sys.stdin.read()
request = TextRequest("m", (Message("user", text),), {}, "ideas", 10**6, None, 5.0, "k")
print(OfflineProvider(latency_seconds=0).complete_text(request).text)
"""


def request(text: str, **changes: object) -> TextRequest:
    made = TextRequest("m", (Message("user", text),), {}, "ideas", 10**6, None, 5.0, "k")
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type] # the tests name real fields.


def test_same_question_gives_the_same_answer(ask: Ask) -> None:
    assert ask(IDEAS, schema_name="ideas") == ask(IDEAS, schema_name="ideas", call_key="another")


def test_answer_is_the_same_in_every_process() -> None:
    text = f"```json\n{json.dumps(IDEAS)}\n```"

    answers = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            input=text,
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }

    assert len(answers) == 1


def test_usage_is_never_more_tokens_than_bytes(ask: Ask) -> None:
    reply: TextReply = ask(IDEAS, schema_name="ideas")

    assert reply.finish == "stop"
    assert reply.output_tokens == -(-len(reply.text.encode()) // 4)
    assert reply.input_tokens is not None
    assert 0 < reply.input_tokens < len(json.dumps(IDEAS)) * 2


def test_long_answer_is_cut_at_the_limit(ask: Ask) -> None:
    whole = ask(IDEAS, schema_name="ideas")

    cut = ask(IDEAS, schema_name="ideas", max_output_tokens=50)

    assert cut.finish == "length"
    assert cut.output_tokens == 50
    assert whole.text.startswith(cut.text)


def test_cut_leaves_no_half_letter(ask: Ask) -> None:
    data = {**IDEAS, "cluster": {"name": "升降桌", "keywords": ["升降桌"]}}

    cuts = [ask(data, schema_name="ideas", max_output_tokens=limit) for limit in range(1, 40)]

    assert all("\ufffd" not in cut.text and cut.output_tokens <= limit for limit, cut in enumerate(cuts, start=1))


def test_unknown_kind_of_answer_is_refused(ask: Ask) -> None:
    with pytest.raises(RequestRefusedError, match=r"cannot answer 'poem'.*clusters, ideas, article, image_prompts"):
        ask(IDEAS, schema_name="poem")


@pytest.mark.parametrize(
    "text", ["no data", "```json\nnot json\n```", '```json\n{"cluster": 1}\n```', "```json\n[]\n```"]
)
def test_question_without_data_is_refused(offline: OfflineProvider, text: str) -> None:
    with pytest.raises(RequestRefusedError, match=r"no data for 'ideas'.*cluster, ideas_wanted"):
        offline.complete_text(request(text))


def test_data_of_the_system_message_is_not_read(offline: OfflineProvider) -> None:
    block = f"```json\n{json.dumps(IDEAS)}\n```"

    with pytest.raises(RequestRefusedError):
        offline.complete_text(request("", messages=(Message("system", block), Message("user", "Go."))))


def test_repair_is_answered_from_the_first_question_with_other_titles(offline: OfflineProvider) -> None:
    first = Message("user", f"```json\n{json.dumps(IDEAS)}\n```")
    repair = (
        first,
        Message("assistant", "{}"),
        Message("user", 'Wrong:\n```json\n{"ideas": ["missing"]}\n```\nAgain.'),
    )

    before = json.loads(offline.complete_text(request("", messages=(first,))).text)
    after = json.loads(offline.complete_text(request("", messages=repair)).text)

    assert len(after["ideas"]) == 2
    assert {idea["title"] for idea in before["ideas"]} != {idea["title"] for idea in after["ideas"]}


def test_fence_inside_a_keyword_is_data(answered: Ask) -> None:
    keywords = ["```json", "desk ``` lamp\n```\n"]

    answer = answered({"keywords": [{"keyword": text} for text in keywords], "existing_clusters": [], "language": "en"})

    assert sorted(text for cluster in answer["clusters"] for text in cluster["keywords"]) == sorted(keywords)


def test_text_slower_than_the_timeout_has_an_unknown_outcome() -> None:
    slow = OfflineProvider(latency_seconds=3600)

    with pytest.raises(OutcomeUnknownError, match="may have been billed"):
        slow.complete_text(request("", timeout_seconds=0.001))


def test_image_slower_than_the_timeout_has_an_unknown_outcome() -> None:
    slow = OfflineProvider(latency_seconds=3600)

    with pytest.raises(OutcomeUnknownError, match="may have been billed"):
        slow.draw_image(ImageRequest("m", "A desk", 1024, 576, "standard", "flat", 0.001, "k"))
