"""Owns what is told of providers whose calls fail or wait long for the pace: which model, since when, until when.

Never: asks a provider; moves a breaker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from pipeline.models import IntegrationProvider, ProviderBreaker
from pipeline.services.providers import LONG_PACE_WAIT

#: For how long a failure is told that no call followed.
_NEWS: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
State = Literal["failing", "open", "half_open", "paced"]


@dataclass(frozen=True)
class Trouble:
    """A model of a provider whose last calls failed; `paced`: all of its models wait long for the pace."""

    provider: str
    #: Empty: all of them.
    model: str
    #: Still asked, left alone, tried with one call, or out of pace.
    state: State
    #: In a row.
    failures: int
    failing_since: datetime | None
    #: None: it is asked now.
    next_try_at: datetime | None
    #: What was said last.
    error: str | None

    @property
    def name(self) -> str:
        """Provider and model, for people."""
        return f"{self.provider} {self.model}".rstrip()

    @property
    def sentence(self) -> str:
        """What a person reads of it."""
        if self.state == "paced":
            return f"{self.error}; setting its pace again lets calls go: igny8 providers set {self.provider} --help"
        since = f" since {self.failing_since:%d %b %H:%M} UTC" if self.failing_since else ""
        when = {
            "failing": "",
            "open": f"; asked again at {self.next_try_at:%H:%M:%S} UTC" if self.next_try_at else "",
            "half_open": "; the next call tries it",
        }
        calls = "1 call" if self.failures == 1 else f"{self.failures} calls in a row"
        return f"{calls} failed{since}{when[self.state]} ({self.error})"


def troubles(session: Session, *, now: datetime) -> list[Trouble]:
    """Every model whose last call failed, by provider and name, and every provider whose pace keeps calls waiting."""
    return [*failing_models(session, now=now), *_paced(session, now)]


def failing_models(session: Session, *, now: datetime) -> list[Trouble]:
    """Every model whose last call failed. One that nobody asked for a day is no news."""
    failing = or_(ProviderBreaker.failures > 0, ProviderBreaker.open_until.is_not(None))
    lately = func.coalesce(ProviderBreaker.open_until, ProviderBreaker.failing_since) > now - _NEWS
    query = select(ProviderBreaker).where(failing, lately).order_by(ProviderBreaker.provider, ProviderBreaker.model)
    return [_trouble(row, now) for row in session.scalars(query)]


def told(found: Sequence[Trouble], provider: str) -> list[dict[str, Any]]:
    """Those of one provider as commands and the API show them."""
    names = ("model", "state", "failures", "failing_since", "next_try_at", "error")
    return [{name: getattr(each, name) for name in names} for each in found if each.provider == provider]


def _paced(session: Session, now: datetime) -> list[Trouble]:
    soon = (now + LONG_PACE_WAIT - _EPOCH) // timedelta(microseconds=1)
    next_us = IntegrationProvider.next_call_us
    query = select(IntegrationProvider.name, next_us).where(next_us > soon).order_by(IntegrationProvider.name)
    found = [(name, _EPOCH + timedelta(microseconds=int(us or 0))) for name, us in session.execute(query)]
    return [
        Trouble(name, "", "paced", 0, None, at, f"its pace has no room before {at:%d %b %H:%M:%S} UTC")
        for name, at in found
    ]


def _trouble(row: ProviderBreaker, now: datetime) -> Trouble:
    state: State = "failing" if row.open_until is None else "open" if row.open_until > now else "half_open"
    next_try_at = row.open_until if state == "open" else None
    return Trouble(row.provider, row.model, state, row.failures, row.failing_since, next_try_at, row.error)
