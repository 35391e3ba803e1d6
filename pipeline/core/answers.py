"""Owns what the shapes of all answers share: every field required, none that was not asked for.

Never: a length or a count. Providers' schema subsets have neither; a stage checks them when it keeps.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)
