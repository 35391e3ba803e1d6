"""What each refusal of a provider means, how long it asks to wait, and that no word of it is the key."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.ai.port import (
    KeyRefusedError,
    NotThereError,
    ProviderError,
    QuotaExhaustedError,
    RequestRefusedError,
    ThrottledError,
    UnavailableError,
)
from pipeline.ai.refusals import Speaker, refusal_of, refusal_within, retry_after

KEY = "sk-proj-Ab12Cd34Ef56"
SPEAKER = Speaker("openai", KEY, "gpt-4.1")
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def _openai(code: str | None, message: str = "no", *, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def _anthropic(kind: str, message: str = "no") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


def _runware(code: str, **more: str) -> dict[str, Any]:
    return {"data": [], "errors": [{"code": code, "message": "no", **more}]}


def _refused(status: int, document: Any, headers: dict[str, str] | None = None) -> ProviderError:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return refusal_of(SPEAKER, status, headers or {}, body)


@pytest.mark.parametrize(
    ("status", "document", "kind"),
    [
        (401, _openai("invalid_api_key"), KeyRefusedError),
        (401, _anthropic("authentication_error"), KeyRefusedError),
        (400, _runware("invalidApiKey"), KeyRefusedError),
        (400, {"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}, KeyRefusedError),
        (403, _anthropic("permission_error"), KeyRefusedError),
        (403, b"<html>forbidden</html>", KeyRefusedError),
        (429, _openai("insufficient_quota"), QuotaExhaustedError),
        (400, _openai("billing_hard_limit_reached"), QuotaExhaustedError),
        (400, _anthropic("invalid_request_error", "Your credit balance is too low."), QuotaExhaustedError),
        (400, _anthropic("api", "You have reached your specified API usage limits."), QuotaExhaustedError),
        (402, _anthropic("billing_error"), QuotaExhaustedError),
        (402, {"detail": "pay"}, QuotaExhaustedError),
        (400, _runware("insufficientCredits"), QuotaExhaustedError),
        (429, _openai("rate_limit_exceeded"), ThrottledError),
        (429, _anthropic("rate_limit_error"), ThrottledError),
        (429, b"", ThrottledError),
        (429, _openai("rate_limit_exceeded", "Request too large for gpt-4.1 on tokens per min."), RequestRefusedError),
        (500, _openai(None), UnavailableError),
        (500, _openai("insufficient_quota"), UnavailableError),
        (503, b"upstream", UnavailableError),
        (529, _anthropic("overloaded_error"), UnavailableError),
        (408, b"", UnavailableError),
        (400, _runware("timeoutProvider"), UnavailableError),
        (404, _openai("model_not_found"), NotThereError),
        (404, {"error": "model 'x' not found, try pulling it first"}, NotThereError),
        (404, b"<html>nginx</html>", NotThereError),
        (302, b"", NotThereError),
        (400, _runware("invalidModel", parameter="model"), NotThereError),
        (400, _openai("context_length_exceeded", param="messages"), RequestRefusedError),
        (400, _openai("content_policy_violation"), RequestRefusedError),
        (400, _openai("moderation_blocked"), RequestRefusedError),
        (403, {"error": {"code": 403, "message": "the model requires moderation and your input was flagged"}},
         RequestRefusedError),
        (403, _openai(None, "Rejected by the safety system."), RequestRefusedError),
        (403, _openai(None, "Your account was closed: its use broke the content policy."), KeyRefusedError),
        (401, _openai("content_filter"), KeyRefusedError),
        (413, b"", RequestRefusedError),
        (422, {"detail": [{"loc": ["body"], "msg": "no"}]}, RequestRefusedError),
        (400, _runware("invalidPositivePrompt", parameter="positivePrompt"), RequestRefusedError),
        (400, b"[" * 90_000, RequestRefusedError),
        (400, b'[{"error":', RequestRefusedError),
        (400, b"null", RequestRefusedError),
    ],
)  # fmt: skip
def test_a_status_and_what_stands_with_it_is_one_error(status: int, document: Any, kind: type[ProviderError]) -> None:
    assert type(_refused(status, document)) is kind


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"error": {"code": 429, "message": "slow down"}}, ThrottledError),
        ({"error": {"code": "502", "message": "upstream"}}, UnavailableError),
        ({"error": {"code": 429, "type": "upstream_error", "message": "slow down"}}, ThrottledError),
        ({"error": {"code": 503, "type": "upstream", "message": "no"}}, UnavailableError),
        ({"error": {"type": "upstream", "code": 401, "message": "no"}}, KeyRefusedError),
        ({"error": {"type": "overloaded_error", "message": "busy"}}, UnavailableError),
        ({"error": {"code": "invalid_api_key", "message": "no"}}, KeyRefusedError),
        ({"error": "no"}, RequestRefusedError),
        ({"error": {"code": 200, "message": "no"}}, RequestRefusedError),
    ],
)
def test_an_error_within_a_success_is_the_same_error(document: Any, kind: type[ProviderError]) -> None:
    assert type(refusal_within(SPEAKER, document, {})) is kind


@pytest.mark.parametrize(
    ("field", "message", "remedy"),
    [
        ("temperature", "Unsupported value", "igny8 models set gpt-4.1 --no-temperature"),
        (None, "`temperature` is deprecated for this model.", "igny8 models set gpt-4.1 --no-temperature"),
        (None, "max_tokens: 100000 > 8192", "--output-token-limit N"),
        ("max_tokens", "Use 'max_completion_tokens' instead.", "--max-tokens-name X"),
        ("response_format", "not supported with this model", "igny8 models set gpt-4.1 --no-json-schema"),
        ("model", "there is none", "igny8 models list"),
    ],
)
def test_what_the_models_row_causes_says_how_to_correct_the_row(field: str | None, message: str, remedy: str) -> None:
    refused = _refused(400, _openai("unsupported_value", message, param=field))

    assert type(refused) is NotThereError
    assert message.rstrip(".") in refused.message
    assert remedy in refused.message


@pytest.mark.parametrize(
    ("field", "remedy"),
    [
        ("quality", "igny8 settings set SITE ai.image_quality=X"),
        ("style", "igny8 settings set SITE ai.image_style="),
        ("size", "igny8 settings set SITE ai.model_preferences.image=NAME"),
        ("response_format", "igny8 settings set SITE ai.model_preferences.image=NAME"),
        ("model", "igny8 models list"),
    ],
)
def test_what_every_image_is_refused_for_ends_no_image_alone(field: str, remedy: str) -> None:
    body = json.dumps(_openai("invalid_value", "Supported values are: 'low'.", param=field)).encode()

    refused = refusal_of(Speaker("openai", KEY, "gpt-image-1", draws=True), 400, {}, body)

    assert type(refused) is NotThereError
    assert "Supported values are: 'low'." in refused.message
    assert remedy in refused.message


def test_what_is_wrong_with_one_prompt_for_an_image_is_of_that_prompt() -> None:
    body = json.dumps(_openai("invalid_value", "It is too long.", param="prompt")).encode()

    assert type(refusal_of(Speaker("openai", KEY, "gpt-image-1", draws=True), 400, {}, body)) is RequestRefusedError


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"x-ms-retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Sat, 28 Nov 2026 12:01:00 GMT"}, 60.0),
        # Their clock is a minute behind ours.
        ({"retry-after": "Sat, 28 Nov 2026 12:00:00 GMT", "date": "Sat, 28 Nov 2026 11:59:00 GMT"}, 60.0),
        ({"retry-after": "Sat, 28 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "1e300"}, 86_400.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Sat, 99 Nov 99999 12:01:00 GMT"}, None),
    ],
)
def test_the_wait_that_is_asked_for_is_read_in_every_way(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=NOW) == seconds


def test_a_throttled_call_and_one_that_found_nobody_keep_the_wait() -> None:
    found = [_refused(status, b"", {"retry-after": "3"}) for status in (429, 503)]

    assert [error.retry_after_seconds for error in found] == [3.0, 3.0]  # type: ignore[attr-defined]  # both may be sent again


@pytest.mark.parametrize(
    "said",
    [
        f"Incorrect API key provided: {KEY}.",
        f"Authorization: Bearer {KEY[:12]}",
        f"it ends in {KEY[-8:]}",
        "Incorrect API key provided: sk-proj-********Ef56.",
        f'{{"sent":"{KEY}"}}',
    ],
)
def test_no_word_of_a_refusal_is_the_key(said: str) -> None:
    for status in (400, 401, 429, 500):
        message = _refused(status, _openai("invalid", said)).message

        assert "…" in message
        assert not any(KEY[start : start + 8] in message for start in range(len(KEY) - 7))
        assert "**" not in message


def test_a_refusal_is_one_line_of_a_bearable_length() -> None:
    message = _refused(400, _openai("bad", "one\ntwo\x00\x1b[31m\u202e " + "x" * 10_000)).message

    assert "\n" not in message
    assert message.isprintable()
    assert message.startswith("openai refused the request: one two [31m")
    assert len(message) < 400


def test_a_refusal_that_says_nothing_is_told_by_its_status() -> None:
    assert _refused(503, b"").message == "openai cannot answer now: HTTP status 503"


@pytest.mark.parametrize(
    ("status", "document", "leads_elsewhere"),
    [
        (301, b"", True),
        (404, b"<html>nginx</html>", True),
        (404, {"detail": "Not Found"}, True),
        (404, _openai(None, "Invalid URL (POST /chat/completions)"), True),
        (404, {"error": "model 'x' not found, try pulling it first"}, False),
        (404, _anthropic("not_found_error", "model: claude-x"), False),
        (404, _openai("model_not_found"), False),
    ],
)
def test_an_address_without_the_api_is_not_called_a_refused_model(
    status: int, document: Any, *, leads_elsewhere: bool
) -> None:
    said = _refused(status, document).message

    assert ("does not lead to its API" in said, "refuses the model" in said) == (leads_elsewhere, not leads_elsewhere)
    assert "igny8 providers list" in said
