"""Owns the prompts of accounts: every version that was ever in force, so that a run can tell what it asked with."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.models.base import AccountId, Base, Id, Instant, utc_now
from pipeline.models.types import BigId

_OF_ACCOUNT = text("site_id IS NULL")
_OF_SITE = text("site_id IS NOT NULL")


class Prompt(Base):
    """One version of what a stage tells its model, of an account or of one of its sites; never changed."""

    __tablename__ = "prompts"
    __table_args__ = (
        Index(
            "uq_prompts_account",
            "account_id",
            "stage_key",
            "version",
            unique=True,
            sqlite_where=_OF_ACCOUNT,
            postgresql_where=_OF_ACCOUNT,
        ),
        Index(
            "uq_prompts_site",
            "site_id",
            "stage_key",
            "version",
            unique=True,
            sqlite_where=_OF_SITE,
            postgresql_where=_OF_SITE,
        ),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    #: NULL: for every site of the account that has none of its own.
    site_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("sites.id"))
    stage_key: Mapped[str] = mapped_column(String(32))
    version: Mapped[int]
    #: NULL: none from then on, but what is above it.
    text: Mapped[str | None] = mapped_column(Text)
    #: Who saved it.
    author: Mapped[str] = mapped_column(String(200))
    #: In force for the runs that are accepted from then on.
    created_at: Mapped[Instant] = mapped_column(default=utc_now)
