"""Owns one attempt of an adapter as a whole: what it brings is a JSON document, what it does not is a `ProviderError`.

Never: retries; what a document says.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from pipeline.ai.port import (
    OutcomeUnknownError,
    ProviderError,
    RequestRefusedError,
    UnavailableError,
    UnreadableAnswerError,
)
from pipeline.ai.refusals import Speaker, refusal_of, shown
from pipeline.ai.wire import Exchange, exchange

#: Far more than any model writes, so that what is merely absurd is settled and judged as an answer.
MOST_TEXT_BYTES: Final = 8_000_000
#: An image in base64 with its envelope.
MOST_IMAGE_BYTES: Final = 42_000_000
#: Objects, arrays and what they hold: each takes dozens of times its bytes once it is read.
_MOST_PARTS: Final = 500_000
#: A provider's count of tokens beyond it is nonsense.
_MOST_TOKENS: Final = 100_000_000


def ask(send: Callable[[], bytes], *, speaker: Speaker, seconds: float, most_bytes: int) -> tuple[Any, Exchange]:
    """Send once and read the answer as JSON; `send` uses a client of `wire`. Raises a `ProviderError`, nothing else."""
    body, failure = b"", None
    with exchange(seconds=seconds, most_bytes=most_bytes) as attempt:
        try:
            body = send()
        except Exception as error:  # noqa: BLE001 - whatever an SDK does, the call's outcome has to be told
            failure = _failure(attempt, error, speaker, seconds)
    if failure is not None:
        # Not from the SDK's error, which holds the request and with it the key.
        raise failure
    if attempt.refused is not None:
        raise refusal_of(speaker, attempt.refused, attempt.headers, body)
    return _document(body, speaker), attempt


def sendable(text: str) -> str:
    """The text as it can be sent: halves of characters, such as a model may have answered, become question marks."""
    return text.encode("utf-8", "replace").decode()


def tokens(count: Any) -> int | None:
    """A provider's count of tokens; None where it is none."""
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= _MOST_TOKENS:
        return None
    return count


def field(value: Any, *path: str | int) -> Any:
    """What lies at the end of the path in a document; None where it does not go so far."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and len(value) > step else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _document(body: bytes, speaker: Speaker) -> Any:
    if sum(body.count(mark) for mark in (b"{", b"[", b",")) > _MOST_PARTS:
        raise UnreadableAnswerError(f"{speaker.name} answered with a maze of JSON: it may have been billed.")
    try:
        document = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError, ArithmeticError):  # The last: a number that no Decimal can be.
        begin = shown(body[:200].decode(errors="replace"), speaker)
        raise UnreadableAnswerError(
            f"{speaker.name} answered with something that is no JSON ({begin or 'nothing at all'}): "
            "it may have been billed."
        ) from None
    if not isinstance(document, dict):
        raise UnreadableAnswerError(f"{speaker.name} answered with no object of its API: it may have been billed.")
    return document


def _failure(attempt: Exchange, error: Exception, speaker: Speaker, seconds: float) -> ProviderError:
    if isinstance(error, ProviderError):
        return error
    if attempt.refused is not None:
        return refusal_of(speaker, attempt.refused, attempt.headers, _body_of(error))
    if attempt.too_much:
        return UnreadableAnswerError(
            f"{speaker.name} answered with more than {attempt.most_bytes:,} bytes, or in more pieces, than anybody "
            "reads: it may have been billed."
        )
    if attempt.sent:
        why = (
            f"no answer came within {seconds:g} s" if attempt.is_over else "the connection ended before the answer did"
        )
        return OutcomeUnknownError(f"{speaker.name}: {why}. It may have been billed.")
    if _is_of_the_wire(error):
        return UnavailableError(f"{speaker.name} cannot be reached: {shown(_reason(error), speaker)}")
    return RequestRefusedError(f"The request to {speaker.name} cannot be made: {shown(str(error), speaker)}")


def _is_of_the_wire(error: BaseException | None) -> bool:
    while error is not None:
        if type(error).__module__.split(".")[0] in {"httpx2", "httpcore2", "ssl"} or isinstance(error, OSError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _reason(error: BaseException) -> str:
    """The innermost words about it."""
    said = str(error)
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
        said = str(error) or said
    return said


def _body_of(error: Exception) -> bytes:
    response = getattr(error, "response", None)
    content = getattr(response, "content", b"")
    return content if isinstance(content, bytes) else b""
