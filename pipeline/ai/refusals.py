"""Owns what a refusal of a provider means: which error it is, how long to wait, and its sentence without the key.

Never: the wire. It is given the status, the headers and the body.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

from pipeline.ai import remedies
from pipeline.ai.port import (
    KeyRefusedError,
    NotThereError,
    ProviderError,
    QuotaExhaustedError,
    RequestRefusedError,
    ThrottledError,
    UnavailableError,
)

_MOST_CHARACTERS: Final = 300
#: No provider is left alone for longer, whatever it says.
_MOST_WAIT_SECONDS: Final = 86_400.0
#: As many characters in a row are taken for a piece of the key.
_KEY_PIECE: Final = 8

#: Words in codes and types of errors, without case and separators, in the order in which they are asked for.
_BY_WORD: Final[tuple[tuple[tuple[str, ...], type[ProviderError]], ...]] = (
    (("insufficientquota", "insufficientcredit", "insufficientbalance", "billing", "payment"), QuotaExhaustedError),
    (("apikey", "authentication", "unauthorized", "permission"), KeyRefusedError),
    (("modelnotfound", "notfounderror", "invalidmodel", "unknownmodel"), NotThereError),
    (("ratelimit", "toomanyrequests", "throttl"), ThrottledError),
    (
        ("overloaded", "unavailable", "servererror", "internal", "apierror", "providererror", "timeout"),
        UnavailableError,
    ),
)
#: Sentences of providers that say it in no other way.
_OUT_OF_FUNDS: Final = re.compile(
    r"credit balance is too low|exceeded your current quota|insufficient (balance|credits|funds)|"
    r"reached your specified api usage limits|billing hard limit",
    re.IGNORECASE,
)
_WRONG_KEY: Final = re.compile(r"api key (not valid|not found|expired)|(invalid|incorrect) api key", re.IGNORECASE)
_BY_SENTENCE: Final[tuple[tuple[re.Pattern[str], type[ProviderError]], ...]] = (
    (_OUT_OF_FUNDS, QuotaExhaustedError),
    (_WRONG_KEY, KeyRefusedError),
)
#: What a filter says of one prompt, under whatever status: the key and all other prompts are as good as before.
_MODERATED: Final = re.compile(
    r"\b(input|prompt|content|request) was (flagged|filtered)|content (management )?policy|safety system",
    re.IGNORECASE,
)
_STATUSES_OF_FILTERS: Final = frozenset({400, 403, 406, 422, 451})
#: A filter of whole accounts is none of a prompt.
_OF_AN_ACCOUNT: Final = re.compile(r"\b(account|organi[sz]ation|project|key)\b", re.IGNORECASE)
_MODERATED_CODES: Final = ("moderation", "contentpolicy", "contentfilter")
_TOO_LARGE: Final = re.compile(r"request too large", re.IGNORECASE)
_BY_STATUS: Final[Mapping[int, type[ProviderError]]] = {
    401: KeyRefusedError,
    402: QuotaExhaustedError,
    403: KeyRefusedError,
    404: NotThereError,
    405: NotThereError,
    408: UnavailableError,
    409: UnavailableError,
    410: NotThereError,
    425: UnavailableError,
    429: ThrottledError,
}
_LEADS_ELSEWHERE: Final = (
    "The address of {provider} does not lead to its API ({said}). See it with igny8 providers list, correct it with "
    "igny8 providers set {provider} --base-url URL: where the API stands below a path such as /v1, that is part of it."
)
#: A sentence that begins with the field it is about, as Anthropic's do.
_FIELD: Final = re.compile(r"`?(temperature|max_tokens|output_config)\b")
_MEANING: Final[Mapping[type[ProviderError], str]] = {
    KeyRefusedError: "refused the API key. Check the key and what it is allowed to do",
    NotThereError: "refuses the model",
    QuotaExhaustedError: "says that the quota or the funds are used up. Add funds or raise the limit there",
    RequestRefusedError: "refused the request",
    ThrottledError: "asks for fewer requests",
    UnavailableError: "cannot answer now",
}


@dataclass(frozen=True)
class Speaker:
    """Who refuses, and the key that must not be repeated."""

    name: str
    api_key: str | None = field(repr=False)
    #: Which model it was asked for.
    model: str = "NAME"
    #: Whether it was asked for an image.
    draws: bool = False

    @property
    def remedies(self) -> Mapping[str, str]:
        """Field of the request that is refused for every question alike -> what to do."""
        return remedies.OF_IMAGES if self.draws else remedies.OF_TEXTS


@dataclass(frozen=True)
class Told:
    """What the body of a refusal says, where it says something."""

    code: str
    message: str
    #: The field of the request that it is about.
    field: str


def refusal_of(speaker: Speaker, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error that an answer without success is."""
    told = told_of(_document(body))
    return _made(_kind_of_status(status, speaker, told), speaker, told, status=status, headers=headers)


def refusal_within(speaker: Speaker, document: Any, headers: Mapping[str, str]) -> ProviderError:
    """The error that stands in the body of an answer whose status said nothing of it."""
    told = told_of(document)
    said = next((code for code in told.code.split() if re.fullmatch(r"[345]\d\d", code)), "400")
    return _made(_kind_of_status(int(said), speaker, told), speaker, told, status=None, headers=headers)


