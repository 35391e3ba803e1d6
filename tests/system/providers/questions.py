"""Owns the way from a provider's request to an answer that fits it: what is asked, and what the offline model says.

The stand-ins know how a provider talks; what an article is, they do not. So their answers are the offline model's.
"""

from __future__ import annotations

import io
import json
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from PIL import Image

from pipeline.ai.offline import OfflineProvider
from pipeline.ai.port import Message, TextReply, TextRequest

#: What only one kind of answer has.
_KINDS: Final = {"clusters": "clusters", "ideas": "ideas", "body_html": "article", "featured": "image_prompts"}
_OFFLINE: Final = OfflineProvider(latency_seconds=0)


def openai_question(body: Mapping[str, Any]) -> TextRequest:
    """What a chat completion asks."""
    messages = tuple(Message(message["role"], str(message["content"])) for message in body["messages"])
    return _question(messages, _schema_in(body), body.get("max_completion_tokens") or body["max_tokens"])


def anthropic_question(body: Mapping[str, Any]) -> TextRequest:
    """What a message asks: its system prompt stands beside it."""
    system = _text(body.get("system") or "")
    messages = tuple(Message(message["role"], _text(message["content"])) for message in body["messages"])
    return _question((Message("system", system), *messages), _schema_in(body), body["max_tokens"])


def answer_to(question: TextRequest) -> TextReply:
    """The offline model's answer."""
    return _OFFLINE.complete_text(question)


@cache
def picture(number: int) -> str:
    """One of many images, as base64."""
    file = io.BytesIO()
    Image.new("RGB", (1_280, 720), (number * 37 % 256, number * 91 % 256, 120)).save(file, "PNG")
    return b64encode(file.getvalue()).decode()


def _question(messages: tuple[Message, ...], schema: Mapping[str, Any], room: int) -> TextRequest:
    kind = next(name for field, name in _KINDS.items() if field in schema["properties"])
    return TextRequest(
        model="stand-in",
        messages=messages,
        schema=schema,
        schema_name=kind,
        max_output_tokens=room,
        temperature=None,
        timeout_seconds=60,
        call_key="",
    )


def _text(content: object) -> str:
    """A message's text, which may come in blocks."""
    if isinstance(content, str):
        return content
    assert isinstance(content, list)
    return "".join(str(block.get("text", "")) for block in content)


def _schema_in(found: object) -> Mapping[str, Any]:
    """The outermost JSON schema of an object in a request. KeyError where there is none."""
    waiting: list[object] = [found]
    while waiting:
        thing = waiting.pop(0)
        if isinstance(thing, Mapping):
            if isinstance(thing.get("properties"), Mapping):
                return thing
            waiting += thing.values()
        elif isinstance(thing, list):
            waiting += thing
    raise KeyError(f"no schema in {json.dumps(found)[:300]}")
