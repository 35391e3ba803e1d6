"""A provider of the tests' own: what it does is written in the words it is asked about, and it keeps a journal."""

from __future__ import annotations

import io
import json
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from pipeline.ai import ADAPTERS
from pipeline.ai.port import (
    ImageReply,
    ImageRequest,
    KeyRefusedError,
    OutcomeUnknownError,
    QuotaExhaustedError,
    RequestRefusedError,
    TextReply,
    TextRequest,
    ThrottledError,
    UnavailableError,
)

_ERRORS = {
    "refused": RequestRefusedError("the request is refused"),
    "key": KeyRefusedError("the key is refused: set a new one"),
    "quota": QuotaExhaustedError("the quota is used up"),
    "unknown": OutcomeUnknownError("no answer came"),
    "down": UnavailableError("the provider is down", retry_after_seconds=60),
}


class FakeProvider:
    """Answers with the words it was asked about. A text's first word is its mode; `X-once` happens only once."""

    name = "fake"

    def __init__(self, journal_file: Path | None = None) -> None:
        self.journal: list[tuple[str, ...]] = []
        #: Which models texts were asked of, and how freely they were to answer.
        self.asked: set[tuple[str, float | None]] = set()
        #: What happens to the next calls, one each, whatever they are about; None: nothing.
        self.script: deque[Exception | None] = deque()
        #: Told of each call before anything else happens.
        self.on_call: Callable[[], None] = lambda: None
        self._journal_file = journal_file
        self._seen: Counter[str] = Counter()

    def complete_text(self, request: TextRequest) -> TextReply:
        texts = json.loads(request.messages[0].content)["texts"]
        self._note(request.call_key, texts)
        self.asked.add((request.model, request.temperature))
        for text in texts:
            self._misbehave(text)
        garbage = any(self._in_mode(text, "garbage") for text in texts)
        body = '{"wrong": 1}' if garbage else json.dumps({"texts": texts})
        return TextReply(body, input_tokens=100, output_tokens=10, finish="stop")

    def draw_image(self, request: ImageRequest) -> ImageReply:
        self._note(request.call_key, [request.prompt])
        self._misbehave(request.prompt)
        if self._in_mode(request.prompt, "garbage"):
            return ImageReply(b"<svg/>")
        file = io.BytesIO()
        Image.new("RGB", (64, 64), (len(request.prompt) % 256, 0, 0)).save(file, "PNG")
        return ImageReply(file.getvalue())

    def _note(self, key: str, texts: list[str]) -> None:
        self.journal.append(tuple(texts))
        if self._journal_file is not None:
            with self._journal_file.open("a") as file:
                file.write(f"{key}\n")
        self.on_call()
        happens = self.script.popleft() if self.script else None
        if happens is not None:
            raise happens

    def _misbehave(self, text: str) -> None:
        for mode, error in _ERRORS.items():
            if self._in_mode(text, mode):
                raise error
        if self._in_mode(text, "throttled"):
            raise ThrottledError("too many requests", retry_after_seconds=0.01)

    def _in_mode(self, text: str, mode: str) -> bool:
        word = text.split(maxsplit=1)[0]
        if word == mode:
            return True
        if word != f"{mode}-once":
            return False
        self._seen[text] += 1
        return self._seen[text] == 1


def install() -> FakeProvider:
    """Make `fake` a provider of this process and return it."""
    from pipeline.engine import gates

    fake = FakeProvider()
    ADAPTERS["fake"] = lambda _connection: fake
    gates.adapter.cache_clear()
    return fake
