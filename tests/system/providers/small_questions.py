"""Owns one small question and one small image, for tests that look at the wire alone."""

from __future__ import annotations

import json
from typing import Any, Final

from pipeline.ai.port import ImageRequest, Message, TextRequest

#: The answer's shape: one word.
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"word": {"type": "string"}},
    "required": ["word"],
    "additionalProperties": False,
}
ANSWER: Final = json.dumps({"word": "walnut"})


def question(said: str = "Which wood?", **changes: Any) -> TextRequest:
    """One question to a text model."""
    asked: dict[str, Any] = {
        "model": "stand-in-writer",
        "messages": (Message("system", "Answer with one word."), Message("user", said)),
        "schema": SCHEMA,
        "schema_name": "word",
        "max_output_tokens": 321,
        "temperature": 0.4,
        "timeout_seconds": 20.0,
        "call_key": "c" * 64,
    }
    return TextRequest(**{**asked, **changes})


def image(**changes: Any) -> ImageRequest:
    """One image."""
    asked: dict[str, Any] = {
        "model": "stand-in-painter",
        "prompt": "A walnut desk by a window.",
        "width": 1280,
        "height": 720,
        "quality": "standard",
        "style": "photorealistic",
        "timeout_seconds": 20.0,
        "call_key": "d" * 64,
    }
    return ImageRequest(**{**asked, **changes})
