"""Owns `/credits/entries`: every movement of the account's balance."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from pipeline.core.money import credit_string
from pipeline.core.roles import Scope
from pipeline.services import entries
from pipeline.services.entries import EntryKind
from pipeline.web.answers import problems
from pipeline.web.api.parameters import Before, Limit
from pipeline.web.operations import Unit, reads

router = APIRouter(prefix="/credits/entries", tags=[Scope.CREDITS.value])
_ENTRY: Final[dict[str, Any]] = {
    "id": 812,
    "kind": "charge",
    "amount": "-0.1375",
    "call_id": 640,
    "note": "",
    "created_at": "2026-06-03T10:31:12Z",
}


class Entry(BaseModel):
    """One movement of the balance: never changed, never deleted."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ENTRY]})

    id: int
    kind: EntryKind
    #: Credits, signed: charges are negative.
    amount: str
    #: The call that was charged, or given back.
    call_id: int | None
    note: str
    created_at: datetime


class EntryPage(BaseModel):
    """Some entries, the newest first; `next` goes on with older ones."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_ENTRY], "next": 812}]})

    items: list[Entry]
    #: None: there are no more.
    next: int | None


OfKind = Annotated[EntryKind | None, Query(description="Only entries of this kind.")]


@router.get("", operation_id="list_entries", response_model=EntryPage, responses=problems(401, 403, 422))
@reads(Scope.CREDITS, whole_account=True)
def list_some(unit: Unit, kind: OfKind = None, before: Before = None, limit: Limit = 50) -> dict[str, Any]:
    """List the movements of the account's balance, the newest first."""
    found = entries.list_entries(unit.session, account_id=unit.account_id, kind=kind, before_id=before, limit=limit + 1)
    page = found[:limit]
    names = ("id", "kind", "call_id", "note", "created_at")
    items = [{**{name: getattr(row, name) for name in names}, "amount": credit_string(row.amount)} for row in page]
    return {"items": items, "next": page[-1].id if len(found) > limit else None}
