"""The row of a call says what went over the wire, and that the provider decided it where that is not what was asked."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.ai import provider
from pipeline.ai.port import Message
from pipeline.contract import ImageQuestion, Question
from pipeline.core.catalog import ModelType
from pipeline.core.matrix import Ai, SiteSettings
from pipeline.core.pricing import Price
from pipeline.engine.provider_tests import Probe
from pipeline.engine.questions import Asking, Prepared, Step, prepare
from tests.integration.ai.conftest import KEY
from tests.support.provider_server import ProviderServer


def _prepared(name: str, model: str, question: Question | ImageQuestion) -> Prepared:
    kind = ModelType.IMAGE if isinstance(question, ImageQuestion) else ModelType.TEXT
    price = Price(1, model, name, kind, tokens_per_credit=100, credits_per_image=1)
    settings = SiteSettings(ai=Ai(temperature=1.7, image_quality="standard", image_style="ink"))
    return prepare(question, Asking(Step.ASK, 1, [1], settings, price, 10.0))


def test_a_temperature_beyond_anthropics_scale_is_kept_as_it_was_sent(server: ProviderServer) -> None:
    question = Question((Message("user", "Work?"),), Probe, "test", 100, 10)
    prepared = _prepared("anthropic", "claude-x", question)
    provider("anthropic", base_url=server.anthropic, api_key=KEY).complete_text(prepared.request)  # type: ignore[arg-type]  # a text

    assert prepared.parameters["temperature"] == server.journal[0].body["temperature"] == 1.0
    assert prepared.parameters["origins"]["temperature"] == "provider"
    assert _prepared("openai", "gpt", question).parameters["temperature"] == 1.7


@pytest.mark.parametrize(
    ("name", "model", "adjusted"),
    [
        ("openai", "gpt-image-1-mini", {"width": 1_536, "height": 1_024, "quality": "medium", "style": None}),
        ("openai", "gpt-image-2", {"quality": "medium", "style": None}),
        ("openai", "dall-e-3", {"style": None}),
        ("runware", "runware:100@1", {"height": 704, "quality": None, "style": None}),
    ],
)
def test_an_images_size_quality_and_style_are_kept_as_they_were_sent(
    server: ProviderServer, name: str, model: str, adjusted: dict[str, Any]
) -> None:
    prepared = _prepared(name, model, ImageQuestion("A chair", 1_280, 720))
    provider(name, base_url=getattr(server, name), api_key=KEY).draw_image(prepared.request)  # type: ignore[arg-type]  # an image

    asked = {"width": 1_280, "height": 720, "quality": "standard", "style": "ink"}
    kept = {field: value for field, value in prepared.parameters.items() if field != "origins"}
    assert kept == asked | adjusted
    assert {field for field, origin in prepared.parameters["origins"].items() if origin == "provider"} == set(adjusted)
    body = server.journal[0].body
    if name == "runware":
        assert (body[0]["width"], body[0]["height"]) == (kept["width"], kept["height"])
    else:
        assert (body["size"], body["quality"]) == (f"{kept['width']}x{kept['height']}", kept["quality"])
    assert prepared.image_format == "1280x720/standard"
