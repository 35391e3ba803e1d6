"""Owns how fast each provider may be asked, as far as a forecast has to know it.

Never: writes; takes a place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.models import IntegrationProvider

_MINUTE = 60.0


@dataclass(frozen=True)
class Pace:
    """Requests and tokens a minute; None: any number."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None

    def seconds_a_call(self, tokens: float) -> float:
        """How far two calls of so many tokens are apart at least, whoever makes them."""
        by_requests = _MINUTE / self.requests_per_minute if self.requests_per_minute else 0
        by_tokens = _MINUTE * tokens / self.tokens_per_minute if self.tokens_per_minute else 0
        return max(by_requests, by_tokens)


def paces(session: Session) -> Mapping[str, Pace]:
    """The pace of each provider that has a record."""
    row = IntegrationProvider
    query = select(row.name, row.requests_per_minute, row.tokens_per_minute)
    return {name: Pace(requests, tokens) for name, requests, tokens in session.execute(query)}
