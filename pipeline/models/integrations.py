"""Owns the providers that the platform is a customer of: one row each, its key encrypted (plan 2.3.2)."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.core.providers import ProviderName
from pipeline.models.base import Base, Id, Instant, utc_now, word_check
from pipeline.models.types import Encrypted


class IntegrationProvider(Base):
    """How a provider is reached: whatever asks it takes address, mode and key from here and nowhere else."""

    __tablename__ = "integration_providers"
    __table_args__ = (word_check("name", [name.value for name in ProviderName]),)

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(32), unique=True)
    #: NULL: none was given.
    api_key: Mapped[bytes | None] = mapped_column(Encrypted)
    #: NULL: the provider's own address.
    base_url: Mapped[str | None] = mapped_column(String(2_000))
    #: Whether it only plays: payments that move no money, e-mail that reaches nobody.
    is_sandbox: Mapped[bool] = mapped_column(default=False)
    is_enabled: Mapped[bool] = mapped_column(default=True)
    updated_at: Mapped[Instant] = mapped_column(default=utc_now)
