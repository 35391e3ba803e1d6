"""Owns `/calls/{call_id}/refund`: what a call was charged is given back, by whoever runs the installation."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from pipeline.core.money import credit_string
from pipeline.core.roles import Role, Scope
from pipeline.services import accounts, refunds
from pipeline.services import credits as ledger
from pipeline.services.refunds import MOST_REASON_CHARACTERS
from pipeline.web.answers import problems
from pipeline.web.api.parameters import CallId, Text
from pipeline.web.operations import Unit, writes

router = APIRouter(tags=[Scope.CREDITS.value])
_DONE: Final[dict[str, Any]] = {
    "call_id": 640,
    "is_new": True,
    "refunded": "0.1375",
    "balance": "9942.7525",
    "available": "9942.7525",
}

OfAccount = Annotated[
    Text | None, Query(max_length=200, description="Whose call it is, by name or id; without it your own account's.")
]


class RefundReason(BaseModel):
    """Why a call is given back."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "The answer was of no use."}]})

    reason: Annotated[
        Text,
        Field(description=f"Kept with the entry: 1 to {MOST_REASON_CHARACTERS} characters, white space collapsed."),
    ]


class RefundedCall(BaseModel):
    """A call whose charge was given back, and what its account has now, as decimal strings."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DONE]})

    call_id: int
    #: False: that had been done before, and nothing changed.
    is_new: bool
    refunded: str
    balance: str
    available: str


@router.post(
    "/calls/{call_id}/refund",
    operation_id="refund_call",
    response_model=RefundedCall,
    responses=problems(401, 403, 404, 409, 413, 422),
)
@writes(Scope.CREDITS, role=Role.PLATFORM_ADMIN)
def refund(unit: Unit, call_id: CallId, why: RefundReason, account: OfAccount = None) -> RefundedCall:
    """Give back what a call was charged, whole and once: sent again, the request changes nothing."""
    account_id = unit.account_id if account is None else accounts.find_account(unit.session, account).id
    done = refunds.refund(
        unit.session,
        account_id=account_id,
        call_id=call_id,
        reason=why.reason,
        actor=unit.caller.actor,
        now=unit.now,
    )
    now = ledger.balance(unit.session, account_id)
    return RefundedCall(
        call_id=done.call_id,
        is_new=done.is_new,
        refunded=credit_string(done.amount_ucr),
        balance=credit_string(now.balance_ucr),
        available=credit_string(now.available_ucr),
    )
