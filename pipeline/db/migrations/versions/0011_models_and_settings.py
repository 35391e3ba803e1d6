"""Models' rules and providers, module switches, preferences.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from pipeline.models.types import BigId, UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_PROVIDERS = ("openai", "anthropic", "runware", "stripe", "paypal", "resend")
_MODULES = "module IN ('planner', 'writer', 'thinker', 'automation')"
_MODEL_CHECKS = {
    "costs": "cost_per_1k_input >= 0 AND cost_per_1k_output >= 0 AND cost_per_image >= 0",
    "testing_or_default": "NOT (is_testing AND is_default)",
    "priced_as_its_type": (
        "(model_type = 'text' OR tokens_per_credit IS NULL) AND (model_type = 'image' OR credits_per_image IS NULL)"
    ),
}


def upgrade() -> None:
    _models()
    _providers()
    _switches()
    _preferences()


def downgrade() -> None:
    for name in ("user_settings", "account_module_switches", "global_module_switches", "integration_providers"):
        op.drop_table(name)
    with op.batch_alter_table("ai_models") as table:
        for name in _MODEL_CHECKS:
            table.drop_constraint(op.f(f"ck_ai_models_{name}"), type_="check")
        table.drop_column("retired_at")


def _models() -> None:
    # What the checks refuse from now on was of no use before: a testing model was never the default,
    # and nothing read a price of the other type.
    op.execute("UPDATE ai_models SET is_default = false WHERE is_testing AND is_default")
    op.execute("UPDATE ai_models SET tokens_per_credit = NULL WHERE model_type = 'image'")
    op.execute("UPDATE ai_models SET credits_per_image = NULL WHERE model_type = 'text'")
    for name in ("cost_per_1k_input", "cost_per_1k_output", "cost_per_image"):
        op.execute(f"UPDATE ai_models SET {name} = NULL WHERE {name} < 0")
    instant = UtcDateTime().compile(op.get_bind().dialect)
    checks = " ".join(f"CONSTRAINT ck_ai_models_{name} CHECK ({rule})" for name, rule in _MODEL_CHECKS.items())
    # In one statement, so that SQLite takes column and checks without a copy of the table.
    op.execute(f"ALTER TABLE ai_models ADD COLUMN retired_at {instant} {checks}")


def _providers() -> None:
    listed = ", ".join(f"'{name}'" for name in _PROVIDERS)
    op.create_table(
        "integration_providers",
        sa.Column("id", BigId, nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("api_key", sa.LargeBinary(), nullable=True),
        sa.Column("base_url", sa.String(2_000), nullable=True),
        sa.Column("is_sandbox", sa.Boolean(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(f"name IN ({listed})", name=op.f("ck_integration_providers_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_integration_providers")),
        sa.UniqueConstraint("name", name=op.f("uq_integration_providers_name")),
    )


def _switches() -> None:
    op.create_table(
        "global_module_switches",
        sa.Column("module", sa.String(16), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.CheckConstraint(_MODULES, name=op.f("ck_global_module_switches_module")),
        sa.PrimaryKeyConstraint("module", name=op.f("pk_global_module_switches")),
    )
    op.create_table(
        "account_module_switches",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("module", sa.String(16), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.CheckConstraint(_MODULES, name=op.f("ck_account_module_switches_module")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_account_module_switches_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_module_switches")),
        sa.UniqueConstraint("account_id", "module", name=op.f("uq_account_module_switches_account_id_module")),
    )


def _preferences() -> None:
    op.create_table(
        "user_settings",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("value", _JSON, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_user_settings_account_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_settings_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_settings")),
        sa.UniqueConstraint("user_id", "key", name=op.f("uq_user_settings_user_id_key")),
    )

