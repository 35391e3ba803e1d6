"""Owns the column types that both databases must agree on."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, LargeBinary, String, TypeDecorator

#: Row ids: 64 bits on PostgreSQL; SQLite's own rowid, which is that already.
BigId = BigInteger().with_variant(Integer(), "sqlite")


def Ordered(length: int) -> String:  # noqa: N802 - a type, as `String` is
    """A text whose order is that of its bytes on both databases: so an index finds what begins with a text."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware UTC outside; `timestamptz` on PostgreSQL, sortable naive UTC text on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive instants; a wall time in the database is a bug."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone: instants are aware UTC")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Aware UTC, whatever the session's zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Encrypted(TypeDecorator[bytes]):
    """What `pipeline.secrets` encrypted: the key's id in front. A change of keys finds its columns by this type."""

    impl = LargeBinary
    cache_ok = True


class Status(TypeDecorator[StrEnum]):
    """A status as its word; the CHECK beside the column is made by `models.base.status_check`."""

    impl = String(32)
    cache_ok = True

    def __init__(self, kind: type[StrEnum]) -> None:
        """`kind` is the enumeration whose members are allowed."""
        self.kind = kind
        super().__init__()

    def process_bind_param(self, value: StrEnum | str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The word; ValueError for one that the enumeration does not know."""
        return None if value is None else self.kind(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The member."""
        return None if value is None else self.kind(value)
