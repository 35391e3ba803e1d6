"""Owns OpenAI and every server that speaks its API (Ollama, vLLM, …), asked by the official SDK.

Texts by chat completions, images by the images API, always in base64: no address that an answer names is ever visited.
Usage is read from the raw answer, since the SDK's own models lose it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from openai import OpenAI

from pipeline.ai.adjustments import is_gpt_image, openai_image
from pipeline.ai.asking import MOST_IMAGE_BYTES, MOST_TEXT_BYTES, ask, field, sendable, tokens
from pipeline.ai.images import decoded
from pipeline.ai.port import (
    Finish,
    ImageReply,
    ImageRequest,
    TextReply,
    TextRequest,
    UnreadableAnswerError,
)
from pipeline.ai.refusals import Speaker, refusal_within
from pipeline.ai.wire import Exchange, client
from pipeline.core.schemas import strict_schema, told_schema

_ADDRESS: Final = "https://api.openai.com/v1"
#: Servers without keys want one all the same.
_PLACEHOLDER: Final = "none"
_FINISHES: Final[Mapping[str, Finish]] = {"stop": "stop", "length": "length", "content_filter": "filter"}


class OpenAIProvider:
    """OpenAI's API at one address with one key."""

    name = "openai"

    def __init__(self, *, base_url: str | None, api_key: str | None) -> None:
        """Without an address it is OpenAI's own, without a key the server is one that wants none."""
        self._speaker = Speaker(self.name, api_key)
        self._client = OpenAI(
            api_key=api_key or _PLACEHOLDER,
            base_url=base_url or _ADDRESS,
            max_retries=0,
            http_client=client(),
        )
        # The SDK looks into the environment for these; nothing but the provider's record counts.
        self._client.organization = self._client.project = None
        self._client._custom_headers = {}  # noqa: SLF001 - there is no other way to be without them

    def close(self) -> None:
        """Give up its connections; it is asked no more."""
        self._client.close()

    def complete_text(self, request: TextRequest) -> TextReply:
        """Ask for one chat completion. Raises a `ProviderError`."""
        asked, speaker = _text_body(request), replace(self._speaker, model=request.model)

        def send() -> bytes:
            raw = self._client.chat.completions.with_raw_response.create(
                **asked,
                timeout=request.timeout_seconds,
                extra_headers={"Idempotency-Key": request.call_key},
            )
            return raw.http_response.content

        document, attempt = ask(send, speaker=speaker, seconds=request.timeout_seconds, most_bytes=MOST_TEXT_BYTES)
        _must_be_an_answer(document, attempt, speaker, "choices")
        return _text_reply(document)

    def draw_image(self, request: ImageRequest) -> ImageReply:
        """Ask for one image. Raises a `ProviderError`."""
        asked, speaker = _image_body(request), replace(self._speaker, model=request.model, draws=True)

        def send() -> bytes:
            raw = self._client.images.with_raw_response.generate(
                **asked,
                timeout=request.timeout_seconds,
                extra_headers={"Idempotency-Key": request.call_key},
            )
            return raw.http_response.content

        document, attempt = ask(send, speaker=speaker, seconds=request.timeout_seconds, most_bytes=MOST_IMAGE_BYTES)
        _must_be_an_answer(document, attempt, speaker, "data")
        return ImageReply(decoded(field(document, "data", 0, "b64_json")))


def _text_body(request: TextRequest) -> dict[str, Any]:
    able, schema = request.capabilities, strict_schema(request.schema)
    messages = [{"role": message.role, "content": sendable(message.content)} for message in request.messages]
    if able.has_json_schema:
        named = {"name": request.schema_name, "schema": schema, "strict": True}
        answer: dict[str, Any] = {"type": "json_schema", "json_schema": named}
    else:
        messages.insert(0, {"role": "system", "content": told_schema(schema)})
        answer = {"type": "json_object"}
    body: dict[str, Any] = {"model": request.model, "messages": messages, "response_format": answer}
    body[able.max_tokens_name] = request.max_output_tokens
    if able.has_temperature and request.temperature is not None:
        body["temperature"] = request.temperature
    return body


def _must_be_an_answer(document: Any, attempt: Exchange, speaker: Speaker, part: str) -> None:
    """Raise unless it is one, however strange; some servers say their errors with a status of success."""
    found = next((each for each in (document, field(document, part, 0)) if field(each, "error")), None)
    if found is not None and not _says_something(document, part):
        raise refusal_within(speaker, found, attempt.headers)
    if part in document or "usage" in document:
        return
    raise UnreadableAnswerError(f"{speaker.name} answered without {part}: it may have been billed.")


def _says_something(document: Any, part: str) -> bool:
    """Whether an answer with an error in it is one all the same: it brings something, or bills something."""
    first = field(document, part, 0)
    used = tokens(field(document, "usage", "completion_tokens"))
    return bool(used or field(first, "message", "content") or field(first, "b64_json"))


def _text_reply(document: Any) -> TextReply:
    choice = field(document, "choices", 0)
    text, refused = _content(field(choice, "message", "content")), field(choice, "message", "refusal")
    finish = _FINISHES.get(str(field(choice, "finish_reason")), "other")
    if isinstance(refused, str) and refused:
        text, finish = refused, "refusal"
    return TextReply(
        text=text,
        input_tokens=tokens(field(document, "usage", "prompt_tokens")),
        output_tokens=tokens(field(document, "usage", "completion_tokens")),
        finish=finish,
    )


def _content(content: Any) -> str:
    """What was written: as one text, or in parts, of which others than text (thoughts, say) are left out."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [field(part, "text") for part in parts if field(part, "type") == "text"]
    return "".join(text for text in texts if isinstance(text, str))


def _image_body(request: ImageRequest) -> dict[str, Any]:
    sent = openai_image(request)
    body: dict[str, Any] = {"model": request.model, "prompt": request.prompt, "n": 1, "quality": sent["quality"]}
    if is_gpt_image(request.model):
        body["output_format"] = "jpeg"
    else:
        body["response_format"] = "b64_json"
    if sent["style"] is not None:
        body["style"] = sent["style"]
    return {**body, "size": f"{sent['width']}x{sent['height']}"}
