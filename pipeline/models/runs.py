"""Owns runs and all below them: stage runs, lanes, items, and the decisions to start or not."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.core.matrix import SiteSettings
from pipeline.core.states import LIVE_RUNS, ItemStatus, LaneStatus, RunStatus, StageRunStatus
from pipeline.models.base import AccountId, Amount, Base, Id, Instant, Json, SiteId, status_check, utc_now, word_check
from pipeline.models.types import BigId, Status

ORIGINS = ("manual", "scheduled", "retry")
DECISIONS = ("started", "skipped", "missed")
_LIVE = text("status IN ({})".format(", ".join(f"'{status}'" for status in LIVE_RUNS)))
_CANCELLING = text(f"status = '{RunStatus.CANCELLING}'")
_DUE = text("due_at IS NOT NULL")
#: Room on the page for the next version of a row that is updated often.
_ROOMY = {"fillfactor": 60}


class Run(Base):
    """One pass of a site through the seven stages; at most one is live a site."""

    __tablename__ = "runs"
    __table_args__ = (
        status_check(RunStatus),
        word_check("origin", ORIGINS),
        UniqueConstraint("site_id", "scheduled_for"),
        Index("ix_runs_account_id_id", "account_id", "id"),
        Index("ix_runs_status", "status"),
        Index("uq_runs_live", "site_id", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
        Index("ix_runs_cancelling", "id", sqlite_where=_CANCELLING, postgresql_where=_CANCELLING),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    site_id: Mapped[SiteId]
    status: Mapped[RunStatus] = mapped_column(Status(RunStatus), default=RunStatus.QUEUED)
    origin: Mapped[str] = mapped_column(String(16), default="manual")
    #: The instant a schedule asked for; NULL: a person did.
    scheduled_for: Mapped[datetime | None]
    retry_of: Mapped[int | None] = mapped_column(BigId, ForeignKey("runs.id"))
    #: `SiteSettings` as it was at the start, with the AI parameters resolved.
    settings: Mapped[dict[str, Any]] = mapped_column(Json)
    #: Stage number -> `Price` as it was at the start.
    prices: Mapped[dict[str, Any]] = mapped_column(Json)
    #: Micro-credits that were free at the start: what the caps are shares of.
    available: Mapped[Amount]
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Instant] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    #: The span that began it, as the header of the same name carries one; NULL: it is not traced.
    traceparent: Mapped[str | None] = mapped_column(String(55))

    @cached_property
    def site_settings(self) -> SiteSettings:
        """The site's settings as they were when the run started: they never change, so they are read once."""
        return SiteSettings.model_validate(self.settings["site"])


class StageRun(Base):
    """One stage within one run: its inputs, its lanes, its cap."""

    __tablename__ = "stage_runs"
    __table_args__ = (
        status_check(StageRunStatus),
        UniqueConstraint("run_id", "number"),
        CheckConstraint("held >= 0", name="held"),
        CheckConstraint("spent + held + lost <= cap", name="cap"),
        CheckConstraint("open_lanes >= 0", name="open_lanes"),
        Index("ix_stage_runs_due_at", "due_at", sqlite_where=_DUE, postgresql_where=_DUE),
        {"postgresql_with": _ROOMY},
    )

    id: Mapped[Id]
    run_id: Mapped[int] = mapped_column(BigId, ForeignKey("runs.id", ondelete="CASCADE"))
    number: Mapped[int]
    key: Mapped[str] = mapped_column(String(32))
    status: Mapped[StageRunStatus] = mapped_column(Status(StageRunStatus), default=StageRunStatus.PENDING)
    #: Why it ended so, for a person.
    reason: Mapped[str | None] = mapped_column(Text)
    #: A terminal status decided early; a lane that reads it closes.
    ending: Mapped[StageRunStatus | None] = mapped_column(Status(StageRunStatus))
    open_lanes: Mapped[int] = mapped_column(default=0)
    #: When its chain is sent (again); NULL while lanes are open.
    due_at: Mapped[datetime | None]
    sends: Mapped[int] = mapped_column(default=0)
    #: Micro-credits: the ceiling, what was charged, what is held, what lost calls keep.
    cap: Mapped[Amount] = mapped_column(default=0)
    spent: Mapped[Amount] = mapped_column(default=0)
    held: Mapped[Amount] = mapped_column(default=0)
    lost: Mapped[Amount] = mapped_column(default=0)
    unavailable_since: Mapped[datetime | None]
    admitted_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Lane(Base):
    """One of the parallel workers of a stage run; its ticket makes any number of copies of a message harmless."""

    __tablename__ = "lanes"
    __table_args__ = (
        status_check(LaneStatus),
        CheckConstraint("(status = 'open') = (due_at IS NOT NULL)", name="due_at"),
        Index("ix_lanes_due_at", "due_at", sqlite_where=_DUE, postgresql_where=_DUE),
        {"postgresql_with": _ROOMY},
    )

    stage_run_id: Mapped[int] = mapped_column(BigId, ForeignKey("stage_runs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[LaneStatus] = mapped_column(Status(LaneStatus), default=LaneStatus.OPEN)
    #: Raised whenever its work moves on; only the holder of the last one may write.
    ticket: Mapped[int] = mapped_column(default=0)
    #: NULL: nobody works on it.
    lease_until: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    sends: Mapped[int] = mapped_column(default=0)
    #: Items of the batch in hand that are closed: a delay comes when the batch is full.
    batch_done: Mapped[int] = mapped_column(default=0)


class StageItem(Base):
    """One input of one stage run: outcome, attempts, error, credits, what it produced."""

    __tablename__ = "stage_items"
    __table_args__ = (
        status_check(ItemStatus),
        UniqueConstraint("stage_run_id", "subject_id"),
        {"postgresql_with": _ROOMY},
    )

    stage_run_id: Mapped[int] = mapped_column(BigId, ForeignKey("stage_runs.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(BigId)
    status: Mapped[ItemStatus] = mapped_column(Status(ItemStatus), default=ItemStatus.PENDING)
    lane: Mapped[int | None]
    ticket: Mapped[int | None]
    #: The first position of the batch it was claimed in: given back together, claimed again together.
    batch: Mapped[int | None]
    #: Tries of the item alone.
    attempts: Mapped[int] = mapped_column(default=0)
    #: Deaths of the batch it was in.
    strikes: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)
    #: Micro-credits charged for it.
    credits: Mapped[Amount] = mapped_column(default=0)
    #: Ids of the rows it became, of the kind its stage makes.
    produced: Mapped[list[Any] | None] = mapped_column(Json)


class Decision(Base):
    """Why a run started, was skipped or was missed."""

    __tablename__ = "decisions"
    __table_args__ = (word_check("kind", DECISIONS), Index("ix_decisions_site_id_at", "site_id", "at"))

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    site_id: Mapped[int] = mapped_column(BigId, ForeignKey("sites.id"))
    kind: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    scheduled_for: Mapped[datetime | None]
    run_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("runs.id"))
    at: Mapped[Instant] = mapped_column(default=utc_now)
