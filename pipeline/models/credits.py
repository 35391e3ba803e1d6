"""Owns money: the append-only entries of an account and every call to a provider."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.core.money import CREDIT_VALUE_MICRODOLLARS
from pipeline.core.states import CallStatus
from pipeline.models.base import AccountId, Amount, Base, Id, Instant, Json, status_check, utc_now, word_check
from pipeline.models.types import BigId, Status

ENTRY_KINDS = ("grant", "purchase", "charge", "refund", "adjustment")
_SETTLED = text("status = 'settled'")
#: Calls that wait for their end.
OPEN_CALL = text("status IN ('reserved', 'dispatched')")
_RESOLVED = text("resolved_at IS NOT NULL")
_REFUND = text("kind = 'refund'")
#: Which calls have a line of their own in reports (`pipeline.core.call_flags`).
FLAGGED = text("(flags <> '[]' OR status = 'lost')")
#: What reports sum and group by: read from the index alone, never from rows with their long answers.
REPORTED = (
    "stage_run_id",
    "model",
    "is_testing",
    "status",
    "held_amount",
    "charged_amount",
    "credit_value_microdollars",
    "cost_picodollars",
    "input_tokens",
    "output_tokens",
)


class CreditEntry(Base):
    """One movement of an account's balance; never changed, never deleted, unique by its key."""

    __tablename__ = "credit_entries"
    __table_args__ = (
        word_check("kind", ENTRY_KINDS),
        Index("ix_credit_entries_refunds", "account_id", "created_at", sqlite_where=_REFUND, postgresql_where=_REFUND),
        Index("ix_credit_entries_account_id_id", "account_id", "id"),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    kind: Mapped[str] = mapped_column(String(16))
    #: Micro-credits, signed: charges are negative.
    amount: Mapped[Amount]
    #: What happened, once: `charge:<call>`, `grant:welcome`.
    key: Mapped[str] = mapped_column(String(100), unique=True)
    call_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("ai_calls.id"))
    note: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[Instant] = mapped_column(default=utc_now)


class AiCall(Base):
    """One attempt on the wire: its hold, its price, its answer. Settled if and only if an answer is stored."""

    __tablename__ = "ai_calls"
    __table_args__ = (
        status_check(CallStatus),
        CheckConstraint("(status = 'settled') = (answer IS NOT NULL)", name="answer"),
        CheckConstraint("(step = 'test') = (stage_run_id IS NULL)", name="test"),
        CheckConstraint("charged_amount >= 0 AND charged_amount <= held_amount", name="charged"),
        Index("uq_ai_calls_key", "key", unique=True, sqlite_where=_SETTLED, postgresql_where=_SETTLED),
        Index("ix_ai_calls_open", "stage_run_id", "lane", sqlite_where=OPEN_CALL, postgresql_where=OPEN_CALL),
        Index("ix_ai_calls_stage_run_id", "stage_run_id"),
        Index(
            "ix_ai_calls_resolved",
            "account_id",
            "resolved_at",
            *REPORTED,
            sqlite_where=_RESOLVED,
            postgresql_where=_RESOLVED,
        ),
        Index("ix_ai_calls_flagged", "account_id", "resolved_at", sqlite_where=FLAGGED, postgresql_where=FLAGGED),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    #: NULL: it tests a provider, for the platform.
    stage_run_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("stage_runs.id"))
    #: Stage run, item set, step and prompt, hashed: a stored answer is not asked for again.
    key: Mapped[str] = mapped_column(String(64))
    #: `ask`, `repair`, or `test` of a provider.
    step: Mapped[str] = mapped_column(String(16))
    lane: Mapped[int]
    status: Mapped[CallStatus] = mapped_column(Status(CallStatus))
    #: Micro-credits.
    held_amount: Mapped[Amount]
    charged_amount: Mapped[Amount] = mapped_column(default=0)
    #: What it cost us.
    cost_picodollars: Mapped[int] = mapped_column(BigInteger, default=0)
    #: The frozen `Price`, and the parameters that were used.
    price: Mapped[dict[str, Any]] = mapped_column(Json)
    #: Out of the price, for reports: the model, whether for testing, what a credit is worth (millionths of a dollar).
    model: Mapped[str] = mapped_column(String(200), default="", server_default=text("''"))
    is_testing: Mapped[bool] = mapped_column(default=False, server_default=false())
    credit_value_microdollars: Mapped[int] = mapped_column(
        BigInteger, default=CREDIT_VALUE_MICRODOLLARS, server_default=text(str(CREDIT_VALUE_MICRODOLLARS))
    )
    parameters: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    #: The raw text, or the content hash of the image.
    answer: Mapped[str | None] = mapped_column(Text)
    #: Any of `CallFlag` but `lost`, which is a status.
    flags: Mapped[list[Any]] = mapped_column(Json, default=list)
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Instant] = mapped_column(default=utc_now)
    resolved_at: Mapped[datetime | None]
