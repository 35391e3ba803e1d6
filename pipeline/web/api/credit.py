"""Owns `/credits`: what the account has."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from pipeline.core.money import credit_string
from pipeline.core.roles import Scope
from pipeline.services import credits as ledger
from pipeline.web.answers import problems
from pipeline.web.operations import Unit, reads

router = APIRouter(prefix="/credits", tags=[Scope.CREDITS.value])
_EXAMPLE: Final[dict[str, Any]] = {"balance": "9942.615", "held": "1.5", "available": "9941.115"}


class Credits(BaseModel):
    """What an account has, as decimal strings; what is held belongs to calls under way."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    balance: str
    held: str
    available: str


@router.get("", operation_id="get_credits", response_model=Credits, responses=problems(401, 403))
@reads(Scope.CREDITS, whole_account=True)
def show(unit: Unit) -> Credits:
    """Show what the account has, what is held, and what is available."""
    found = ledger.balance(unit.session, unit.account_id)
    return Credits(
        balance=credit_string(found.balance_ucr),
        held=credit_string(found.held_ucr),
        available=credit_string(found.available_ucr),
    )
