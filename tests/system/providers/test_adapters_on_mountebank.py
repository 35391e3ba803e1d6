"""All three adapters on a server that says whatever it is told: Runware's own ways, and what no provider should say."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest

from pipeline.ai.port import (
    ImageReply,
    KeyRefusedError,
    NoAdapterError,
    OutcomeUnknownError,
    Provider,
    ProviderError,
    QuotaExhaustedError,
    RequestRefusedError,
    RetryableError,
    TextReply,
    ThrottledError,
    UnavailableError,
)
from tests.system.providers.adapters import opening
from tests.system.providers.installation import KEY
from tests.system.providers.questions import picture
from tests.system.providers.servers import Imposter, Mountebank
from tests.system.providers.small_questions import ANSWER, image, question

_PICTURE: Final = picture(7)
_TASK: Final = {"copy": {"from": "body", "into": "${TASK}", "using": {"method": "jsonpath", "selector": "$..taskUUID"}}}
_MILLION: Final = 1_000_000
_AS_JSON: Final = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Told:
    """A server that was told what to say, and the adapter that asks it."""

    imposter: Imposter
    adapter: Provider
    name: str

    def ask(self, **changes: Any) -> TextReply | ImageReply:
        """Ask once, for what that provider is asked for."""
        if self.name == "runware":
            return self.adapter.draw_image(image(**changes))
        return self.adapter.complete_text(question(**changes))


@contextmanager
def _told(mountebank: Mountebank, name: str, *responses: Mapping[str, Any]) -> Iterator[Told]:
    with ExitStack() as stack:
        imposter = stack.enter_context(mountebank.imposter([{"responses": responses}]))
        adapter_of = stack.enter_context(opening({name: f"{imposter.url}/v1"}))
        yield Told(imposter, adapter_of(name), name)


def _says(
    body: object,
    status: int = 200,
    headers: Mapping[str, str] = _AS_JSON,
    *,
    behaviors: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    return {"is": {"statusCode": status, "headers": {**_AS_JSON, **headers}, "body": text}, "behaviors": behaviors}


def _drawn(cost: str = "0.0013", task: str = "${TASK}", more: str = "") -> dict[str, Any]:
    drawn = f'{{"taskType": "imageInference", "taskUUID": "{task}", "cost": {cost}, "imageBase64Data": "{_PICTURE}"}}'
    return _says(f'{{"data": [{drawn}]{more}}}', behaviors=[_TASK])


@pytest.fixture(params=["openai", "anthropic", "runware"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("cost", "picodollars"),
    [
        ("0.0013", 1_300 * _MILLION),
        ("0.00064", 640 * _MILLION),
        ("0", 0),
        ("1e-3", 1_000 * _MILLION),
        ("0.1000000000001", 100_000_000_001),
    ],
)
def test_an_image_of_runware_comes_with_the_cost_it_says(mountebank: Mountebank, cost: str, picodollars: int) -> None:
    with _told(mountebank, "runware", _drawn(cost)) as told:
        reply = told.adapter.draw_image(image())

    assert reply.data == b64decode(_PICTURE)
    assert reply.cost_picodollars == picodollars


@pytest.mark.parametrize("cost", ["-1", '"0.0013"', "null", "true", "1e400", "1e9", "{}"])
def test_a_cost_that_is_no_amount_is_none(mountebank: Mountebank, cost: str) -> None:
    with _told(mountebank, "runware", _drawn(cost)) as told:
        reply = told.adapter.draw_image(image())

    assert reply.data == b64decode(_PICTURE)
    assert reply.cost_picodollars is None


def test_runware_is_asked_once_for_one_task_of_the_call(mountebank: Mountebank) -> None:
    with _told(mountebank, "runware", _drawn()) as told:
        for key in ("a" * 64, "a" * 64, "b" * 64):
            told.adapter.draw_image(image(call_key=key))
        served = told.imposter.journal()

    tasks = [task for one in served for task in one.body]
    assert len(served) == len(tasks) == 3
    assert tasks[0]["taskUUID"] == tasks[1]["taskUUID"] != tasks[2]["taskUUID"]
    assert (tasks[0]["taskType"], tasks[0]["numberResults"], tasks[0]["includeCost"]) == ("imageInference", 1, True)
    assert (tasks[0]["model"], tasks[0]["positivePrompt"]) == ("stand-in-painter", "A walnut desk by a window.")
    assert {one.headers["authorization"] for one in served} == {f"Bearer {KEY}"}


def test_an_answer_that_holds_an_error_of_another_task_too_is_an_image(mountebank: Mountebank) -> None:
    other = ', "errors": [{"code": "timeout", "message": "late", "taskUUID": "of-another"}]'
    with _told(mountebank, "runware", _drawn(more=other)) as told:
        assert told.adapter.draw_image(image()).data == b64decode(_PICTURE)


def test_an_image_of_another_task_is_not_taken(mountebank: Mountebank) -> None:
    with _told(mountebank, "runware", _drawn(task="of-another")) as told, pytest.raises(OutcomeUnknownError):
        told.ask()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (200, "invalidModel", NoAdapterError),
        (400, "invalidParameter", RequestRefusedError),
        (401, "invalidApiKey", KeyRefusedError),
        (402, "insufficientCredits", QuotaExhaustedError),
        (200, "insufficientCredits", QuotaExhaustedError),
        (429, "rateLimitExceeded", ThrottledError),
        (500, "internalServerError", UnavailableError),
        (503, "providerUnavailable", UnavailableError),
    ],
)
def test_an_error_of_runware_is_told_as_what_it_is(
    mountebank: Mountebank, status: int, code: str, kind: type[ProviderError]
) -> None:
    body = {"errors": [{"code": code, "message": f"It says: {KEY}", "taskUUID": "${TASK}"}]}
    with _told(mountebank, "runware", _says(body, status, behaviors=[_TASK])) as told:
        with pytest.raises(kind) as caught:
            told.ask()
        assert told.imposter.requests() == 1

    assert "It says" in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "response",
    [
        {"fault": "CONNECTION_RESET_BY_PEER"},
        {"fault": "RANDOM_DATA_THEN_CLOSE"},
        _says("<html><body>Welcome to our hotel's network</body></html>"),
        _says(""),
        _says('{"choices": [{"message": {"conte'),
        _says("[]"),
        _says('"done"'),
        _says("null"),
        _says("{}"),
        _says("[" * 100_000),
        _says('{"data": [' * 20_000),
        {"is": {"body": b64decode(_PICTURE).hex()}},
    ],
)
def test_what_is_no_answer_of_a_provider_may_have_been_billed(
    mountebank: Mountebank, name: str, response: Mapping[str, Any]
) -> None:
    with _told(mountebank, name, response) as told:
        with pytest.raises(OutcomeUnknownError):
            told.ask()
        assert told.imposter.requests() == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 529])
def test_a_gateway_that_speaks_no_json_is_a_provider_that_is_away(
    mountebank: Mountebank, name: str, status: int
) -> None:
    page = _says("<html>Bad gateway</html>", status, {"Content-Type": "text/html", "Retry-After": "7"})
    with _told(mountebank, name, page) as told:
        with pytest.raises(UnavailableError) as caught:
            told.ask()
        assert told.imposter.requests() == 1

    assert caught.value.retry_after_seconds == 7


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3),
        ({"retry-after-ms": "2500"}, 2.5),
        ({"Retry-After": "Sat, 28 Nov 2026 12:00:30 GMT", "Date": "Sat, 28 Nov 2026 12:00:00 GMT"}, 30),
        ({"Retry-After": "-4"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait_is_read_in_every_way_it_is_said(
    mountebank: Mountebank, name: str, headers: Mapping[str, str], seconds: float | None
) -> None:
    with _told(mountebank, name, _says({"error": {"message": "slower"}}, 429, headers)) as told:
        with pytest.raises(RetryableError) as caught:
            told.ask()
        assert told.imposter.requests() == 1

    assert caught.value.retry_after_seconds == seconds


def test_another_address_is_not_followed(mountebank: Mountebank, name: str) -> None:
    with (
        mountebank.imposter([{"responses": [_says({"choices": []})]}]) as elsewhere,
        _told(mountebank, name, _says("", 307, {"Location": f"{elsewhere.url}/v1"})) as told,
    ):
        with pytest.raises(ProviderError):
            told.ask()
        assert (told.imposter.requests(), elsewhere.requests()) == (1, 0)


@pytest.mark.parametrize(
    ("choices", "said", "text", "usage"),
    [
        ([], None, "", (None, None)),
        (None, (3, 4), "", (3, 4)),
        ([{"message": {"content": None}}], None, "", (None, None)),
        ([{"message": None, "finish_reason": "stop"}], None, "", (None, None)),
        ([{"message": {"content": ["no", "text"]}}], None, "", (None, None)),
        ([{"message": {"content": ANSWER}}], ("9", 1.5), ANSWER, (None, None)),
        ([{"message": {"content": ANSWER}}], (9, -1), ANSWER, (9, None)),
        ([{"message": {"content": ANSWER}}], (True, 1e30), ANSWER, (None, None)),
    ],
)
def test_what_openai_leaves_out_is_missing_and_no_error(
    mountebank: Mountebank,
    choices: object,
    said: tuple[object, object] | None,
    text: str,
    usage: tuple[int | None, int | None],
) -> None:
    counts = None if said is None else {"prompt_tokens": said[0], "completion_tokens": said[1]}
    with _told(mountebank, "openai", _says({"choices": choices, "usage": counts})) as told:
        reply = told.adapter.complete_text(question())

    assert reply.text == text
    assert (reply.input_tokens, reply.output_tokens) == usage


def test_a_refusal_of_openai_is_no_answer(mountebank: Mountebank) -> None:
    message = {"content": None, "refusal": "I cannot help with that."}
    body = {
        "choices": [{"message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4},
    }

    with _told(mountebank, "openai", _says(body)) as told:
        reply = told.adapter.complete_text(question())

    assert (reply.finish, reply.input_tokens, reply.output_tokens) == ("refusal", 3, 4)


def test_what_anthropic_read_from_its_cache_is_input_too(mountebank: Mountebank) -> None:
    usage = {"input_tokens": 5, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 900, "output_tokens": 6}
    body = {"type": "message", "content": [{"type": "text", "text": ANSWER}], "stop_reason": "end_turn", "usage": usage}

    with _told(mountebank, "anthropic", _says(body)) as told:
        reply = told.adapter.complete_text(question())

    assert (reply.text, reply.input_tokens, reply.output_tokens) == (ANSWER, 975, 6)


def test_anthropic_is_asked_for_json_of_the_schema(mountebank: Mountebank) -> None:
    body = {"type": "message", "content": [{"type": "text", "text": ANSWER}], "stop_reason": "end_turn"}
    with _told(mountebank, "anthropic", _says(body)) as told:
        told.ask()
        (served,) = told.imposter.journal()

    assert served.body["output_config"]["format"]["schema"]["required"] == ["word"]
    assert served.headers["anthropic-version"]


def test_an_answer_that_is_late_may_have_been_billed(mountebank: Mountebank, name: str) -> None:
    late = _says({"choices": []}, behaviors=[{"wait": 3_000}])
    with _told(mountebank, name, late) as told, pytest.raises(OutcomeUnknownError):
        told.ask(timeout_seconds=0.4)
