"""Indexes that nothing reads go: each was written with every row, and another one or an id serves the look-up.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_UNREAD = (
    ("ix_account_settings_account_id", "account_settings", ["account_id"]),
    ("ix_ai_calls_account_id", "ai_calls", ["account_id"]),
    ("ix_audit_events_account_id", "audit_events", ["account_id"]),
    ("ix_clusters_account_id", "clusters", ["account_id"]),
    ("ix_clusters_site_id", "clusters", ["site_id"]),
    ("ix_content_tasks_account_id", "content_tasks", ["account_id"]),
    ("ix_content_tasks_site_id", "content_tasks", ["site_id"]),
    ("ix_contents_account_id", "contents", ["account_id"]),
    ("ix_contents_site_id", "contents", ["site_id"]),
    ("ix_credit_entries_account_id", "credit_entries", ["account_id"]),
    ("ix_decisions_account_id", "decisions", ["account_id"]),
    ("ix_deliveries_account_id", "deliveries", ["account_id"]),
    ("ix_ideas_account_id", "ideas", ["account_id"]),
    ("ix_ideas_site_id", "ideas", ["site_id"]),
    ("ix_idempotency_keys_account_id", "idempotency_keys", ["account_id"]),
    ("ix_igny8_site_ai_automation_settings_account_id", "igny8_site_ai_automation_settings", ["account_id"]),
    ("ix_igny8_site_ai_automation_settings_site_id", "igny8_site_ai_automation_settings", ["site_id"]),
    ("ix_image_prompts_account_id", "image_prompts", ["account_id"]),
    ("ix_image_prompts_content_id", "image_prompts", ["content_id"]),
    ("ix_image_prompts_site_id", "image_prompts", ["site_id"]),
    ("ix_images_account_id", "images", ["account_id"]),
    ("ix_images_site_id", "images", ["site_id"]),
    ("ix_keywords_account_id", "keywords", ["account_id"]),
    ("ix_keywords_site_id", "keywords", ["site_id"]),
    ("ix_publications_account_id", "publications", ["account_id"]),
    ("ix_runs_account_id", "runs", ["account_id"]),
    ("ix_runs_site_id", "runs", ["site_id"]),
    ("ix_sites_account_id", "sites", ["account_id"]),
    ("ix_sync_events_account_id", "sync_events", ["account_id"]),
    ("ix_undo_records_account_id", "undo_records", ["account_id"]),
    ("ix_webhooks_account_id", "webhooks", ["account_id"]),
)
_LISTED = (
    ("ix_audit_events_account_id_id", "audit_events", ["account_id", "id"]),
    ("ix_credit_entries_account_id_id", "credit_entries", ["account_id", "id"]),
    ("ix_runs_account_id_id", "runs", ["account_id", "id"]),
)


def upgrade() -> None:
    for name, table, columns in _LISTED:
        op.create_index(name, table, columns)
    for name, table, _ in _UNREAD:
        op.drop_index(name, table_name=table)


def downgrade() -> None:
    for name, table, columns in _UNREAD:
        op.create_index(name, table, columns)
    for name, table, _ in _LISTED:
        op.drop_index(name, table_name=table)
