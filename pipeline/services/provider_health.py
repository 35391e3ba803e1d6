"""Owns what is told of providers whose calls fail: which model, since when, when it is asked again.

Never: asks a provider; moves a breaker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from pipeline.models import ProviderBreaker

State = Literal["failing", "open", "half_open"]


@dataclass(frozen=True)
class Trouble:
    """A model of a provider whose last calls failed."""

    provider: str
    model: str
    #: Still asked, left alone, or tried with one call.
    state: State
    #: In a row.
    failures: int
    failing_since: datetime | None
    #: None: it is asked now.
    next_try_at: datetime | None
    #: What was said last.
    error: str | None

    @property
    def sentence(self) -> str:
        """What a person reads of it."""
        since = f" since {self.failing_since:%d %b %H:%M} UTC" if self.failing_since else ""
        when = {
            "failing": "",
            "open": f"; asked again at {self.next_try_at:%H:%M:%S} UTC" if self.next_try_at else "",
            "half_open": "; tried now",
        }
        calls = "1 call" if self.failures == 1 else f"{self.failures} calls in a row"
        return f"{calls} failed{since}{when[self.state]} ({self.error})"


def troubles(session: Session, *, now: datetime) -> list[Trouble]:
    """Every model whose last call failed, by provider and name; none where all answer."""
    failing = or_(ProviderBreaker.failures > 0, ProviderBreaker.open_until.is_not(None))
    query = select(ProviderBreaker).where(failing).order_by(ProviderBreaker.provider, ProviderBreaker.model)
    return [_trouble(row, now) for row in session.scalars(query)]


def told(found: Sequence[Trouble], provider: str) -> list[dict[str, Any]]:
    """Those of one provider as commands and the API show them."""
    names = ("model", "state", "failures", "failing_since", "next_try_at", "error")
    return [{name: getattr(each, name) for name in names} for each in found if each.provider == provider]


def _trouble(row: ProviderBreaker, now: datetime) -> Trouble:
    state: State = "failing" if row.open_until is None else "open" if row.open_until > now else "half_open"
    next_try_at = row.open_until if state == "open" else None
    return Trouble(row.provider, row.model, state, row.failures, row.failing_since, next_try_at, row.error)
