"""What goes over the wire for an image, what it cost, and that no address of an answer is visited."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from pipeline.ai.port import KeyRefusedError, Provider, QuotaExhaustedError, UnreadableAnswerError
from tests.integration.ai.conftest import KEY, image
from tests.support.provider_server import Fault, ProviderServer


def _size(data: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(data)).size


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("gpt-image-1", {"size": "1536x1024", "quality": "medium", "output_format": "jpeg"}),
        ("maker/gpt-image-1", {"size": "1536x1024", "quality": "medium", "output_format": "jpeg"}),
        ("gpt-image-2", {"size": "1280x720", "quality": "medium", "output_format": "jpeg"}),
        ("dall-e-3", {"size": "1280x720", "quality": "standard", "response_format": "b64_json", "style": "vivid"}),
    ],
)
def test_openai_is_asked_as_its_model_wants_it(
    server: ProviderServer, openai: Provider, model: str, asked: dict[str, str]
) -> None:
    reply = openai.draw_image(image(model=model))

    assert server.journal[0].body == {"model": model, "prompt": "A chair", "n": 1, **asked}
    assert _size(reply.data) == tuple(map(int, asked["size"].split("x")))
    assert reply.cost_picodollars is None


def test_runware_draws_one_image_and_says_what_it_costs(server: ProviderServer, runware: Provider) -> None:
    reply = runware.draw_image(image())
    runware.draw_image(image())
    runware.draw_image(image(call_key="other"))

    asked = [request.body[0] for request in server.journal]
    assert asked[0] == {
        "taskType": "imageInference",
        "taskUUID": asked[0]["taskUUID"],
        "model": "m-2",
        "positivePrompt": "A chair",
        "width": 1_280,
        "height": 704,
        "numberResults": 1,
        "outputType": "base64Data",
        "outputFormat": "JPG",
        "includeCost": True,
    }
    assert asked[0]["taskUUID"] == asked[1]["taskUUID"] != asked[2]["taskUUID"]
    assert server.journal[0].headers["authorization"] == f"Bearer {KEY}"
    assert (_size(reply.data), reply.cost_picodollars) == ((1_280, 704), 1_300_000_000)


@pytest.mark.parametrize(
    ("cost", "picodollars"),
    [
        ("0.0006", 600_000_000),
        ("0.1000000000001", 100_000_000_001),
        ("0", 0),
        ("3", 3 * 10**12),
        ("-1", None),
        ("1e999999", None),
        ("1e-99999", 1),
        ("1001", None),
        ("NaN", None),
        ("true", None),
        ('"0.1"', None),
        ("null", None),
    ],
)
def test_runwares_figure_is_taken_to_the_last_digit_where_it_is_one(
    server: ProviderServer, runware: Provider, cost: str, picodollars: int | None
) -> None:
    server.faults = [Fault(body=b'{"data":[{"imageBase64Data":"QUJD","cost":%s}]}' % cost.encode())]

    reply = runware.draw_image(image())

    assert (reply.data, reply.cost_picodollars) == (b"ABC", picodollars)


def _entry(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda document: {"data": [{**document["data"][0], **changes}]}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("runware", _entry(imageBase64Data=None, imageURL="http://127.0.0.1:1/x.png")),
        ("runware", _entry(imageBase64Data="no base64!")),
        ("runware", _entry(imageBase64Data=7)),
        ("runware", _entry(imageBase64Data="QUJD\u0000")),
        ("runware", _entry(imageBase64Data="data:image/svg+xml,<svg/>")),
        ("runware", _entry(imageBase64Data=None, imageDataURI="http://127.0.0.1:1/x.png")),
        ("openai", _entry(b64_json={"data": "QUJD"})),
        ("openai", _entry(b64_json=None, revised_prompt="A chair, http://127.0.0.1:1/x.png")),
        ("openai", _entry(b64_json=None, url="http://169.254.169.254/latest/meta-data")),
        ("openai", _entry(b64_json="?")),
        ("openai", lambda _document: {"data": [None]}),
        ("openai", lambda _document: {"data": []}),
        ("openai", lambda _document: {"data": None}),
    ],
)
def test_what_holds_no_image_is_an_answer_without_one_and_no_address_is_visited(
    server: ProviderServer, request: pytest.FixtureRequest, name: str, change: Callable[[dict[str, Any]], Any]
) -> None:
    server.faults = [Fault(change=change)]
    adapter: Provider = request.getfixturevalue(name)

    assert adapter.draw_image(image()).data == b""
    assert len(server.journal) == 1


@pytest.mark.parametrize(
    "written", ["QUJDRA==", "QUJDRA", "QUJD\r\nRA==\r\n", "data:image/png;base64,QUJDRA==", " QUJDRA== "]
)
def test_base64_is_read_as_it_is_commonly_written(
    server: ProviderServer, openai: Provider, runware: Provider, written: str
) -> None:
    server.faults = [Fault(change=_entry(b64_json=written)), Fault(change=_entry(imageBase64Data=written))]

    assert [openai.draw_image(image()).data, runware.draw_image(image()).data] == [b"ABCD", b"ABCD"]


def test_of_two_entries_of_its_own_the_one_with_an_image_is_taken(server: ProviderServer, runware: Provider) -> None:
    def twice(found: dict[str, Any]) -> dict[str, Any]:
        (own,) = found["data"]
        without = {**own, "imageBase64Data": None, "cost": 9}
        return {"data": [None, "x", without, {**own, "taskUUID": own["taskUUID"].upper()}], "errors": []}

    server.faults = [Fault(change=twice)]

    assert runware.draw_image(image()).cost_picodollars == 1_300_000_000


def test_an_image_of_somebody_else_alone_may_have_been_billed(server: ProviderServer, runware: Provider) -> None:
    server.faults = [Fault(change=_entry(taskUUID="another"))]

    with pytest.raises(UnreadableAnswerError, match="without an image: it may have been billed"):
        runware.draw_image(image())


def test_an_answer_may_hold_images_of_others_and_errors_beside_its_own(
    server: ProviderServer, runware: Provider
) -> None:
    others = {"taskUUID": "another", "imageBase64Data": "QUJD", "cost": 5}
    server.faults = [
        Fault(change=lambda found: {"data": [others, *found["data"]], "errors": [{"code": "invalidApiKey"}]}),
        Fault(change=lambda _: {"data": [others], "errors": [{"code": "insufficientCredits", "message": "empty"}]}),
        Fault(change=lambda found: {
            "errors": [{"code": "x", "taskUUID": "another"},
                       {"code": "invalidApiKey", "taskUUID": found["data"][0]["taskUUID"]}]}),
    ]  # fmt: skip

    assert runware.draw_image(image()).cost_picodollars == 1_300_000_000
    with pytest.raises(QuotaExhaustedError, match="empty"):
        runware.draw_image(image())
    with pytest.raises(KeyRefusedError):
        runware.draw_image(image())
