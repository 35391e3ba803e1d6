"""What goes over the wire for a text, and what is made of every answer, however strange."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.ai.port import (
    Message,
    NoAdapterError,
    Provider,
    ProviderError,
    TextReply,
    ThrottledError,
    UnavailableError,
    UnreadableAnswerError,
)
from pipeline.core.capabilities import Capabilities
from tests.integration.ai.conftest import KEY, image, text
from tests.support.provider_server import Fault, ProviderServer

STRICT = {
    "type": "object",
    "properties": {"word": {"type": "string"}},
    "required": ["word"],
    "additionalProperties": False,
}
PLAIN = Capabilities(has_temperature=False, has_json_schema=False, max_tokens_name="max_tokens")


def test_openai_is_asked_for_a_document_of_the_strict_schema(server: ProviderServer, openai: Provider) -> None:
    reply = openai.complete_text(text())

    (asked,) = server.journal
    assert asked.body == {
        "model": "m-1",
        "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Which word?"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "word", "schema": STRICT, "strict": True}},
        "max_completion_tokens": 100,
        "temperature": 0.5,
    }
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["idempotency-key"] == "k" * 64
    assert reply == _word(asked.input_tokens, asked.output_tokens, "stop")


def test_a_model_without_schema_and_temperature_is_told_the_schema(server: ProviderServer, openai: Provider) -> None:
    reply = openai.complete_text(text(capabilities=PLAIN))

    asked = server.journal[0].body
    assert asked["response_format"] == {"type": "json_object"}
    assert asked["max_tokens"] == 100
    assert "maxLength" not in asked["messages"][0]["content"]
    assert '"additionalProperties": false' in asked["messages"][0]["content"]
    assert not {"temperature", "max_completion_tokens"} & set(asked)
    assert reply.text == '{"word": "word"}'


def test_anthropic_is_asked_for_a_document_of_the_strict_schema(server: ProviderServer, anthropic: Provider) -> None:
    reply = anthropic.complete_text(text())

    (asked,) = server.journal
    assert asked.body == {
        "model": "m-1",
        "system": "Be short.",
        "messages": [{"role": "user", "content": "Which word?"}],
        "output_config": {"format": {"type": "json_schema", "schema": STRICT}},
        "max_tokens": 100,
        "temperature": 0.5,
    }
    assert asked.headers["idempotency-key"] == "k" * 64
    assert reply == _word(asked.input_tokens, asked.output_tokens, "stop")


def test_an_anthropic_model_without_schema_is_told_it(server: ProviderServer, anthropic: Provider) -> None:
    anthropic.complete_text(text(capabilities=PLAIN))

    asked = server.journal[0].body
    assert asked["system"].startswith("Be short.\n\nAnswer with one JSON document")
    assert not {"temperature", "output_config"} & set(asked)


def test_an_answer_that_is_to_be_repaired_can_be_sent_whatever_it_was(
    server: ProviderServer, openai: Provider, anthropic: Provider
) -> None:
    told = (Message("user", "Which?"), Message("assistant", " \n"), Message("user", "Not '\ud800'."))

    for adapter in (openai, anthropic):
        adapter.complete_text(text(messages=told))

    said = [[turn["content"] for turn in asked.body["messages"]] for asked in server.journal]
    assert said == [["Which?", " \n", "Not '?'."], ["Which?", "(nothing)", "Not '?'."]]


def test_anthropic_draws_nothing_and_runware_writes_nothing(
    server: ProviderServer, anthropic: Provider, runware: Provider
) -> None:
    with pytest.raises(NoAdapterError, match="no image models"):
        anthropic.draw_image(image())
    with pytest.raises(NoAdapterError, match="images only"):
        runware.complete_text(text())

    assert server.journal == []


def test_a_server_without_keys_is_sent_a_placeholder_and_nothing_of_the_environment(
    server: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.ai import provider

    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.setenv(name, "of-somebody-else")
    for name in ("OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.setenv(name, "Authorization: of-somebody-else\nX-More: of-somebody-else")
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    provider("openai", base_url=server.openai).complete_text(text())
    provider("anthropic", base_url=server.anthropic).complete_text(text())

    assert [asked.headers["authorization"] for asked in server.journal] == ["Bearer none", "Bearer none"]
    assert "of-somebody-else" not in str(server.journal)


def _word(input_tokens: int | None, output_tokens: int | None, finish: Any) -> TextReply:
    return TextReply('{"word": "word"}', input_tokens, output_tokens, finish)


def _choice(**message: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda document: {**document, "choices": [{"message": message, "finish_reason": "stop"}]}


def _ended(reason: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda document: {**document, "choices": [{**document["choices"][0], "finish_reason": reason}]}


def _with(**parts: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda document: {**document, **parts}


@pytest.mark.parametrize(
    ("change", "reply"),
    [
        (_ended("length"), _word( 5, 4, "length")),
        (_ended("content_filter"), _word( 5, 4, "filter")),
        (_ended(["x"]), _word( 5, 4, "other")),
        (_choice(content=None, refusal="I will not."), TextReply("I will not.", 5, 4, "refusal")),
        (_choice(content=None), TextReply("", 5, 4, "stop")),
        (_choice(content=[{"type": "thinking", "text": "hm"}, {"type": "text", "text": "x"}, None,
                          {"type": "text", "text": "y"}, {"type": "text", "text": 7}]), TextReply("xy", 5, 4, "stop")),
        (_choice(content={"text": "x"}), TextReply("", 5, 4, "stop")),
        (_choice(content=42), TextReply("", 5, 4, "stop")),
        (_choice(content="", reasoning_content="Hm, hm."), TextReply("", 5, 4, "stop")),
        (_choice(content="half", refusal="No."), TextReply("No.", 5, 4, "refusal")),
        (_choice(content="x", refusal=""), TextReply("x", 5, 4, "stop")),
        (_choice(content="x", refusal={"why": "No."}), TextReply("x", 5, 4, "stop")),
        (_with(choices=[{"message": {"content": None, "tool_calls": [{"id": "1", "type": "function"}]},
                         "finish_reason": "tool_calls"}]), TextReply("", 5, 4, "other")),
        (_with(choices=[{"message": {"content": text}, "finish_reason": "stop"} for text in ("one", "two")]),
         TextReply("one", 5, 4, "stop")),
        (_with(choices=[{"text": "of completions", "finish_reason": "stop"}]), TextReply("", 5, 4, "stop")),
        (_with(choices=[{"delta": {"content": "of a stream"}, "finish_reason": None}]), TextReply("", 5, 4, "other")),
        (_with(error=None), _word(5, 4, "stop")),
        (_with(error={"message": "beside an answer"}), _word(5, 4, "stop")),
        (_with(usage={"prompt_tokens": float("nan"), "completion_tokens": float("inf")}), _word(None, None, "stop")),
        (_with(usage={"prompt_tokens": 5.0, "completion_tokens": [4]}), _word(None, None, "stop")),
        (_with(usage={"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": -9}), _word(0, 0, "stop")),
        (_choice(content="\ud800\0"), TextReply("\ud800\0", 5, 4, "stop")),
        (_with(choices=[]), TextReply("", 5, 4, "other")),
        (_with(choices=None), TextReply("", 5, 4, "other")),
        (_with(choices=[None]), TextReply("", 5, 4, "other")),
        (_with(choices={"0": 1}), TextReply("", 5, 4, "other")),
        (_with(usage=None), _word( None, None, "stop")),
        (_with(usage=[]), _word( None, None, "stop")),
        (_with(usage={"prompt_tokens": -5, "completion_tokens": 4}), _word( None, 4, "stop")),
        (_with(usage={"prompt_tokens": 5, "completion_tokens": 4.5}), _word( 5, None, "stop")),
        (_with(usage={"prompt_tokens": True, "completion_tokens": "4"}), _word( None, None, "stop")),
        (_with(usage={"prompt_tokens": 10**30, "completion_tokens": 4}), _word( None, 4, "stop")),
    ],
)  # fmt: skip
def test_whatever_openai_answers_is_a_reply(
    server: ProviderServer, openai: Provider, change: Callable[[dict[str, Any]], Any], reply: TextReply
) -> None:
    server.faults = [Fault(change=change)]

    assert openai.complete_text(text()) == reply


@pytest.mark.parametrize(
    ("change", "reply"),
    [
        (_with(stop_reason="max_tokens"), _word( 5, 4, "length")),
        (_with(stop_reason="model_context_window_exceeded"), _word( 5, 4, "length")),
        (_with(stop_reason="refusal", content=[]), TextReply("", 5, 4, "refusal")),
        (_with(stop_reason=None), _word( 5, 4, "other")),
        (_with(content=None), TextReply("", 5, 4, "stop")),
        (_with(content=[{"type": "odd", "text": "x"}, {"type": "text", "text": "y"}]), TextReply("y", 5, 4, "stop")),
        (_with(content=[{"type": "text", "text": 7}, None, "x"]), TextReply("", 5, 4, "stop")),
        (_with(content="x"), TextReply("", 5, 4, "stop")),
        (_with(content=[{"type": "thinking", "thinking": "hm", "signature": "x"}, {"type": "redacted_thinking"},
                        {"type": "text", "text": "x"}, {"type": "text", "text": "y"}]), TextReply("xy", 5, 4, "stop")),
        (_with(content=[{"type": "thinking", "thinking": "hm"}]), TextReply("", 5, 4, "stop")),
        (_with(content=[{"type": "tool_use", "input": {"ideas": []}}], stop_reason="tool_use"),
         TextReply("", 5, 4, "other")),
        (_with(stop_reason="pause_turn"), _word(5, 4, "other")),
        (_with(stop_reason="refusal"), _word(5, 4, "refusal")),
        (_with(error=None), _word(5, 4, "stop")),
        (_with(error={"type": "overloaded_error"}), _word(5, 4, "stop")),
        (_with(usage={"input_tokens": 10**9, "output_tokens": 4.0}), _word(None, None, "stop")),
        (_with(usage=None), _word( None, None, "stop")),
        (_with(usage={"input_tokens": 5, "output_tokens": 4, "cache_read_input_tokens": 100,
                      "cache_creation_input_tokens": 20}), _word( 125, 4, "stop")),
        (_with(usage={"input_tokens": 5, "output_tokens": 4, "cache_read_input_tokens": None}),
         _word( 5, 4, "stop")),
        (_with(usage={"input_tokens": 5, "output_tokens": -4, "cache_read_input_tokens": -1}),
         _word( None, None, "stop")),
    ],
)  # fmt: skip
def test_whatever_anthropic_answers_is_a_reply(
    server: ProviderServer, anthropic: Provider, change: Callable[[dict[str, Any]], Any], reply: TextReply
) -> None:
    server.faults = [Fault(change=change)]

    assert anthropic.complete_text(text()) == reply


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"\xff\xfe\x00", b'"a string"', b"[]", b"null", b"{}", b'{"choices":', b"[" * 200_000,
     b'{"choices":[' + b"{}," * 300_000 + b"{}]}", b'{"choices":' + b"9" * 5_000 + b"}",
     b'{"choices":1e-999999999999999999999}', b"{'choices': []}", b'{"id": 1}\n{"choices": []}', b"\xc3\x28" * 50,
     b'data: {"choices": []}\n\ndata: [DONE]\n\n', '{"choices": ["\u00e9"]}'.encode("latin-1"), b"\x00" * 1_000,
     b'{"choices": [', b"NaN", b"7", b"true"],
)  # fmt: skip
def test_what_is_no_answer_may_have_been_billed(server: ProviderServer, body: bytes) -> None:
    from pipeline.ai import provider

    server.always = Fault(body=body)

    for adapter in (
        provider("openai", base_url=server.openai),
        provider("anthropic", base_url=server.anthropic),
        provider("runware", base_url=server.runware),
    ):
        with pytest.raises(UnreadableAnswerError, match="may have been billed"):
            adapter.draw_image(image()) if adapter.name == "runware" else adapter.complete_text(text())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_an_answer_in_another_unicode_is_read(server: ProviderServer, encoding: str) -> None:
    from pipeline.ai import provider

    said = '{"choices": [{"message": {"content": "é"}}], "content": [{"type": "text", "text": "é"}], "usage": {}}'
    server.always = Fault(body=said.encode(encoding), headers={"Content-Type": "text/plain; charset=latin-1"})

    for adapter in (provider("openai", base_url=server.openai), provider("anthropic", base_url=server.anthropic)):
        assert adapter.complete_text(text()).text == "é"


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"code": 429, "message": "slow"}, "choices": null, "content": null}',
        b'{"error": {"code": 429, "message": "slow"}, "choices": [], "content": [], "usage": {"completion_tokens": 0}}',
        b'{"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}, "choices": []}',
    ],
)
def test_an_error_beside_nothing_is_an_error(
    server: ProviderServer, openai: Provider, anthropic: Provider, body: bytes
) -> None:
    server.always = Fault(body=body)

    for adapter in (openai, anthropic):
        with pytest.raises(ThrottledError, match="slow"):
            adapter.complete_text(text())


def test_an_error_in_the_place_of_a_choice_is_an_error(server: ProviderServer, openai: Provider) -> None:
    broken = {"error": {"code": 502, "message": "upstream broke"}, "finish_reason": "error", "message": {"content": ""}}
    server.faults = [Fault(change=_with(choices=[broken], usage=None)), Fault(change=_with(choices=[broken]))]

    with pytest.raises(UnavailableError, match="upstream broke"):
        openai.complete_text(text())
    # Where it bills something it is an answer, however useless.
    assert openai.complete_text(text()) == TextReply("", 5, 4, "other")


def test_an_error_within_a_success_is_an_error(server: ProviderServer, openai: Provider, anthropic: Provider) -> None:
    server.always = Fault(body=b'{"error": {"code": 429, "message": "slow"}}', headers={"Retry-After": "2"})

    for adapter in (openai, anthropic):
        with pytest.raises(ThrottledError, match="slow") as raised:
            adapter.complete_text(text())
        assert raised.value.retry_after_seconds == 2.0


def test_an_error_beside_nothing_that_bills_something_is_an_answer(server: ProviderServer, anthropic: Provider) -> None:
    billed = (
        b'{"type": "message", "error": {"message": "broke"}, "content": [], '
        b'"usage": {"input_tokens": 5, "output_tokens": %d}}'
    )
    server.faults = [Fault(body=billed % 4), Fault(body=billed % 0)]

    assert anthropic.complete_text(text()) == TextReply("", 5, 4, "other")
    with pytest.raises(ProviderError, match="broke"):
        anthropic.complete_text(text())
