"""Owns the pace of a provider: how many requests and tokens a minute all workers together send it.

One instant a provider says from when on the next call keeps to the pace (the generic cell rate algorithm, without
bursts): each call moves it on, by its share of a minute, in one statement. Whole microseconds.
Never: waits; a transaction of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, bindparam, case, func, select, update
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.core.errors import PipelineError
from pipeline.models import IntegrationProvider
from pipeline.models.base import table_of

_MINUTE_US: Final = 60_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_table = table_of(IntegrationProvider)
_row = _table.c
#: What `Pace` is made of.
COLUMNS = (_row.requests_per_minute, _row.tokens_per_minute, _row.next_call_us)


class OverPaceError(PipelineError):
    """The provider's pace leaves no room for a call now. Nothing was sent."""

    def __init__(self, provider: str, until: datetime) -> None:
        """Name the provider, and from when on there may be room."""
        self.until = until
        super().__init__(f"the pace set for {provider} leaves no room for a call before {until:%H:%M:%S} UTC")


@dataclass(frozen=True)
class Pace:
    """A provider's pace as it was read; None: that has no limit."""

    provider: str
    requests_per_minute: int | None
    tokens_per_minute: int | None
    next_call_us: int | None

    @property
    def is_set(self) -> bool:
        """Whether there is anything to keep to."""
        return bool(self.requests_per_minute or self.tokens_per_minute)

    def share_us(self, tokens: int) -> int:
        """How much of the provider's time a call of so many tokens takes: at least a microsecond."""
        of_requests = -(-_MINUTE_US // self.requests_per_minute) if self.requests_per_minute else 1
        of_tokens = -(-_MINUTE_US * tokens // self.tokens_per_minute) if self.tokens_per_minute else 0
        return max(of_requests, of_tokens)


def bar(pace: Pace, *, now: datetime) -> OverPaceError | None:
    """Why no call may be held for now; None: one may, though it may have to wait for a moment."""
    if not pace.is_set or pace.next_call_us is None or pace.next_call_us <= _us(now) + _most_us():
        return None
    return _over(pace, pace.next_call_us)


def take(session: Session, pace: Pace, *, tokens: int, now: datetime) -> float:
    """Take the next place for a call of so many tokens; how many seconds it has to wait. OverPaceError: too many."""
    share = pace.share_us(tokens)
    values = {"this": pace.provider, "now_us": _us(now), "share": share, "latest": _us(now) + _most_us()}
    moved = session.connection().execute(_TAKE, values).scalar()
    if moved is None:
        found = session.execute(select(_row.next_call_us).where(_row.name == pace.provider)).scalar()
        raise _over(pace, found or _us(now))
    return max(0, int(moved) - share - _us(now)) / 1_000_000


def correct(session: Session, pace: Pace, *, taken: int, used: int) -> None:
    """A call used other than the tokens it was thought to: the next ones go so much earlier, or later."""
    difference = pace.share_us(used) - pace.share_us(taken)
    if difference:
        session.connection().execute(_CORRECT, {"this": pace.provider, "difference": difference})


_NOW: Any = bindparam("now_us", type_=BigInteger)
_NEXT = func.coalesce(_row.next_call_us, 0)
_TAKE = (
    update(_table)
    .where(_row.name == bindparam("this"), bindparam("latest", type_=BigInteger) >= _NEXT)
    .values(next_call_us=case((_NEXT > _NOW, _NEXT), else_=_NOW) + bindparam("share", type_=BigInteger))
    .returning(_row.next_call_us)
)
_CORRECT = (
    update(_table)
    .where(_row.name == bindparam("this"))
    .values(next_call_us=_NEXT + bindparam("difference", type_=BigInteger))
)


def _over(pace: Pace, next_us: int) -> OverPaceError:
    """Whoever waits comes half a longest wait early: the rest is waited out, so that no place is left empty."""
    return OverPaceError(pace.provider, _EPOCH + timedelta(microseconds=next_us - _most_us() // 2))


def _us(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _most_us() -> int:
    return int(config().call_wait_seconds * 1_000_000)
