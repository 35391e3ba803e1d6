"""Owns what happened and who lives: audit events, heartbeats, claims and positions of periodic work."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.models.base import AccountId, Base, Id, Instant, Json, utc_now
from pipeline.models.types import BigId, UtcDateTime


class AuditEvent(Base):
    """Something a person did, and to what."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_subject", "subject_kind", "subject_id"),
        Index("ix_audit_events_account_id_id", "account_id", "id"),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    #: Who: `user 3`, `key planner (igny8_9Jx2aQ)`, `cli`.
    actor: Mapped[str] = mapped_column(String(200))
    #: What: `run.paused`, `credits.granted`.
    action: Mapped[str] = mapped_column(String(64))
    subject_kind: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(BigId)
    details: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    at: Mapped[Instant] = mapped_column(default=utc_now)


class Heartbeat(Base):
    """The last sign of life of a process."""

    __tablename__ = "heartbeats"

    #: `worker:<host>:<pid>`, `beat:<host>:<pid>`.
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    at: Mapped[Instant]
    details: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)


class BeatClaim(Base):
    """A periodic entry that one of the beats has taken for one instant."""

    __tablename__ = "beat_claims"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)


class HousekeepingPosition(Base):
    """How far a walk through a table has come: the next portion goes on behind it."""

    __tablename__ = "housekeeping_positions"

    #: `answers`, `books:accounts`, `reviews`.
    walk: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: The last id that was looked at; 0: from the first.
    position: Mapped[int] = mapped_column(BigId, default=0)
