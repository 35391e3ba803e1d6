"""Owns what a model can and cannot do, as far as a question to it depends on that.

Never reads a model's row: like a price, the copy here is what a run, and then each call, carries for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

#: What providers call the longest answer that is allowed.
MAX_TOKENS_NAMES: Final = ("max_completion_tokens", "max_tokens")


@dataclass(frozen=True)
class Capabilities:
    """What one model takes and gives; the defaults are those of a current model that has everything."""

    #: Whether it takes a temperature; without it the setting is left out.
    has_temperature: bool = True
    #: Whether it keeps to a JSON schema by itself; without it the schema is told in the prompt.
    has_json_schema: bool = True
    #: How its provider calls the longest answer.
    max_tokens_name: str = "max_completion_tokens"
    #: The most tokens it can give, thoughts and answer together; None: nobody said.
    output_token_limit: int | None = None
    #: How many tokens it may think before it writes: billed as output, on top of the answer.
    thinking_tokens: int = 0

    def room_for(self, answer_tokens: int) -> int:
        """Tokens to ask for, so that so many are left for the answer after the thoughts: at most what it can give."""
        wanted = self.thinking_tokens + answer_tokens
        return wanted if self.output_token_limit is None else min(wanted, self.output_token_limit)

    def as_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back."""
        return {
            "has_temperature": self.has_temperature,
            "has_json_schema": self.has_json_schema,
            "max_tokens_name": self.max_tokens_name,
            "output_token_limit": self.output_token_limit,
            "thinking_tokens": self.thinking_tokens,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Capabilities:
        """What `as_json` wrote; runs that began before capabilities were frozen have none, or not all of them."""
        told = data or {}
        usual = cls()
        return cls(
            has_temperature=told.get("has_temperature", usual.has_temperature),
            has_json_schema=told.get("has_json_schema", usual.has_json_schema),
            max_tokens_name=told.get("max_tokens_name", usual.max_tokens_name),
            output_token_limit=told.get("output_token_limit"),
            thinking_tokens=told.get("thinking_tokens", usual.thinking_tokens),
        )
