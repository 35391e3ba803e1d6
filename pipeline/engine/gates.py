"""Owns what stands between a question and its provider: its record, its breaker, its pace.

Read by one statement that locks nothing, in the transaction that holds for the call; what a call changes there is
written in short transactions of their own, before and after the wire, so that nobody waits for an account meanwhile.
Never: a transaction open during a call; an answer lost because something could not be noted here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import and_, bindparam, literal, select
from sqlalchemy.orm import Session

from pipeline.ai import provider
from pipeline.ai.port import (
    NoAdapterError,
    NotThereError,
    OutcomeUnknownError,
    Provider,
    RetryableError,
    UnavailableError,
)
from pipeline.config import config
from pipeline.core.errors import NotReadyError, PipelineError
from pipeline.core.pricing import Price
from pipeline.core.providers import AI_PROVIDERS, ProviderName
from pipeline.db.session import DATABASE_AWAY, Database
from pipeline.engine import breaker, pace
from pipeline.engine.breaker import BreakerOpenError, State, Target
from pipeline.engine.pace import Pace
from pipeline.models import IntegrationProvider, ProviderBreaker
from pipeline.models.base import table_of
from pipeline.services import providers
from pipeline.services.providers import Record

T = TypeVar("T")

#: Most providers that stay open in a process; one whose record was changed is opened anew.
_MOST_OPEN: Final = 16
_log = structlog.get_logger()
_records, _breakers = table_of(IntegrationProvider), table_of(ProviderBreaker)
_OF_RECORD = tuple(_records.c[name] for name in ("name", "api_key", "base_url", "is_sandbox", "is_enabled"))
_provider: Any = bindparam("this_provider")
_LOOK = select(*_OF_RECORD, *pace.COLUMNS, *breaker.COLUMNS).select_from(
    select(literal(1))
    .subquery()
    .outerjoin(_records, _records.c.name == _provider)
    .outerjoin(_breakers, and_(_breakers.c.provider == _provider, _breakers.c.model == bindparam("this_model")))
)


@dataclass(frozen=True)
class Gate:
    """What stands before a call, as it was when it was held for."""

    target: Target
    #: None: the provider has none, as those that need neither key nor address.
    record: Record | None
    pace: Pace
    #: None: no call to the model ever failed.
    state: State | None


def look(session: Session, price: Price) -> Gate:
    """What stands before a call at that price now."""
    target = Target(price.provider, price.model)
    row = tuple(session.connection().execute(_LOOK, target.values()).one())
    record, paced, state = row[:5], row[5:8], row[8:]
    return Gate(
        target,
        None if record[0] is None else Record(*record),
        Pace(price.provider, *paced),
        None if state[0] is None else State(*state),
    )


def bar(gate: Gate, *, now: datetime) -> PipelineError | None:
    """Why nothing may be held for now: the provider cannot be asked at all, or not yet."""
    name = _recorded(gate.target.provider)
    why_not = None if name is None else providers.refusal(name, gate.record)
    if why_not is not None:
        return NoAdapterError(why_not)
    is_open = None if gate.state is None else breaker.bar(gate.target, gate.state, now=now)
    return is_open or pace.bar(gate.pace, now=now)


def take_place(database: Database, gate: Gate, *, tokens: int) -> float:
    """Take the call's place in the provider's pace; how many seconds it has to wait. OverPaceError: too many."""
    if not gate.pace.is_set:
        return 0.0
    taken = _noted(database, lambda session, now: pace.take(session, gate.pace, tokens=tokens, now=now))
    return taken or 0.0


def enter(database: Database, gate: Gate, *, early: bool = False) -> bool:
    """Go through to the wire; whether the call is the one that is tried on a half-open breaker, `early` on an open one.

    BreakerOpenError: another call is being tried.
    """
    if gate.state is None or not gate.state.is_open:
        return False
    if _noted(database, lambda session, now: breaker.claim_probe(session, gate.target, now=now, early=early)) is False:
        raise BreakerOpenError(
            f"{gate.target.provider} is being tried with another call for {gate.target.model}", retry_after_seconds=2
        )
    return True


def note_answer(database: Database, gate: Gate, *, taken: int, used: int | None) -> None:
    """The provider answered, though it may have refused. `used`: the tokens it took, None where nobody knows."""
    if used is not None:
        note_tokens(database, gate, taken=taken, used=used)
    if gate.target in _suspects or (gate.state is not None and (gate.state.failures or gate.state.is_open)):
        _noted(database, lambda session, _: breaker.answered(session, gate.target))
        _suspects.discard(gate.target)


def note_tokens(database: Database, gate: Gate, *, taken: int, used: int) -> None:
    """The call took other tokens of the pace than it was thought to: 0 where it was not sent, or is not billed."""
    if gate.pace.tokens_per_minute:
        _noted(database, lambda session, _: pace.correct(session, gate.pace, taken=taken, used=used))


def note_error(database: Database, gate: Gate, error: PipelineError, *, probing: bool, taken: int) -> datetime | None:
    """A call brought no answer; until when the breaker is open now, None: it is not."""
    if not isinstance(error, OutcomeUnknownError):
        note_tokens(database, gate, taken=taken, used=0)
    if isinstance(error, NoAdapterError) and not isinstance(error, NotThereError):
        return None  # It was not asked.
    if not isinstance(error, UnavailableError | OutcomeUnknownError):
        note_answer(database, gate, taken=0, used=None)
        return None
    _suspects.add(gate.target)
    wait = error.retry_after_seconds if isinstance(error, RetryableError) else None

    def count(session: Session, now: datetime) -> datetime | None:
        said = error.message
        return breaker.failed(session, gate.target, said=said, asked_wait=wait or 0.0, probing=probing, now=now)

    return _noted(database, count)


#: Whose failures this process has counted: an answer that comes later forgets them, whatever was read before it.
_suspects: set[Target] = set()


def _noted(database: Database, work: Callable[[Session, datetime], T]) -> T | None:
    """Run `work` in a transaction; a database that is away costs no more than the note."""
    try:
        with database.transaction() as session:
            return work(session, database.now())
    except DATABASE_AWAY as error:
        _log.warning("gate.not_noted", error=str(error))
        return None


@lru_cache(maxsize=_MOST_OPEN)
def adapter(name: str, record: Record | None) -> Provider:
    """The provider, opened with the key and the address of its record. NoAdapterError.

    Kept while its record is the same: a key that was changed is used from the next call on.
    """
    try:
        recorded = _recorded(name)
        if recorded is None:
            return provider(name)
        access = providers.opened(recorded, record, home=config().home)
        return provider(name, base_url=access.base_url, api_key=access.api_key)
    except NotReadyError as error:
        raise NoAdapterError(error.message) from None


def _recorded(name: str) -> ProviderName | None:
    """The provider as one that has a record; None for one that works without."""
    return next((each for each in AI_PROVIDERS if each.value == name), None)
