"""What the tests of the AI port share: questions as the stages ask them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.ai.offline import OfflineProvider
from pipeline.ai.port import Message, TextReply, TextRequest

Ask = Callable[..., TextReply]
Answered = Callable[..., Any]


def question(data: object, **changes: object) -> TextRequest:
    """A request with its data at the end of the user message."""
    block = json.dumps(data, ensure_ascii=False, indent=1)
    fields: dict[str, Any] = {
        "model": "offline-text",
        "messages": (Message("system", "Answer as JSON."), Message("user", f"Do it.\n\n```json\n{block}\n```")),
        "schema": {"type": "object"},
        "schema_name": "clusters",
        "max_output_tokens": 100_000,
        "temperature": None,
        "timeout_seconds": 5.0,
        "call_key": "key",
    }
    return TextRequest(**{**fields, **changes})


@pytest.fixture
def offline() -> OfflineProvider:
    """The offline provider without its wait."""
    return OfflineProvider(latency_seconds=0)


@pytest.fixture
def ask(offline: OfflineProvider) -> Ask:
    """Ask with data and a schema name; gives the reply."""

    def asked(data: object, **changes: object) -> TextReply:
        return offline.complete_text(question(data, **changes))

    return asked


@pytest.fixture
def answered(ask: Ask) -> Answered:
    """Ask with data and a schema name; gives the parsed answer."""

    def parsed(data: object, **changes: object) -> Any:
        return json.loads(ask(data, **changes).text)

    return parsed