def told_of(document: Any) -> Told:
    """What an error says, in any of the shapes that providers give it."""
    if isinstance(document, list):
        document = document[0] if document else None
    if not isinstance(document, dict):
        return Told("", "", "")
    found = document.get("error") or next(iter(_list(document.get("errors"))), None) or document
    if not isinstance(found, dict):
        return Told("", str(found), "")
    codes = (found.get("code"), found.get("type"), found.get("status"))
    message = found.get("message") or found.get("detail") or found.get("error") or ""
    return Told(
        code=" ".join(str(code) for code in codes if isinstance(code, str | int)),
        message=message if isinstance(message, str) else json.dumps(message, default=str),
        field=str(found.get("param") or found.get("parameter") or ""),
    )


def retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds that the provider asks to wait, in any of the ways that are in use; None where it asks for none."""
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        milliseconds = _number(headers.get(name))
        if milliseconds is not None:
            return _bounded(milliseconds / 1_000)
    asked = headers.get("retry-after")
    seconds = _number(asked)
    if seconds is not None:
        return _bounded(seconds)
    until, then = _instant(asked), _instant(headers.get("date"))
    # By the provider's own clock, where it shows it.
    return None if until is None else _bounded((until - (then or now)).total_seconds())


def shown(text: str, speaker: Speaker) -> str:
    """One line of a provider's words, of a bearable length, without the key or a piece of it."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 10 * _MOST_CHARACTERS]).split())
    line = " ".join(_hidden(word, speaker.api_key or "") for word in line.split(" "))
    return line if len(line) <= _MOST_CHARACTERS else f"{line[: _MOST_CHARACTERS - 1]}…"


def _made(
    kind: type[ProviderError], speaker: Speaker, told: Told, *, status: int | None, headers: Mapping[str, str]
) -> ProviderError:
    said = shown(told.message, speaker) or (f"HTTP status {status}" if status else shown(told.code, speaker))
    sentence = f"{speaker.name} {_MEANING[kind]}: {said}"
    if kind is NotThereError and status is not None and not _names_the_model(speaker, told):
        return kind(_LEADS_ELSEWHERE.format(provider=speaker.name, said=said.rstrip(".")))
    if kind is NotThereError:
        remedy = speaker.remedies[_refused_field(speaker, told) or "model"].format(model=speaker.model)
        return kind(f"{sentence.rstrip('.')}. {remedy}")
    if kind is ThrottledError or kind is UnavailableError:
        return kind(sentence, retry_after_seconds=retry_after(headers, now=datetime.now(UTC)))
    return kind(sentence)


def _names_the_model(speaker: Speaker, told: Told) -> bool:
    """Whether it is the API that speaks, of the model or another field of the request, and not a server beside it."""
    return _refused_field(speaker, told) is not None or "model" in f"{told.code} {told.message}".lower()


def _kind_of_status(status: int, speaker: Speaker, told: Told) -> type[ProviderError]:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnavailableError
    by_sentence = next((kind for pattern, kind in _BY_SENTENCE if pattern.search(told.message)), None)
    if by_sentence is not None:
        return by_sentence
    by_word = _kind_of_words(speaker, told)
    if by_word is QuotaExhaustedError:
        return by_word
    if _is_of_one_request(status, told):
        return RequestRefusedError
    if status < HTTPStatus.BAD_REQUEST:
        return NotThereError
    return _BY_STATUS.get(status) or by_word or RequestRefusedError


def _is_of_one_request(status: int, told: Told) -> bool:
    """Whether another question may be answered: a filter stopped this one, or this one is too large."""
    return _TOO_LARGE.match(told.message) is not None or (status in _STATUSES_OF_FILTERS and _is_moderated(told))


def _is_moderated(told: Told) -> bool:
    if _OF_AN_ACCOUNT.search(told.message):
        return False
    code = re.sub(r"[^a-z]", "", told.code.lower())
    return any(word in code for word in _MODERATED_CODES) or _MODERATED.search(told.message) is not None


def _kind_of_words(speaker: Speaker, told: Told) -> type[ProviderError] | None:
    code = re.sub(r"[^a-z]", "", told.code.lower())
    for words, kind in _BY_WORD:
        if any(word in code for word in words):
            return kind
    return NotThereError if _refused_field(speaker, told) else None


def _refused_field(speaker: Speaker, told: Told) -> str | None:
    """The field of the request that is refused for every question alike, since a row or a setting is wrong."""
    if told.field in speaker.remedies:
        return told.field
    found = None if speaker.draws else _FIELD.match(told.message)
    return found[1] if found else None


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), _MOST_WAIT_SECONDS)


def _instant(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError, TypeError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _hidden(word: str, key: str) -> str:
    if "**" in word or any(piece in word for piece in _pieces(key)):
        return "…"
    return word


def _pieces(key: str) -> Iterator[str]:
    size = min(_KEY_PIECE, len(key))
    return (key[start : start + size] for start in range(len(key) - size + 1 if size else 0))
