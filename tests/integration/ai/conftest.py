"""What the tests of the adapters share: a provider on loopback, and the adapters that ask it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.ai import provider
from pipeline.ai.port import ImageRequest, Message, Provider, TextRequest
from tests.support.provider_server import ProviderServer, provider_server

KEY = "sk-proj-Ab12Cd34Ef56"


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with provider_server() as found:
        yield found


@pytest.fixture
def openai(server: ProviderServer) -> Provider:
    return provider("openai", base_url=server.openai, api_key=KEY)


@pytest.fixture
def anthropic(server: ProviderServer) -> Provider:
    return provider("anthropic", base_url=server.anthropic, api_key=KEY)


@pytest.fixture
def runware(server: ProviderServer) -> Provider:
    return provider("runware", base_url=server.runware, api_key=KEY)


def text(**changes: Any) -> TextRequest:
    """A question for one word."""
    fields: dict[str, Any] = {
        "model": "m-1",
        "messages": (Message("system", "Be short."), Message("user", "Which word?")),
        "schema": {"type": "object", "properties": {"word": {"type": "string", "maxLength": 9}}},
        "schema_name": "word",
        "max_output_tokens": 100,
        "temperature": 0.5,
        "timeout_seconds": 10.0,
        "call_key": "k" * 64,
    }
    return TextRequest(**{**fields, **changes})


def image(**changes: Any) -> ImageRequest:
    """A question for one image."""
    fields: dict[str, Any] = {
        "model": "m-2",
        "prompt": "A chair",
        "width": 1_280,
        "height": 720,
        "quality": "standard",
        "style": "vivid",
        "timeout_seconds": 10.0,
        "call_key": "k" * 64,
    }
    return ImageRequest(**{**fields, **changes})


def ask(adapter: Provider, **changes: Any) -> Any:
    """One call of whatever the adapter does."""
    return adapter.draw_image(image(**changes)) if adapter.name == "runware" else adapter.complete_text(text(**changes))
