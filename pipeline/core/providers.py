"""Owns which providers the platform may be a customer of, and what they make."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pipeline.core.catalog import ModelType


class ProviderName(StrEnum):
    """A provider that has a record."""

    #: Texts and images.
    OPENAI = "openai"
    #: Texts.
    ANTHROPIC = "anthropic"
    #: Images.
    RUNWARE = "runware"
    #: Payments.
    STRIPE = "stripe"
    #: Payments.
    PAYPAL = "paypal"
    #: E-mail.
    RESEND = "resend"


#: Those that have models.
AI_PROVIDERS: Final = frozenset({ProviderName.OPENAI, ProviderName.ANTHROPIC, ProviderName.RUNWARE})
#: What each of those can be asked for.
MAKES: Final = {
    ProviderName.OPENAI: frozenset({ModelType.TEXT, ModelType.IMAGE}),
    ProviderName.ANTHROPIC: frozenset({ModelType.TEXT}),
    ProviderName.RUNWARE: frozenset({ModelType.IMAGE}),
}
#: What is shown in the place of a key; sent back, it changes nothing.
MASK: Final = "********"
