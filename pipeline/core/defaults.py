"""Owns the shape and bounds of what an account decides for its sites, and of what the system decides for all.

An account leaves open what it does not decide (None); the system leaves nothing open (plan 2.3.2).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StrictBool, StrictInt

from pipeline.core.matrix import Ai, Group
from pipeline.core.normal import is_storable
from pipeline.core.walltime import shown

CREDIT_VALUE_ALLOWED: Final = "US dollars from 0.000001 to 1,000 with at most 6 decimals, such as 0.01"
_MOST_DOLLARS: Final = 1_000
_DOLLARS: Final = re.compile(r"[0-9]{1,4}(\.[0-9]{1,6})?", re.ASCII)


def _storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError(f"{shown(text)} holds characters that cannot be kept. Leave them out.")
    return text


def _credit_value(text: str) -> str:
    if not _DOLLARS.fullmatch(text) or not 0 < Decimal(text) <= _MOST_DOLLARS:
        raise ValueError(f"{shown(text)} is not allowed. Use {CREDIT_VALUE_ALLOWED}.")
    return f"{Decimal(text).normalize():f}"


Style = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_storable)]
Quality = Annotated[str, Field(min_length=1, max_length=50), AfterValidator(_storable)]
ModelName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_storable)]


class ModelPreferences(Group):
    """Which live model is asked, by its name; None: the default one."""

    text: ModelName | None = None
    image: ModelName | None = None


class AccountAi(Ai):
    """AI parameters of an account's sites; None: as the system has it."""

    image_style: Style | None = None
    image_quality: Quality | None = None
    model_preferences: ModelPreferences = Field(default_factory=ModelPreferences)


class AccountModules(Group):
    """Modules of an account; None: as the system has it. What is off for everybody stays off."""

    planner: StrictBool | None = None
    writer: StrictBool | None = None
    thinker: StrictBool | None = None
    automation: StrictBool | None = None


class AccountDefaults(Group):
    """Everything an account decides for its sites."""

    ai: AccountAi = Field(default_factory=AccountAi)
    modules: AccountModules = Field(default_factory=AccountModules)


class SystemAi(Group):
    """AI parameters of sites whose account leaves them open too."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    max_tokens: Annotated[StrictInt, Field(ge=256, le=200_000)] = 8_192
    image_style: Style = "photorealistic"
    image_quality: Quality = "standard"


class SystemModules(Group):
    """Modules of every account."""

    planner: StrictBool = True
    writer: StrictBool = True
    thinker: StrictBool = True
    automation: StrictBool = True


class SystemDefaults(Group):
    """Everything the system decides for all accounts."""

    ai: SystemAi = Field(default_factory=SystemAi)
    modules: SystemModules = Field(default_factory=SystemModules)
    #: What one credit is worth in reports.
    credit_value_usd: Annotated[str, AfterValidator(_credit_value)] = "0.01"
