"""Owns how old a program may be that works on this database: written by who brought its schema up."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.models.base import Base


class SchemaFloor(Base):
    """The one row: the oldest schema whose program still finds here what it needs."""

    __tablename__ = "schema_floor"
    __table_args__ = (CheckConstraint("id = 1", name="singleton"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False, default=1)
    #: A revision of the migrations: programs that know it may run, older ones may not.
    revision: Mapped[str] = mapped_column(String(32))
