"""The adapters of OpenAI and Anthropic on a server that nobody here wrote, which speaks for both."""

from __future__ import annotations

import threading
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from pipeline.ai.port import (
    KeyRefusedError,
    NoAdapterError,
    OutcomeUnknownError,
    ProviderError,
    QuotaExhaustedError,
    RequestRefusedError,
    RetryableError,
    ThrottledError,
    UnavailableError,
)
from pipeline.core.capabilities import Capabilities
from tests.support.ports import free_port
from tests.system.providers.adapters import Opened, opening
from tests.system.providers.installation import KEY
from tests.system.providers.questions import picture
from tests.system.providers.servers import Aimock
from tests.system.providers.small_questions import ANSWER, image, question

_USAGE: Final = {
    "openai": {"prompt_tokens": 41, "completion_tokens": 7},
    "anthropic": {"input_tokens": 41, "output_tokens": 7},
}


@pytest.fixture
def opened(aimock: Aimock) -> Iterator[Opened]:
    """The adapter of a provider, sent to the stand-in."""
    addresses = {"openai": f"{aimock.url}/v1", "anthropic": aimock.url}
    with opening(addresses) as adapter_of:
        yield adapter_of


@pytest.fixture(params=["openai", "anthropic"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_text_comes_with_the_usage_that_the_server_says(aimock: Aimock, opened: Opened, name: str) -> None:
    aimock.answer({}, {"content": ANSWER, "usage": _USAGE[name]})

    reply = opened(name).complete_text(question())

    assert (reply.text, reply.finish) == (ANSWER, "stop")
    assert (reply.input_tokens, reply.output_tokens) == (41, 7)


def test_a_question_arrives_once_with_its_call_its_room_and_its_words(
    aimock: Aimock, opened: Opened, name: str
) -> None:
    aimock.answer({}, {"content": ANSWER})

    opened(name).complete_text(question())

    (served,) = aimock.journal()
    sent = {message["role"]: message["content"] for message in served.body["messages"]}
    assert sent == {"system": "Answer with one word.", "user": "Which wood?"}
    assert served.body["model"] == "stand-in-writer"
    assert 321 in {served.body.get("max_completion_tokens"), served.body.get("max_tokens")}
    assert float(served.body["temperature"]) == 0.4
    assert served.headers["idempotency-key"] == "c" * 64


def test_openai_is_asked_for_json_of_the_schema(aimock: Aimock, opened: Opened) -> None:
    aimock.answer({}, {"content": ANSWER})

    opened("openai").complete_text(question())

    asked = aimock.journal()[0].body["response_format"]
    assert asked["type"] == "json_schema"
    assert asked["json_schema"]["strict"] is True
    assert asked["json_schema"]["schema"]["required"] == ["word"]


def test_a_model_that_lacks_things_is_not_asked_for_them(aimock: Aimock, opened: Opened, name: str) -> None:
    aimock.answer({}, {"content": ANSWER})
    able = Capabilities(has_temperature=False, has_json_schema=False, max_tokens_name="max_tokens")

    reply = opened(name).complete_text(question(capabilities=able))

    body = aimock.journal()[0].body
    assert reply.text == ANSWER
    assert body.get("temperature") is None
    assert body["max_tokens"] == 321
    assert (body.get("response_format") or {}).get("type") != "json_schema"
    assert '"word"' in str(body["messages"])


@pytest.mark.parametrize(("said", "meant"), [("length", "length"), ("content_filter", "filter")])
def test_why_openai_stopped_is_told(aimock: Aimock, opened: Opened, said: str, meant: str) -> None:
    aimock.answer({}, {"content": ANSWER[:9], "finishReason": said, "usage": _USAGE["openai"]})

    reply = opened("openai").complete_text(question())

    assert (reply.finish, reply.text, reply.output_tokens) == (meant, ANSWER[:9], 7)


def test_why_anthropic_stopped_is_told(aimock: Aimock, opened: Opened) -> None:
    aimock.answer({}, {"content": ANSWER[:9], "finishReason": "length", "usage": _USAGE["anthropic"]})

    reply = opened("anthropic").complete_text(question())

    assert (reply.finish, reply.text, reply.output_tokens) == ("length", ANSWER[:9], 7)


def test_usage_that_is_nonsense_is_none(aimock: Aimock, opened: Opened) -> None:
    aimock.answer({}, {"content": ANSWER, "usage": {"prompt_tokens": -5, "completion_tokens": 7}})

    reply = opened("openai").complete_text(question())

    assert (reply.text, reply.input_tokens) == (ANSWER, None)


def test_an_answer_that_is_no_text_is_an_empty_one(aimock: Aimock, opened: Opened, name: str) -> None:
    aimock.answer({}, {"toolCalls": [{"name": "rm", "arguments": "{}"}], "usage": _USAGE[name]})

    reply = opened(name).complete_text(question())

    assert (reply.text, reply.output_tokens) == ("", 7)


@pytest.mark.parametrize(
    ("status", "kind", "code", "message"),
    [
        (400, RequestRefusedError, "invalid_request_error", "the schema is wrong"),
        (401, KeyRefusedError, "authentication_error", f"Incorrect API key provided: {KEY}."),
        (403, KeyRefusedError, "permission_error", "not for you"),
        (404, NoAdapterError, "not_found_error", "no such model"),
        (422, RequestRefusedError, "invalid_request_error", "cannot be processed"),
        (429, ThrottledError, "rate_limit_error", "slower"),
        (429, QuotaExhaustedError, "insufficient_quota", "You exceeded your current quota."),
        (400, QuotaExhaustedError, "invalid_request_error", "Your credit balance is too low to access the API."),
        (500, UnavailableError, "server_error", "it broke"),
        (503, UnavailableError, "server_error", "away"),
        (529, UnavailableError, "overloaded_error", "Overloaded"),
    ],
)
def test_a_refusal_is_told_as_what_it_is_after_one_request(
    *, aimock: Aimock, opened: Opened, name: str, status: int, kind: type[ProviderError], code: str, message: str
) -> None:
    aimock.answer({}, {"error": {"message": message, "type": code, "code": code}, "status": status})

    with pytest.raises(kind) as caught:
        opened(name).complete_text(question())

    assert type(caught.value) is kind or kind is NoAdapterError
    assert len(aimock.journal()) == 1
    assert message.split(":", maxsplit=1)[0] in str(caught.value)
    assert KEY not in str(caught.value)


def test_how_long_to_wait_is_read(aimock: Aimock, opened: Opened, name: str) -> None:
    aimock.answer({}, {"error": {"message": "slower", "type": "rate_limit_error"}, "status": 429, "retryAfter": 17})

    with pytest.raises(RetryableError) as caught:
        opened(name).complete_text(question())

    assert caught.value.retry_after_seconds == 17


@pytest.mark.parametrize(
    ("chaos", "kind"),
    [
        ({"rateLimitRate": 1}, ThrottledError),
        ({"dropRate": 1}, UnavailableError),
        ({"malformedRate": 1}, OutcomeUnknownError),
        ({"disconnectRate": 1}, OutcomeUnknownError),
    ],
)
def test_chaos_of_the_server_is_an_error_of_the_port_after_one_request(
    aimock: Aimock, opened: Opened, name: str, chaos: dict[str, int], kind: type[ProviderError]
) -> None:
    aimock.answer({}, {"content": ANSWER}, chaos=chaos)

    with pytest.raises(kind):
        opened(name).complete_text(question())

    assert len(aimock.journal()) == 1


def test_an_answer_that_is_late_may_have_been_billed(aimock: Aimock, opened: Opened, name: str) -> None:
    aimock.answer({}, {"content": ANSWER}, chaos={"latencyMs": 2_000})

    with pytest.raises(OutcomeUnknownError):
        opened(name).complete_text(question(timeout_seconds=0.5))


def test_a_server_that_is_not_there_is_unavailable(name: str) -> None:
    nowhere = {name: f"http://127.0.0.1:{free_port()}/v1"}

    with opening(nowhere) as adapter_of, pytest.raises(UnavailableError):
        adapter_of(name).complete_text(question())


def test_an_image_comes_as_bytes(aimock: Aimock, opened: Opened) -> None:
    aimock.answer({"endpoint": "image"}, {"image": {"b64Json": picture(3)}})

    reply = opened("openai").draw_image(image())

    (served,) = aimock.journal()
    assert reply.data == b64decode(picture(3))
    assert served.headers["idempotency-key"] == "d" * 64


def test_an_address_in_place_of_an_image_is_not_visited(aimock: Aimock, opened: Opened) -> None:
    aimock.answer({"endpoint": "image"}, {"image": {"url": f"{aimock.url}/v1/models"}})

    reply = opened("openai").draw_image(image())

    assert reply.data == b""
    assert len(aimock.journal()) == 1


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "image_generation_user_error", RequestRefusedError),
        (429, "rate_limit_error", ThrottledError),
        (500, "server_error", UnavailableError),
    ],
)
def test_an_image_that_is_refused_is_asked_for_once(
    aimock: Aimock, opened: Opened, status: int, code: str, kind: type[ProviderError]
) -> None:
    aimock.answer({"endpoint": "image"}, {"error": {"message": "not this one", "type": code}, "status": status})

    with pytest.raises(kind):
        opened("openai").draw_image(image())

    assert len(aimock.journal()) == 1


def test_many_threads_of_one_adapter_get_their_own_answers(aimock: Aimock, opened: Opened, name: str) -> None:
    words = [f"wood-{number:02}" for number in range(40)]
    for word in words:
        aimock.answer({"userMessage": word}, {"content": word, "usage": _USAGE[name]})
    adapter, together = opened(name), threading.Barrier(8)

    def asked(word: str) -> str:
        if word < "wood-08":
            together.wait()
        return adapter.complete_text(question(word, call_key=word)).text

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(asked, words))

    assert answers == words
    assert sorted(served.headers["idempotency-key"] for served in aimock.journal()) == words
