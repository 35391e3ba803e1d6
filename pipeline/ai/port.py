"""Owns the shape of every AI call: what is asked, what comes back, and how it may fail.

Never: the database, credits, retries. An adapter makes exactly one wire attempt a call and reports what it saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from pipeline.core.capabilities import Capabilities
from pipeline.core.errors import PipelineError
from pipeline.core.words import one_line

_MOST_CHARACTERS: Final = 1_000
Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length", "refusal", "filter", "other"]


@dataclass(frozen=True)
class Message:
    """One turn of the conversation."""

    role: Role
    content: str


@dataclass(frozen=True)
class TextRequest:
    """One question to a text model; the answer must be one JSON document of the given schema."""

    model: str
    messages: tuple[Message, ...]
    #: JSON schema of the answer.
    schema: Mapping[str, object]
    #: Names the kind of answer ("clusters", "article", …).
    schema_name: str
    max_output_tokens: int
    #: None: the model's own default.
    temperature: float | None
    timeout_seconds: float
    #: The key of the call's row, for providers that take an idempotency key.
    call_key: str
    #: What the model takes and gives.
    capabilities: Capabilities = field(default_factory=Capabilities)


@dataclass(frozen=True)
class TextReply:
    """What the model answered, unvalidated, and what the provider says it used."""

    text: str
    #: None: the provider did not say.
    input_tokens: int | None
    output_tokens: int | None
    finish: Finish
    #: The provider's own figure of its price, where it gives one.
    cost_picodollars: int | None = None


@dataclass(frozen=True)
class ImageRequest:
    """One image to draw; sizes in pixels."""

    model: str
    prompt: str
    width: int
    height: int
    quality: str
    style: str
    timeout_seconds: float
    call_key: str


@dataclass(frozen=True)
class ImageReply:
    """The bytes of one image file, unverified."""

    data: bytes
    #: The provider's own figure of its price, where it gives one.
    cost_picodollars: int | None = None


class Provider(Protocol):
    """One AI provider. Every failure it reports is a `ProviderError`."""

    name: str

    def complete_text(self, request: TextRequest) -> TextReply:
        """Ask a text model once. Raises a `ProviderError`."""

    def draw_image(self, request: ImageRequest) -> ImageReply:
        """Ask an image model once. Raises a `ProviderError`."""


class ProviderError(PipelineError):
    """The AI provider did not answer the question."""

    def __init__(self, message: str | None = None) -> None:
        """What a provider says is a stranger's text: one line that rows can keep, no megabytes."""
        super().__init__(None if message is None else one_line(message, _MOST_CHARACTERS))


class RequestRefusedError(ProviderError):
    """The AI provider refused the request; sent again unchanged it would be refused again. Nothing was billed."""


class KeyRefusedError(ProviderError):
    """The AI provider refused the API key: check the provider's key and what it is allowed to do."""


class NoAdapterError(ProviderError):
    """Nobody here knows how to ask that provider: choose a model of another one. Nothing was sent."""


class NotThereError(NoAdapterError):
    """The AI provider has no such model, or it is not as its row says: correct the row. Nothing was billed."""


class QuotaExhaustedError(ProviderError):
    """The account at the AI provider has no quota left: add funds or raise its limit at the provider."""


class RetryableError(ProviderError):
    """The AI provider cannot answer now; nothing was billed."""

    def __init__(self, message: str | None = None, *, retry_after_seconds: float | None = None) -> None:
        """Keep the wait the provider asked for; None where it asked for none."""
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class ThrottledError(RetryableError):
    """The AI provider asks for fewer requests; nothing was billed."""


class UnavailableError(RetryableError):
    """The AI provider is down or cannot be reached; nothing was billed."""


class OutcomeUnknownError(ProviderError):
    """The request was sent and no answer came back: it may have been billed."""


class UnreadableAnswerError(OutcomeUnknownError):
    """The AI provider answered with something that is no answer of its API: it may have been billed."""
