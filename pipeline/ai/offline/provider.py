"""Owns the offline testing model as a provider: usage, truncation, latency and which answer is asked for.

Never: anything a real provider would not see. It knows the request, nothing else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping

from pipeline.ai.offline.answers import Answer
from pipeline.ai.offline.articles import article
from pipeline.ai.offline.clusters import clusters
from pipeline.ai.offline.ideas import ideas
from pipeline.ai.offline.image_prompts import image_prompts
from pipeline.ai.port import (
    Finish,
    ImageReply,
    ImageRequest,
    OutcomeUnknownError,
    RequestRefusedError,
    TextReply,
    TextRequest,
)

#: The honest estimate of this model's tokenizer: never more tokens than bytes.
BYTES_PER_TOKEN = 4

WRITERS: Mapping[str, Callable[[TextRequest], Answer]] = {
    "clusters": clusters,
    "ideas": ideas,
    "article": article,
    "image_prompts": image_prompts,
    "test": lambda _: {"works": True},
}


class OfflineProvider:
    """The offline testing model. A reply depends on its request alone."""

    name = "offline"

    def __init__(self, *, latency_seconds: float = 0.02) -> None:
        """Wait `latency_seconds` before every answer, as a call over a network would."""
        self._latency_seconds = latency_seconds

    def complete_text(self, request: TextRequest) -> TextReply:
        """Answer one of the text stages' questions as JSON. Raises RequestRefusedError, OutcomeUnknownError."""
        self._wait(request.timeout_seconds)
        writer = WRITERS.get(request.schema_name)
        if writer is None:
            known = ", ".join(WRITERS)
            raise RequestRefusedError(
                f"The offline testing model cannot answer {request.schema_name!r}. It answers: {known}."
            )
        text, finish = _limit(json.dumps(writer(request), ensure_ascii=False), max_tokens=request.max_output_tokens)
        question = [message.content for message in request.messages]
        return TextReply(
            text=text,
            input_tokens=_tokens(*question, json.dumps(dict(request.schema), ensure_ascii=False)),
            output_tokens=_tokens(text),
            finish=finish,
        )

    def draw_image(self, request: ImageRequest) -> ImageReply:
        """Draw a JPEG of at least 1024 × 576 pixels. Raises RequestRefusedError, OutcomeUnknownError."""
        from pipeline.ai.offline.pictures import draw

        self._wait(request.timeout_seconds)
        return ImageReply(data=draw(request))

    def _wait(self, timeout_seconds: float) -> None:
        time.sleep(min(self._latency_seconds, timeout_seconds))
        if self._latency_seconds > timeout_seconds:
            raise OutcomeUnknownError(f"No answer came within {timeout_seconds:g} s: the request may have been billed.")


def _tokens(*texts: str) -> int:
    return -(-sum(len(text.encode()) for text in texts) // BYTES_PER_TOKEN)


def _limit(text: str, *, max_tokens: int) -> tuple[str, Finish]:
    room = max(max_tokens, 0) * BYTES_PER_TOKEN
    encoded = text.encode()
    if len(encoded) <= room:
        return text, "stop"
    return encoded[:room].decode(errors="ignore"), "length"
