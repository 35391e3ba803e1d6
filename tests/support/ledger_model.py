"""Owns the ledger as plain numbers: what the real one must come to. It shares no code with it but words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.core.states import CallStatus
from pipeline.services.credits import Held, Refusal, Refused


@dataclass
class ModelCall:
    """One call: where it was made, its hold, what became of it."""

    stage: int
    lane: int
    held: int
    status: CallStatus
    charged: int = 0
    cost: int = 0
    late: bool = False


@dataclass
class LedgerModel:
    """One account and its stages. Nothing is kept that can be summed."""

    granted: int
    caps: Sequence[int]
    calls: dict[int, ModelCall] = field(default_factory=dict)
    keys: set[int] = field(default_factory=set)
    #: Calls whose charge was given back.
    refunded: set[int] = field(default_factory=set)

    @property
    def balance(self) -> int:
        return self.granted - sum(call.charged for key, call in self.calls.items() if key not in self.refunded)

    @property
    def held(self) -> int:
        return sum(call.held for call in self._all(CallStatus.RESERVED, CallStatus.DISPATCHED))

    def stages(self) -> list[tuple[int, int, int, int]]:
        """Cap, spent, held, lost of each."""
        return [(cap, *self._stage(stage)) for stage, cap in enumerate(self.caps)]

    def resolved(self) -> dict[int, tuple[CallStatus, int, int, int]]:
        """Status, hold, charge, cost of each call."""
        return {key: (call.status, call.held, call.charged, call.cost) for key, call in self.calls.items()}

    def grant(self, key: int, amount: int) -> bool:
        if key in self.keys:
            return False
        self.keys.add(key)
        self.granted += amount
        return True

    def refuses_adjustment(self, key: int, amount: int) -> bool:
        return key not in self.keys and amount < 0 and self.balance - self.held + amount < 0

    def hold(self, stage: int, *, full: int, least: int) -> Held | Refused:
        spent, held, lost = self._stage(stage)
        on_stage = self.caps[stage] - spent - lost
        room = min(on_stage - held, self.balance - self.held)
        if full <= room:
            return Held(full)
        if least > on_stage:
            return Refused(Refusal.BUDGET_EXHAUSTED, least, on_stage)
        if least > self.balance:
            return Refused(Refusal.ACCOUNT_EXHAUSTED, least, self.balance)
        if held or self.held:
            return Refused(Refusal.WAIT, full, room)
        return Held(room)

    def opened(self, call_id: int, *, stage: int, lane: int, held: int, status: CallStatus) -> None:
        self.calls[call_id] = ModelCall(stage, lane, held, status)

    def send(self, call_id: int) -> None:
        if self.calls[call_id].status is CallStatus.RESERVED:
            self.calls[call_id].status = CallStatus.DISPATCHED

    def settle(self, call_id: int, *, charge: int, cost: int) -> int | None:
        call = self.calls[call_id]
        if call.status is not CallStatus.DISPATCHED:
            return None
        call.status, call.charged, call.cost = CallStatus.SETTLED, min(charge, call.held), cost
        return call.charged

    def void(self, call_id: int) -> bool:
        call = self.calls[call_id]
        if call.status not in {CallStatus.RESERVED, CallStatus.DISPATCHED}:
            return False
        call.status = CallStatus.VOIDED
        return True

    def lose(self, call_id: int) -> bool:
        call = self.calls[call_id]
        if call.status is not CallStatus.DISPATCHED:
            return False
        call.status = CallStatus.LOST
        return True

    def answered_late(self, call_id: int, *, cost: int) -> None:
        call = self.calls[call_id]
        if call.status is CallStatus.LOST and not call.late:
            call.cost, call.late = cost, True

    def recover(self, stage: int, lane: int) -> int:
        left = [
            call
            for call in self._all(CallStatus.RESERVED, CallStatus.DISPATCHED)
            if (call.stage, call.lane) == (stage, lane)
        ]
        for call in left:
            call.status = CallStatus.VOIDED if call.status is CallStatus.RESERVED else CallStatus.LOST
        return len(left)

    def refund(self, call_id: int) -> int | None:
        """What comes back; None where it is refused or was done before."""
        charged = self.calls[call_id].charged
        if not charged or call_id in self.refunded:
            return None
        self.refunded.add(call_id)
        return charged

    def _all(self, *statuses: CallStatus) -> list[ModelCall]:
        return [call for call in self.calls.values() if call.status in statuses]

    def _stage(self, stage: int) -> tuple[int, int, int]:
        mine = [call for call in self.calls.values() if call.stage == stage]
        spent = sum(call.charged for call in mine)
        held = sum(call.held for call in mine if call.status in {CallStatus.RESERVED, CallStatus.DISPATCHED})
        lost = sum(call.held for call in mine if call.status is CallStatus.LOST)
        return spent, held, lost
