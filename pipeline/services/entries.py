"""Owns reading the ledger: the movements of an account's balance, the newest first. Never: books one."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.models import CreditEntry
from pipeline.services.listing import Page, page


class EntryKind(StrEnum):
    """What moved the balance."""

    GRANT = "grant"
    PURCHASE = "purchase"
    CHARGE = "charge"
    REFUND = "refund"
    ADJUSTMENT = "adjustment"


def list_entries(
    session: Session, *, account_id: int, kind: str | None = None, before_id: int | None = None, limit: int = 50
) -> Sequence[CreditEntry]:
    """The account's entries, of one kind or of all, older than that one."""
    query = select(CreditEntry).where(CreditEntry.account_id == account_id)
    if kind is not None:
        query = query.where(CreditEntry.kind == kind)
    if before_id is not None:
        query = query.where(CreditEntry.id < before_id)
    return session.scalars(query.order_by(CreditEntry.id.desc()).limit(limit)).all()


def oldest_first(
    session: Session, *, account_id: int, kind: str | None = None, after_id: int = 0, limit: int = 50
) -> Page[CreditEntry]:
    """The account's entries, of one kind or of all, in the order they were booked, from behind `after_id`."""
    where = [CreditEntry.account_id == account_id, *([] if kind is None else [CreditEntry.kind == kind])]
    return page(session, CreditEntry, *where, after_id=after_id, limit=limit)
