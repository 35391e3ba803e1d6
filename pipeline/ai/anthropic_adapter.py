"""Owns Anthropic's messages, asked by the official SDK: texts only.

Usage is read from the raw answer: what was read from a cache or written to one is input too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from anthropic import Anthropic

from pipeline.ai.adjustments import anthropic_temperature
from pipeline.ai.asking import MOST_TEXT_BYTES, ask, field, sendable, tokens
from pipeline.ai.port import (
    Finish,
    ImageReply,
    ImageRequest,
    NoAdapterError,
    TextReply,
    TextRequest,
    UnreadableAnswerError,
)
from pipeline.ai.refusals import Speaker, refusal_within
from pipeline.ai.wire import client
from pipeline.core.schemas import strict_schema, told_schema

_ADDRESS: Final = "https://api.anthropic.com"
_PLACEHOLDER: Final = "none"
_NOTHING: Final = "(nothing)"
_FINISHES: Final[Mapping[str, Finish]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}
_CACHED: Final = ("cache_read_input_tokens", "cache_creation_input_tokens")


class AnthropicProvider:
    """Anthropic's API at one address with one key."""

    name = "anthropic"

    def __init__(self, *, base_url: str | None, api_key: str | None) -> None:
        """Without an address it is Anthropic's own."""
        self._speaker = Speaker(self.name, api_key)
        self._client = Anthropic(
            api_key=api_key or _PLACEHOLDER,
            base_url=base_url or _ADDRESS,
            max_retries=0,
            open_telemetry=False,
            http_client=client(),
        )
        # The SDK looks into the environment for these; nothing but the provider's record counts.
        self._client._custom_headers = {}  # noqa: SLF001 - there is no other way to be without them

    def close(self) -> None:
        """Give up its connections; it is asked no more."""
        self._client.close()

    def complete_text(self, request: TextRequest) -> TextReply:
        """Ask for one message. Raises a `ProviderError`."""
        asked, speaker = _body(request), replace(self._speaker, model=request.model)

        def send() -> bytes:
            raw = self._client.messages.with_raw_response.create(
                **asked,
                timeout=request.timeout_seconds,
                extra_headers={"Idempotency-Key": request.call_key},
            )
            return raw.http_response.content

        document, attempt = ask(send, speaker=speaker, seconds=request.timeout_seconds, most_bytes=MOST_TEXT_BYTES)
        if document.get("type") == "error" or (document.get("error") and not _says_something(document)):
            raise refusal_within(speaker, document, attempt.headers)
        if "content" not in document and "usage" not in document:
            raise UnreadableAnswerError(f"{self.name} answered without content: it may have been billed.")
        return _reply(document)

    def draw_image(self, request: ImageRequest) -> ImageReply:
        """Anthropic draws nothing: NoAdapterError."""
        raise NoAdapterError(f"{self.name} has no image models ({request.model}). Choose one of another provider.")


def _body(request: TextRequest) -> dict[str, Any]:
    able, schema = request.capabilities, strict_schema(request.schema)
    told = [sendable(message.content) for message in request.messages if message.role == "system"]
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_output_tokens,
        # A turn without a word is refused, such as the empty answer that is to be repaired.
        "messages": [
            {"role": turn.role, "content": sendable(turn.content) if turn.content.strip() else _NOTHING}
            for turn in request.messages
            if turn.role != "system"
        ],
    }
    if able.has_json_schema:
        body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    else:
        told.append(told_schema(schema))
    if told:
        body["system"] = "\n\n".join(told)
    temperature = anthropic_temperature(request)
    if able.has_temperature and temperature is not None:
        # The SDK knows no temperature any more; models that take one still do.
        body["extra_body"] = {"temperature": temperature}
    return body


def _reply(document: Any) -> TextReply:
    blocks = document.get("content")
    texts = [field(block, "text") for block in blocks if field(block, "type") == "text"] if _is_list(blocks) else []
    usage = document.get("usage")
    counts = [tokens(field(usage, "input_tokens")), *(tokens(field(usage, name) or 0) for name in _CACHED)]
    known = [count for count in counts if count is not None]
    return TextReply(
        text="".join(text for text in texts if isinstance(text, str)),
        input_tokens=sum(known) if len(known) == len(counts) else None,
        output_tokens=tokens(field(usage, "output_tokens")),
        finish=_FINISHES.get(str(document.get("stop_reason")), "other"),
    )


def _says_something(document: Any) -> bool:
    """Whether an answer with an error in it is one all the same: it brings something, or bills something."""
    return bool(document.get("content") or tokens(field(document, "usage", "output_tokens")))


def _is_list(value: Any) -> bool:
    return isinstance(value, list)
