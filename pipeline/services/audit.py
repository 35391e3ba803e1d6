"""Owns the audit trail: what a person did, and to what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from pipeline.models import AuditEvent


def record(
    session: Session,
    *,
    account_id: int,
    actor: str,
    action: str,
    subject_kind: str,
    subject_id: int,
    now: datetime,
    details: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Write down that `actor` did `action` (`run.paused`); it stands or falls with the transaction that did it."""
    event = AuditEvent(
        account_id=account_id,
        actor=actor,
        action=action,
        subject_kind=subject_kind,
        subject_id=subject_id,
        details=dict(details or {}),
        at=now,
    )
    session.add(event)
    return event
