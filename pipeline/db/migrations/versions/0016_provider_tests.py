"""A call that tests a provider belongs to no stage run.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_CHECK: Final = "ck_ai_calls_test"
_TEST: Final = "(step = 'test') = (stage_run_id IS NULL)"
#: As SQLite keeps the column and the check.
_REQUIRED, _OPTIONAL = "stage_run_id INTEGER NOT NULL", "stage_run_id INTEGER"
_CHECKED: Final = f"CONSTRAINT {_CHECK} CHECK ({_TEST})"
#: A check that the table has from the beginning: the new one is written in front of it.
_NEIGHBOUR: Final = "CONSTRAINT ck_ai_calls_answer"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rewrite((_REQUIRED, _OPTIONAL), (_NEIGHBOUR, f"{_CHECKED}, {_NEIGHBOUR}"))
        return
    op.alter_column("ai_calls", "stage_run_id", existing_type=sa.BigInteger(), nullable=True)
    op.create_check_constraint(op.f(_CHECK), "ai_calls", _TEST)


def downgrade() -> None:
    op.execute("DELETE FROM ai_calls WHERE step = 'test'")
    if op.get_bind().dialect.name == "sqlite":
        _rewrite((_OPTIONAL, _REQUIRED), (f"{_CHECKED}, {_NEIGHBOUR}", _NEIGHBOUR))
        return
    op.drop_constraint(op.f(_CHECK), "ai_calls", type_="check")
    op.alter_column("ai_calls", "stage_run_id", existing_type=sa.BigInteger(), nullable=False)


def _rewrite(*changes: tuple[str, str]) -> None:
    """SQLite's own way to change a table in place, which its entries point at (see 0008)."""
    bind = op.get_bind()
    version = bind.exec_driver_sql("PRAGMA schema_version").scalar_one()
    bind.exec_driver_sql("PRAGMA writable_schema = ON")
    for old, new in changes:
        bind.exec_driver_sql(
            "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'ai_calls'", (old, new)
        )
    bind.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    bind.exec_driver_sql("PRAGMA writable_schema = OFF")
