"""Owns what a call is on its way: dispatched, barred, answered, failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipeline.core.errors import PipelineError
from pipeline.engine.gates import Gate
from pipeline.engine.questions import Prepared
from pipeline.services.credits import CallHandle, Settlement


@dataclass(frozen=True)
class Dispatched:
    """A call whose hold is committed: it may be sent."""

    prepared: Prepared
    call: CallHandle
    gate: Gate


@dataclass(frozen=True)
class Barred:
    """A question that may not be asked now, whatever it would cost: nothing was held."""

    error: PipelineError


@dataclass(frozen=True)
class Stored:
    """An answer that was paid for before: it is not asked for again."""

    prepared: Prepared
    answer: str


@dataclass(frozen=True)
class Answered:
    """What a call brought: the answer, and how to settle it (None: it was settled before)."""

    answer: str
    call: CallHandle | None
    settlement: Settlement | None

    @property
    def charge_ucr(self) -> int:
        """What the answer costs the customer, never more than was held: nothing where it was settled before."""
        if self.call is None or self.settlement is None:
            return 0
        return min(self.settlement.charge_ucr, self.call.held_ucr)

    @property
    def tokens(self) -> int | None:
        """What the provider says it used; None: it did not say, or does not count so."""
        return None if self.settlement is None else self.settlement.tokens


@dataclass(frozen=True)
class Settling:
    """A call that was answered, and what is to be stored and charged for it."""

    call: CallHandle
    settlement: Settlement


class CallFailed(Exception):  # noqa: N818 - an outcome of a call, answered by the executor
    """No answer came; `call` is still open and `error` says what the provider or the wire said."""

    def __init__(self, call: CallHandle, error: PipelineError, *, not_before: datetime | None = None) -> None:
        """`not_before`: until when its breaker is open, None where it is not."""
        super().__init__(error.message)
        self.call = call
        self.error = error
        self.not_before = not_before
        #: Nothing may be held for once more.
        self.is_final = False
