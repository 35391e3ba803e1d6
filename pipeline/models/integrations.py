"""Owns the providers that the platform is a customer of: a row each, its key encrypted (plan 2.3.2); breakers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, String, Text
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
    #: The pace of all workers together; NULL: none.
    requests_per_minute: Mapped[int | None]
    tokens_per_minute: Mapped[int | None] = mapped_column(BigInteger)
    #: From when on the next call keeps to the pace: microseconds since 1970. NULL: none was ever paced.
    next_call_us: Mapped[int | None] = mapped_column(BigInteger)
    updated_at: Mapped[Instant] = mapped_column(default=utc_now)


class ProviderBreaker(Base):
    """How a model of a provider has answered of late; one that never failed has no row."""

    __tablename__ = "provider_breakers"
    __table_args__ = (CheckConstraint("failures >= 0 AND openings >= 0", name="counts"),)

    provider: Mapped[str] = mapped_column(String(32), primary_key=True)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    #: Calls that failed one after the other; 0 from the first answer on.
    failures: Mapped[int] = mapped_column(default=0)
    #: When the first of them did.
    failing_since: Mapped[datetime | None]
    #: No call before then; from then on one is tried. NULL: the breaker is closed.
    open_until: Mapped[datetime | None]
    #: How often it opened one after the other: each time for longer.
    openings: Mapped[int] = mapped_column(default=0)
    #: A call is being tried; given up as lost from then on.
    probing_until: Mapped[datetime | None]
    #: What was said last.
    error: Mapped[str | None] = mapped_column(Text)
