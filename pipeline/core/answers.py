"""Owns what the shapes of all answers share: every field required, none that was not asked for.

Never: a length or a count. Providers' schema subsets have neither; a stage checks them when it keeps.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, FailFast

T = TypeVar("T")
#: Any number of parts. The first that does not fit is told, and no other: a million of them would be told in gigabytes.
Many = Annotated[list[T], FailFast()]


class Answer(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)
