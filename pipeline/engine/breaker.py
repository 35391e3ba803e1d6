"""Owns the breaker of a model at a provider: a row that every worker reads before it asks.

Failures in a row open it; while it is open nobody asks. At its half-open instant one call is tried, claimed by an
UPDATE: it closes the breaker, or opens it for longer. Any answer closes it. A person's test may be that call before.
Never: a transaction of its own; a lock that another one waits for during a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import bindparam, case, or_, update
from sqlalchemy.orm import Session

from pipeline.ai.port import UnavailableError
from pipeline.config import config
from pipeline.models import ProviderBreaker
from pipeline.models.base import table_of
from pipeline.models.inserting import insert_into
from pipeline.models.types import UtcDateTime

_log = structlog.get_logger()
#: When a lane looks again that found another's call being tried.
_LOOK_AGAIN: Final = timedelta(seconds=2)
#: What is kept of an error.
_MOST_CHARACTERS: Final = 500
_table = table_of(ProviderBreaker)
_row = _table.c
_THIS = (_row.provider == bindparam("this_provider"), _row.model == bindparam("this_model"))
#: What `State` is made of.
COLUMNS = (_row.failures, _row.open_until, _row.openings, _row.probing_until, _row.error)


class BreakerOpenError(UnavailableError):
    """The model of a provider is left alone for a while: its last calls failed. Nothing was sent."""


@dataclass(frozen=True)
class Target:
    """Whom a breaker is about."""

    provider: str
    model: str

    def values(self) -> dict[str, str]:
        """The parameters that name its row."""
        return {"this_provider": self.provider, "this_model": self.model}


@dataclass(frozen=True)
class State:
    """The breaker as it was read."""

    failures: int
    open_until: datetime | None
    openings: int
    probing_until: datetime | None
    error: str | None

    @property
    def is_open(self) -> bool:
        """Whether it opened and no answer came since."""
        return self.open_until is not None

    def waits_until(self, now: datetime) -> datetime | None:
        """Until when nobody may ask; None: whoever asks may, or may try to be the one that does."""
        if self.open_until is None:
            return None
        if self.open_until > now:
            return self.open_until
        if self.probing_until is not None and self.probing_until > now:
            return min(self.probing_until, now + _LOOK_AGAIN)
        return None


def bar(target: Target, state: State, *, now: datetime) -> BreakerOpenError | None:
    """Why the model may not be asked now; None: it may."""
    until = state.waits_until(now)
    if until is None:
        return None
    said = (
        f"{target.provider} is not asked for {target.model} before {until:%H:%M:%S} UTC: "
        f"{state.failures} calls failed in a row ({state.error})"
    )
    return BreakerOpenError(said, retry_after_seconds=(until - now).total_seconds())


def claim_probe(session: Session, target: Target, *, now: datetime, early: bool = False) -> bool:
    """Be the one call that is tried on a half-open breaker. False: another one is, or it closed or opened meanwhile.

    `early`: on an open one too, before its time: a person wants to know.
    """
    until = now + timedelta(seconds=config().call_hard_limit_seconds)
    values = {**target.values(), "now": now, "until": until}
    return session.connection().execute(_EARLY_PROBE if early else _PROBE, values).rowcount == 1


_now: Any = bindparam("now", type_=UtcDateTime)
_EARLY_PROBE = (
    update(_table)
    .where(*_THIS, _row.open_until.is_not(None), or_(_row.probing_until.is_(None), _row.probing_until <= _now))
    .values(probing_until=bindparam("until"))
)
_PROBE = _EARLY_PROBE.where(_row.open_until <= _now)


def failed(
    session: Session, target: Target, *, said: str, asked_wait: float, probing: bool, now: datetime
) -> datetime | None:
    """Count a call that failed; until when the breaker is open, None: it is not.

    It opens with enough of them in a row, and again with the one call that was tried; never for less than `asked_wait`.
    One that was tried early leaves it open until when it was.
    """
    row = State(*session.connection().execute(_counting(session, target, said, now=now)).one())
    if row.open_until is not None and not probing:
        return max(row.open_until, now)
    if row.open_until is not None and row.open_until > now:
        until = max(row.open_until, now + timedelta(seconds=asked_wait))
        still_open = {"open_until": until, "probing_until": None}
        session.connection().execute(update(_table).where(*_THIS).values(still_open), target.values())
        return until
    if not probing and row.failures < config().breaker_failures:
        return None
    longest, first = config().breaker_max_seconds, config().breaker_seconds
    seconds = max(min(longest, first * 2 ** min(row.openings, 30)), asked_wait)
    until = now + timedelta(seconds=seconds)
    opening = {"open_until": until, "probing_until": None, "openings": _row.openings + 1}
    session.connection().execute(update(_table).where(*_THIS).values(opening), target.values())
    _log.warning(
        "breaker.opened", provider=target.provider, model=target.model, failures=row.failures, until=until.isoformat()
    )
    return until


def _counting(session: Session, target: Target, said: str, *, now: datetime) -> Any:
    said = said[:_MOST_CHARACTERS]
    first = {"failures": 1, "failing_since": now, "openings": 0, "error": said}
    inserting = insert_into(session, ProviderBreaker).values(provider=target.provider, model=target.model, **first)
    begins = or_(_row.failures == 0, _row.failing_since.is_(None))
    counted: dict[str, Any] = {
        "failures": _row.failures + 1,
        "failing_since": case((begins, now), else_=_row.failing_since),
        "error": said,
    }
    return inserting.on_conflict_do_update(index_elements=[_row.provider, _row.model], set_=counted).returning(*COLUMNS)


def answered(session: Session, target: Target) -> None:
    """The model answered: whatever was counted is forgotten, an open breaker closes."""
    if session.connection().execute(_CLOSE, target.values()).rowcount:
        _log.info("breaker.closed", provider=target.provider, model=target.model)


_CLOSE = (
    update(_table)
    .where(*_THIS, or_(_row.failures > 0, _row.open_until.is_not(None)))
    .values(failures=0, failing_since=None, open_until=None, openings=0, probing_until=None)
)
