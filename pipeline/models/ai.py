"""Owns the models that may be asked, with cost and price: the one table of plan 2.3.1."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Index, Numeric, String, text, true
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.core.capabilities import MAX_TOKENS_NAMES
from pipeline.core.catalog import ModelType
from pipeline.models.base import Base, Id, Json, word_check

_TESTING = text("is_testing AND is_active")
_LIVE = text("is_default AND is_active AND NOT is_testing")

_PRICED_AS_ITS_TYPE = (
    "(model_type = 'text' OR tokens_per_credit IS NULL) AND (model_type = 'image' OR credits_per_image IS NULL)"
)


class AiModel(Base):
    """The plan's AIModelConfig: one model, what it costs us and what it costs a customer."""

    __tablename__ = "ai_models"
    __table_args__ = (
        word_check("model_type", [kind.value for kind in ModelType]),
        CheckConstraint("tokens_per_credit > 0", name="tokens_per_credit"),
        CheckConstraint("credits_per_image >= 0", name="credits_per_image"),
        CheckConstraint("cost_per_1k_input >= 0 AND cost_per_1k_output >= 0 AND cost_per_image >= 0", name="costs"),
        word_check("max_tokens_name", MAX_TOKENS_NAMES),
        CheckConstraint("output_token_limit > 0", name="output_token_limit"),
        CheckConstraint("thinking_tokens >= 0", name="thinking_tokens"),
        CheckConstraint("NOT (is_testing AND is_default)", name="testing_or_default"),
        CheckConstraint(_PRICED_AS_ITS_TYPE, name="priced_as_its_type"),
        Index("uq_ai_models_testing", "model_type", unique=True, sqlite_where=_TESTING, postgresql_where=_TESTING),
        Index("uq_ai_models_live", "model_type", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
    )

    id: Mapped[Id]
    #: The name the provider knows.
    name: Mapped[str] = mapped_column(String(200), unique=True)
    display_name: Mapped[str] = mapped_column(String(200))
    provider: Mapped[str] = mapped_column(String(32))
    model_type: Mapped[str] = mapped_column(String(8))
    is_active: Mapped[bool] = mapped_column(default=True)
    is_testing: Mapped[bool] = mapped_column(default=False)
    is_default: Mapped[bool] = mapped_column(default=False)
    #: A model without a price is never called; one that costs nothing says so here.
    is_free: Mapped[bool] = mapped_column(default=False)
    #: US dollars we pay a thousand tokens.
    cost_per_1k_input: Mapped[Decimal | None] = mapped_column(Numeric(18, 9))
    cost_per_1k_output: Mapped[Decimal | None] = mapped_column(Numeric(18, 9))
    #: US dollars we pay an image.
    cost_per_image: Mapped[Decimal | None] = mapped_column(Numeric(18, 9))
    tokens_per_credit: Mapped[int | None]
    credits_per_image: Mapped[int | None]
    #: "WxH/quality" -> {"credits_per_image", "cost_per_image"}, where they differ from the model's own.
    image_prices: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    #: What the model takes and gives: see `core.capabilities`.
    has_temperature: Mapped[bool] = mapped_column(default=True, server_default=true())
    has_json_schema: Mapped[bool] = mapped_column(default=True, server_default=true())
    max_tokens_name: Mapped[str] = mapped_column(
        String(32), default=MAX_TOKENS_NAMES[0], server_default=text(f"'{MAX_TOKENS_NAMES[0]}'")
    )
    output_token_limit: Mapped[int | None]
    thinking_tokens: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    #: Since when it is not asked any more; NULL while it is active.
    retired_at: Mapped[datetime | None]
