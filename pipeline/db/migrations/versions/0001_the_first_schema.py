"""the first schema"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
import pipeline.models.types


revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
   
    op.create_table('accounts',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('balance', sa.BigInteger(), nullable=False),
    sa.Column('held', sa.BigInteger(), nullable=False),
    sa.Column('created_at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.CheckConstraint('balance >= 0', name=op.f('ck_accounts_balance')),
    sa.CheckConstraint('held >= 0', name=op.f('ck_accounts_held')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_accounts')),
    sa.UniqueConstraint('name', name=op.f('uq_accounts_name'))
    )
    op.create_table('ai_models',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('display_name', sa.String(length=200), nullable=False),
    sa.Column('provider', sa.String(length=32), nullable=False),
    sa.Column('model_type', sa.String(length=8), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('is_testing', sa.Boolean(), nullable=False),
    sa.Column('is_default', sa.Boolean(), nullable=False),
    sa.Column('is_free', sa.Boolean(), nullable=False),
    sa.Column('cost_per_1k_input', sa.Numeric(precision=18, scale=9), nullable=True),
    sa.Column('cost_per_1k_output', sa.Numeric(precision=18, scale=9), nullable=True),
    sa.Column('cost_per_image', sa.Numeric(precision=18, scale=9), nullable=True),
    sa.Column('tokens_per_credit', sa.Integer(), nullable=True),
    sa.Column('credits_per_image', sa.Integer(), nullable=True),
    sa.Column('image_prices', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.CheckConstraint("model_type IN ('text', 'image')", name=op.f('ck_ai_models_model_type')),
    sa.CheckConstraint('credits_per_image >= 0', name=op.f('ck_ai_models_credits_per_image')),
    sa.CheckConstraint('tokens_per_credit > 0', name=op.f('ck_ai_models_tokens_per_credit')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ai_models')),
    sa.UniqueConstraint('name', name=op.f('uq_ai_models_name'))
    )
    with op.batch_alter_table('ai_models', schema=None) as batch_op:
        batch_op.create_index('uq_ai_models_live', ['model_type'], unique=True, sqlite_where=sa.text('is_default AND is_active AND NOT is_testing'), postgresql_where=sa.text('is_default AND is_active AND NOT is_testing'))
        batch_op.create_index('uq_ai_models_testing', ['model_type'], unique=True, sqlite_where=sa.text('is_testing AND is_active'), postgresql_where=sa.text('is_testing AND is_active'))

    op.create_table('beat_claims',
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('due_at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('name', 'due_at', name=op.f('pk_beat_claims'))
    )
    op.create_table('heartbeats',
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.Column('details', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_heartbeats'))
    )
    op.create_table('system_ai_settings',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('temperature', sa.Float(), nullable=False),
    sa.Column('max_tokens', sa.Integer(), nullable=False),
    sa.Column('image_style', sa.String(length=100), nullable=False),
    sa.Column('image_quality', sa.String(length=50), nullable=False),
    sa.Column('credit_value_usd', sa.Numeric(precision=12, scale=6), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_system_ai_settings_singleton')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_system_ai_settings'))
    )
    op.create_table('account_settings',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('key', sa.String(length=100), nullable=False),
    sa.Column('value', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_account_settings_account_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_account_settings')),
    sa.UniqueConstraint('account_id', 'key', name=op.f('uq_account_settings_account_id_key'))
    )
    with op.batch_alter_table('account_settings', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_account_settings_account_id'), ['account_id'], unique=False)

    op.create_table('audit_events',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('actor', sa.String(length=200), nullable=False),
    sa.Column('action', sa.String(length=64), nullable=False),
    sa.Column('subject_kind', sa.String(length=32), nullable=False),
    sa.Column('subject_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('details', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_audit_events_account_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_events'))
    )
    with op.batch_alter_table('audit_events', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_audit_events_account_id'), ['account_id'], unique=False)
        batch_op.create_index('ix_audit_events_subject', ['subject_kind', 'subject_id'], unique=False)

    op.create_table('sites',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('target', sa.String(length=16), nullable=False),
    sa.Column('url', sa.String(length=2000), nullable=True),
    sa.Column('username', sa.String(length=200), nullable=True),
    sa.Column('credentials', sa.LargeBinary(), nullable=True),
    sa.Column('timezone', sa.String(length=64), nullable=False),
    sa.Column('sync_status', sa.String(length=16), nullable=False),
    sa.Column('last_sync_at', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.Column('created_at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.CheckConstraint("sync_status IN ('never', 'ok', 'drifted', 'failing')", name=op.f('ck_sites_sync_status')),
    sa.CheckConstraint("target IN ('folder', 'site', 'webhook')", name=op.f('ck_sites_target')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_sites_account_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sites'))
    )
    with op.batch_alter_table('sites', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sites_account_id'), ['account_id'], unique=False)
        batch_op.create_index('uq_sites_account_id_name', ['account_id', 'name'], unique=True)

    op.create_table('users',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('email', sa.String(length=254), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('role', sa.String(length=16), nullable=False),
    sa.Column('created_at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.CheckConstraint("role IN ('owner', 'editor', 'viewer')", name=op.f('ck_users_role')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_users_account_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_users')),
    sa.UniqueConstraint('email', name=op.f('uq_users_email'))
    )
    with op.batch_alter_table('users', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_users_account_id'), ['account_id'], unique=False)

    op.create_table('clusters',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('site_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('normalised', sa.String(length=400), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('status', sa.String(length=32), nullable=False),
    sa.Column('times_tried', sa.Integer(), nullable=False),
    sa.Column('created_at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.CheckConstraint("status IN ('new', 'planned', 'needs_attention')", name=op.f('ck_clusters_status')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_clusters_account_id')),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_clusters_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_clusters')),
    sa.UniqueConstraint('site_id', 'normalised', name=op.f('uq_clusters_site_id_normalised'))
    )
    with op.batch_alter_table('clusters', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_clusters_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_clusters_site_id'), ['site_id'], unique=False)
        batch_op.create_index('ix_clusters_waiting', ['site_id', 'status', 'times_tried', 'id'], unique=False)

    op.create_table('igny8_site_ai_automation_settings',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('site_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('automation_enabled', sa.Boolean(), nullable=False),
    sa.Column('automation_frequency', sa.String(length=20), nullable=False),
    sa.Column('automation_time', sa.String(length=5), nullable=False),
    sa.Column('automation_weekday', sa.String(length=3), nullable=False),
    sa.Column('automation_overlap', sa.String(length=8), nullable=False),
    sa.Column('automation_jitter_minutes', sa.Integer(), nullable=False),
    sa.Column('automation_pause_after_failures', sa.Integer(), nullable=False),
    sa.Column('stage_config', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('within_stage_delay', sa.Integer(), nullable=False),
    sa.Column('between_stage_delay', sa.Integer(), nullable=False),
    sa.Column('auto_approval_enabled', sa.Boolean(), nullable=False),
    sa.Column('auto_publish_enabled', sa.Boolean(), nullable=False),
    sa.Column('publish_days', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('publish_time_slots', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('skip_dates', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('ai_temperature', sa.Float(), nullable=True),
    sa.Column('ai_max_tokens', sa.Integer(), nullable=True),
    sa.Column('ai_image_style', sa.String(length=100), nullable=True),
    sa.Column('ai_image_quality', sa.String(length=50), nullable=True),
    sa.Column('content_language', sa.String(length=35), nullable=False),
    sa.Column('content_audience', sa.String(length=500), nullable=True),
    sa.Column('content_tone', sa.String(length=200), nullable=True),
    sa.Column('content_author_profile', sa.String(length=2000), nullable=True),
    sa.Column('content_ideas_per_cluster', sa.Integer(), nullable=False),
    sa.Column('content_in_article_images', sa.Integer(), nullable=False),
    sa.Column('next_run_at', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('updated_at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.CheckConstraint("automation_frequency IN ('hourly', 'daily', 'weekly')", name=op.f('ck_igny8_site_ai_automation_settings_automation_frequency')),
    sa.CheckConstraint("automation_overlap IN ('skip', 'queue')", name=op.f('ck_igny8_site_ai_automation_settings_automation_overlap')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_igny8_site_ai_automation_settings_account_id')),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_igny8_site_ai_automation_settings_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_igny8_site_ai_automation_settings')),
    sa.UniqueConstraint('site_id', name=op.f('uq_igny8_site_ai_automation_settings_site_id'))
    )
    with op.batch_alter_table('igny8_site_ai_automation_settings', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_igny8_site_ai_automation_settings_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_igny8_site_ai_automation_settings_site_id'), ['site_id'], unique=False)
        batch_op.create_index('ix_site_settings_next_run_at', ['next_run_at'], unique=False, sqlite_where=sa.text('next_run_at IS NOT NULL'), postgresql_where=sa.text('next_run_at IS NOT NULL'))

    op.create_table('runs',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('site_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('status', sa.String(length=32), nullable=False),
    sa.Column('origin', sa.String(length=16), nullable=False),
    sa.Column('scheduled_for', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.Column('retry_of', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('settings', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('prices', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('available', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('created_at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.Column('started_at', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.Column('finished_at', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.CheckConstraint("origin IN ('manual', 'scheduled', 'retry')", name=op.f('ck_runs_origin')),
    sa.CheckConstraint("status IN ('queued', 'running', 'paused', 'cancelling', 'completed', 'completed_with_errors', 'budget_exhausted', 'provider_unavailable', 'account_exhausted', 'failed', 'cancelled')", name=op.f('ck_runs_status')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_runs_account_id')),
    sa.ForeignKeyConstraint(['retry_of'], ['runs.id'], name=op.f('fk_runs_retry_of')),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_runs_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_runs')),
    sa.UniqueConstraint('site_id', 'scheduled_for', name=op.f('uq_runs_site_id_scheduled_for'))
    )
    with op.batch_alter_table('runs', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_runs_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_runs_site_id'), ['site_id'], unique=False)
        batch_op.create_index('uq_runs_live', ['site_id'], unique=True, sqlite_where=sa.text("status IN ('queued', 'running', 'paused', 'cancelling')"), postgresql_where=sa.text("status IN ('queued', 'running', 'paused', 'cancelling')"))

    op.create_table('site_calendars',
    sa.Column('site_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('zone', sa.String(length=64), nullable=False),
    sa.Column('tzdata', sa.String(length=32), nullable=False),
    sa.Column('days', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('time_slots', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('skip_dates', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('refilled_to', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_site_calendars_site_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('site_id', name=op.f('pk_site_calendars'))
    )
    op.create_table('decisions',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('site_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('scheduled_for', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.Column('run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.CheckConstraint("kind IN ('started', 'skipped', 'missed')", name=op.f('ck_decisions_kind')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_decisions_account_id')),
    sa.ForeignKeyConstraint(['run_id'], ['runs.id'], name=op.f('fk_decisions_run_id')),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_decisions_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_decisions'))
    )
    with op.batch_alter_table('decisions', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_decisions_account_id'), ['account_id'], unique=False)
        batch_op.create_index('ix_decisions_site_id_at', ['site_id', 'at'], unique=False)

    op.create_table('ideas',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('site_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('cluster_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('title', sa.String(length=300), nullable=False),
    sa.Column('normalised_title', sa.String(length=600), nullable=False),
    sa.Column('angle', sa.Text(), nullable=False),
    sa.Column('outline', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('status', sa.String(length=32), nullable=False),
    sa.Column('times_tried', sa.Integer(), nullable=False),
    sa.Column('created_at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.CheckConstraint("status IN ('new', 'queued', 'needs_attention')", name=op.f('ck_ideas_status')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_ideas_account_id')),
    sa.ForeignKeyConstraint(['cluster_id'], ['clusters.id'], name=op.f('fk_ideas_cluster_id')),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_ideas_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ideas')),
    sa.UniqueConstraint('site_id', 'normalised_title', name=op.f('uq_ideas_site_id_normalised_title'))
    )
    with op.batch_alter_table('ideas', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_ideas_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_ideas_cluster_id'), ['cluster_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_ideas_site_id'), ['site_id'], unique=False)
        batch_op.create_index('ix_ideas_waiting', ['site_id', 'status', 'times_tried', 'id'], unique=False)

    op.create_table('keywords',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('site_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('text', sa.String(length=200), nullable=False),
    sa.Column('normalised', sa.String(length=400), nullable=False),
    sa.Column('volume', sa.BigInteger(), nullable=True),
    sa.Column('difficulty', sa.Integer(), nullable=True),
    sa.Column('intent', sa.String(length=100), nullable=True),
    sa.Column('country', sa.String(length=64), nullable=True),
    sa.Column('cluster_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('status', sa.String(length=32), nullable=False),
    sa.Column('times_tried', sa.Integer(), nullable=False),
    sa.Column('created_at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.CheckConstraint("status IN ('new', 'clustered', 'needs_attention')", name=op.f('ck_keywords_status')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_keywords_account_id')),
    sa.ForeignKeyConstraint(['cluster_id'], ['clusters.id'], name=op.f('fk_keywords_cluster_id')),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_keywords_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_keywords')),
    sa.UniqueConstraint('site_id', 'normalised', name=op.f('uq_keywords_site_id_normalised'))
    )
    with op.batch_alter_table('keywords', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_keywords_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_keywords_cluster_id'), ['cluster_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_keywords_site_id'), ['site_id'], unique=False)
        batch_op.create_index('ix_keywords_waiting', ['site_id', 'status', 'times_tried', 'id'], unique=False)

    op.create_table('stage_runs',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=32), nullable=False),
    sa.Column('status', sa.String(length=32), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('ending', sa.String(length=32), nullable=True),
    sa.Column('open_lanes', sa.Integer(), nullable=False),
    sa.Column('due_at', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.Column('sends', sa.Integer(), nullable=False),
    sa.Column('cap', sa.BigInteger(), nullable=False),
    sa.Column('spent', sa.BigInteger(), nullable=False),
    sa.Column('held', sa.BigInteger(), nullable=False),
    sa.Column('lost', sa.BigInteger(), nullable=False),
    sa.Column('unavailable_since', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.Column('admitted_at', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.Column('finished_at', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.CheckConstraint("status IN ('pending', 'running', 'completed', 'completed_with_errors', 'skipped', 'budget_exhausted', 'provider_unavailable', 'account_exhausted', 'failed', 'cancelled')", name=op.f('ck_stage_runs_status')),
    sa.CheckConstraint('held >= 0', name=op.f('ck_stage_runs_held')),
    sa.CheckConstraint('open_lanes >= 0', name=op.f('ck_stage_runs_open_lanes')),
    sa.CheckConstraint('spent + held + lost <= cap', name=op.f('ck_stage_runs_cap')),
    sa.ForeignKeyConstraint(['run_id'], ['runs.id'], name=op.f('fk_stage_runs_run_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stage_runs')),
    sa.UniqueConstraint('run_id', 'number', name=op.f('uq_stage_runs_run_id_number')),
    postgresql_with={'fillfactor': 60}
    )
    with op.batch_alter_table('stage_runs', schema=None) as batch_op:
        batch_op.create_index('ix_stage_runs_due_at', ['due_at'], unique=False, sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'))

    op.create_table('ai_calls',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('stage_run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('key', sa.String(length=64), nullable=False),
    sa.Column('step', sa.String(length=16), nullable=False),
    sa.Column('lane', sa.Integer(), nullable=False),
    sa.Column('status', sa.String(length=32), nullable=False),
    sa.Column('held_amount', sa.BigInteger(), nullable=False),
    sa.Column('charged_amount', sa.BigInteger(), nullable=False),
    sa.Column('cost_picodollars', sa.BigInteger(), nullable=False),
    sa.Column('price', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('parameters', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('input_tokens', sa.Integer(), nullable=True),
    sa.Column('output_tokens', sa.Integer(), nullable=True),
    sa.Column('answer', sa.Text(), nullable=True),
    sa.Column('flags', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('created_at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.Column('resolved_at', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.CheckConstraint("(status = 'settled') = (answer IS NOT NULL)", name=op.f('ck_ai_calls_answer')),
    sa.CheckConstraint("status IN ('reserved', 'dispatched', 'settled', 'voided', 'lost')", name=op.f('ck_ai_calls_status')),
    sa.CheckConstraint('charged_amount >= 0 AND charged_amount <= held_amount', name=op.f('ck_ai_calls_charged')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_ai_calls_account_id')),
    sa.ForeignKeyConstraint(['stage_run_id'], ['stage_runs.id'], name=op.f('fk_ai_calls_stage_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ai_calls'))
    )
    with op.batch_alter_table('ai_calls', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_ai_calls_account_id'), ['account_id'], unique=False)
        batch_op.create_index('ix_ai_calls_open', ['stage_run_id', 'lane'], unique=False, sqlite_where=sa.text("status IN ('reserved', 'dispatched')"), postgresql_where=sa.text("status IN ('reserved', 'dispatched')"))
        batch_op.create_index('ix_ai_calls_stage_run_id', ['stage_run_id'], unique=False)
        batch_op.create_index('uq_ai_calls_key', ['key'], unique=True, sqlite_where=sa.text("status = 'settled'"), postgresql_where=sa.text("status = 'settled'"))

    op.create_table('content_tasks',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('site_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('idea_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('title', sa.String(length=300), nullable=False),
    sa.Column('status', sa.String(length=32), nullable=False),
    sa.Column('times_tried', sa.Integer(), nullable=False),
    sa.Column('created_at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.CheckConstraint("status IN ('queued', 'written', 'needs_attention')", name=op.f('ck_content_tasks_status')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_content_tasks_account_id')),
    sa.ForeignKeyConstraint(['idea_id'], ['ideas.id'], name=op.f('fk_content_tasks_idea_id')),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_content_tasks_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_content_tasks')),
    sa.UniqueConstraint('idea_id', name=op.f('uq_content_tasks_idea_id'))
    )
    with op.batch_alter_table('content_tasks', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_content_tasks_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_content_tasks_site_id'), ['site_id'], unique=False)
        batch_op.create_index('ix_content_tasks_waiting', ['site_id', 'status', 'times_tried', 'id'], unique=False)

    op.create_table('idea_keywords',
    sa.Column('idea_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('keyword_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.ForeignKeyConstraint(['idea_id'], ['ideas.id'], name=op.f('fk_idea_keywords_idea_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['keyword_id'], ['keywords.id'], name=op.f('fk_idea_keywords_keyword_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('idea_id', 'keyword_id', name=op.f('pk_idea_keywords'))
    )
    with op.batch_alter_table('idea_keywords', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_idea_keywords_keyword_id'), ['keyword_id'], unique=False)

    op.create_table('lanes',
    sa.Column('stage_run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('status', sa.String(length=32), nullable=False),
    sa.Column('ticket', sa.Integer(), nullable=False),
    sa.Column('lease_until', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.Column('due_at', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.Column('sends', sa.Integer(), nullable=False),
    sa.Column('batch_done', sa.Integer(), nullable=False),
    sa.CheckConstraint("(status = 'open') = (due_at IS NOT NULL)", name=op.f('ck_lanes_due_at')),
    sa.CheckConstraint("status IN ('open', 'closed')", name=op.f('ck_lanes_status')),
    sa.ForeignKeyConstraint(['stage_run_id'], ['stage_runs.id'], name=op.f('fk_lanes_stage_run_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('stage_run_id', 'number', name=op.f('pk_lanes')),
    postgresql_with={'fillfactor': 60}
    )
    with op.batch_alter_table('lanes', schema=None) as batch_op:
        batch_op.create_index('ix_lanes_due_at', ['due_at'], unique=False, sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'))

    op.create_table('stage_items',
    sa.Column('stage_run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('subject_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('status', sa.String(length=32), nullable=False),
    sa.Column('lane', sa.Integer(), nullable=True),
    sa.Column('ticket', sa.Integer(), nullable=True),
    sa.Column('batch', sa.Integer(), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('strikes', sa.Integer(), nullable=False),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('credits', sa.BigInteger(), nullable=False),
    sa.Column('produced', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=True),
    sa.CheckConstraint("status IN ('pending', 'leased', 'done', 'skipped', 'released', 'failed')", name=op.f('ck_stage_items_status')),
    sa.ForeignKeyConstraint(['stage_run_id'], ['stage_runs.id'], name=op.f('fk_stage_items_stage_run_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('stage_run_id', 'position', name=op.f('pk_stage_items')),
    sa.UniqueConstraint('stage_run_id', 'subject_id', name=op.f('uq_stage_items_stage_run_id_subject_id')),
    postgresql_with={'fillfactor': 60}
    )
    op.create_table('contents',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('site_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('content_task_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('title', sa.String(length=300), nullable=False),
    sa.Column('normalised_title', sa.String(length=600), nullable=False),
    sa.Column('slug', sa.String(length=200), nullable=False),
    sa.Column('meta_title', sa.String(length=300), nullable=False),
    sa.Column('meta_description', sa.String(length=500), nullable=False),
    sa.Column('excerpt', sa.Text(), nullable=False),
    sa.Column('body_html', sa.Text(), nullable=False),
    sa.Column('tags', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('word_count', sa.Integer(), nullable=False),
    sa.Column('status', sa.String(length=32), nullable=False),
    sa.Column('images_missing', sa.Boolean(), nullable=False),
    sa.Column('approved_at', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.Column('held_back', sa.Boolean(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('times_tried', sa.Integer(), nullable=False),
    sa.Column('created_at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.CheckConstraint("status IN ('draft', 'images', 'review', 'approved', 'scheduled', 'ready', 'publishing', 'published', 'rejected', 'needs_attention')", name=op.f('ck_contents_status')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_contents_account_id')),
    sa.ForeignKeyConstraint(['content_task_id'], ['content_tasks.id'], name=op.f('fk_contents_content_task_id')),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_contents_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contents')),
    sa.UniqueConstraint('content_task_id', name=op.f('uq_contents_content_task_id')),
    sa.UniqueConstraint('site_id', 'normalised_title', name=op.f('uq_contents_site_id_normalised_title')),
    sa.UniqueConstraint('site_id', 'slug', name=op.f('uq_contents_site_id_slug'))
    )
    with op.batch_alter_table('contents', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_contents_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_contents_site_id'), ['site_id'], unique=False)
        batch_op.create_index('ix_contents_to_schedule', ['site_id', 'approved_at', 'id'], unique=False, sqlite_where=sa.text("status = 'approved'"), postgresql_where=sa.text("status = 'approved'"))
        batch_op.create_index('ix_contents_waiting', ['site_id', 'status', 'times_tried', 'id'], unique=False)

    op.create_table('credit_entries',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('key', sa.String(length=100), nullable=False),
    sa.Column('call_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('created_at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.CheckConstraint("kind IN ('grant', 'purchase', 'charge', 'refund', 'adjustment')", name=op.f('ck_credit_entries_kind')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_credit_entries_account_id')),
    sa.ForeignKeyConstraint(['call_id'], ['ai_calls.id'], name=op.f('fk_credit_entries_call_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_credit_entries')),
    sa.UniqueConstraint('key', name=op.f('uq_credit_entries_key'))
    )
    with op.batch_alter_table('credit_entries', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_credit_entries_account_id'), ['account_id'], unique=False)

    op.create_table('calendar_slots',
    sa.Column('site_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('slot_at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.Column('content_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('local_date', sa.Date(), nullable=False),
    sa.Column('local_time', sa.String(length=5), nullable=False),
    sa.Column('pinned', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['content_id'], ['contents.id'], name=op.f('fk_calendar_slots_content_id')),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_calendar_slots_site_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('site_id', 'slot_at', name=op.f('pk_calendar_slots')),
    sa.UniqueConstraint('content_id', name=op.f('uq_calendar_slots_content_id'))
    )
    with op.batch_alter_table('calendar_slots', schema=None) as batch_op:
        batch_op.create_index('ix_calendar_slots_free', ['site_id', 'slot_at'], unique=False, sqlite_where=sa.text('content_id IS NULL'), postgresql_where=sa.text('content_id IS NULL'))

    op.create_table('image_prompts',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('site_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('content_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('place', sa.String(length=300), nullable=False),
    sa.Column('prompt', sa.Text(), nullable=False),
    sa.Column('alt_text', sa.String(length=300), nullable=False),
    sa.Column('status', sa.String(length=32), nullable=False),
    sa.Column('times_tried', sa.Integer(), nullable=False),
    sa.Column('created_at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.CheckConstraint("status IN ('new', 'done', 'failed')", name=op.f('ck_image_prompts_status')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_image_prompts_account_id')),
    sa.ForeignKeyConstraint(['content_id'], ['contents.id'], name=op.f('fk_image_prompts_content_id')),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_image_prompts_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_image_prompts')),
    sa.UniqueConstraint('content_id', 'position', name=op.f('uq_image_prompts_content_id_position'))
    )
    with op.batch_alter_table('image_prompts', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_image_prompts_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_image_prompts_content_id'), ['content_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_image_prompts_site_id'), ['site_id'], unique=False)
        batch_op.create_index('ix_image_prompts_waiting', ['site_id', 'status', 'times_tried', 'id'], unique=False)

    op.create_table('publications',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('site_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('content_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('status', sa.String(length=32), nullable=False),
    sa.Column('slot_at', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.Column('due_at', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.Column('sends', sa.Integer(), nullable=False),
    sa.Column('ticket', sa.Integer(), nullable=False),
    sa.Column('lease_until', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('remote_id', sa.String(length=200), nullable=True),
    sa.Column('remote_url', sa.String(length=2000), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('published_at', pipeline.models.types.UtcDateTime(), nullable=True),
    sa.Column('created_at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.CheckConstraint("status IN ('planned', 'drafting', 'drafted', 'publishing', 'published', 'missed', 'needs_attention', 'withdrawn')", name=op.f('ck_publications_status')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_publications_account_id')),
    sa.ForeignKeyConstraint(['content_id'], ['contents.id'], name=op.f('fk_publications_content_id')),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_publications_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_publications')),
    sa.UniqueConstraint('content_id', name=op.f('uq_publications_content_id'))
    )
    with op.batch_alter_table('publications', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_publications_account_id'), ['account_id'], unique=False)
        batch_op.create_index('ix_publications_due_at', ['due_at'], unique=False, sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'))
        batch_op.create_index(batch_op.f('ix_publications_site_id'), ['site_id'], unique=False)

    op.create_table('images',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('site_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('content_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('image_prompt_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('mime', sa.String(length=32), nullable=False),
    sa.Column('width', sa.Integer(), nullable=False),
    sa.Column('height', sa.Integer(), nullable=False),
    sa.Column('alt_text', sa.String(length=300), nullable=False),
    sa.Column('created_at', pipeline.models.types.UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_images_account_id')),
    sa.ForeignKeyConstraint(['content_id'], ['contents.id'], name=op.f('fk_images_content_id')),
    sa.ForeignKeyConstraint(['image_prompt_id'], ['image_prompts.id'], name=op.f('fk_images_image_prompt_id')),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_images_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_images')),
    sa.UniqueConstraint('image_prompt_id', name=op.f('uq_images_image_prompt_id'))
    )
    with op.batch_alter_table('images', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_images_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_images_content_id'), ['content_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_images_site_id'), ['site_id'], unique=False)




def downgrade() -> None:
   
    with op.batch_alter_table('images', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_images_site_id'))
        batch_op.drop_index(batch_op.f('ix_images_content_id'))
        batch_op.drop_index(batch_op.f('ix_images_account_id'))

    op.drop_table('images')
    with op.batch_alter_table('publications', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_publications_site_id'))
        batch_op.drop_index('ix_publications_due_at', sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'))
        batch_op.drop_index(batch_op.f('ix_publications_account_id'))

    op.drop_table('publications')
    with op.batch_alter_table('image_prompts', schema=None) as batch_op:
        batch_op.drop_index('ix_image_prompts_waiting')
        batch_op.drop_index(batch_op.f('ix_image_prompts_site_id'))
        batch_op.drop_index(batch_op.f('ix_image_prompts_content_id'))
        batch_op.drop_index(batch_op.f('ix_image_prompts_account_id'))

    op.drop_table('image_prompts')
    with op.batch_alter_table('calendar_slots', schema=None) as batch_op:
        batch_op.drop_index('ix_calendar_slots_free', sqlite_where=sa.text('content_id IS NULL'), postgresql_where=sa.text('content_id IS NULL'))

    op.drop_table('calendar_slots')
    with op.batch_alter_table('credit_entries', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_credit_entries_account_id'))

    op.drop_table('credit_entries')
    with op.batch_alter_table('contents', schema=None) as batch_op:
        batch_op.drop_index('ix_contents_waiting')
        batch_op.drop_index('ix_contents_to_schedule', sqlite_where=sa.text("status = 'approved'"), postgresql_where=sa.text("status = 'approved'"))
        batch_op.drop_index(batch_op.f('ix_contents_site_id'))
        batch_op.drop_index(batch_op.f('ix_contents_account_id'))

    op.drop_table('contents')
    op.drop_table('stage_items')
    with op.batch_alter_table('lanes', schema=None) as batch_op:
        batch_op.drop_index('ix_lanes_due_at', sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'))

    op.drop_table('lanes')
    with op.batch_alter_table('idea_keywords', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_idea_keywords_keyword_id'))

    op.drop_table('idea_keywords')
    with op.batch_alter_table('content_tasks', schema=None) as batch_op:
        batch_op.drop_index('ix_content_tasks_waiting')
        batch_op.drop_index(batch_op.f('ix_content_tasks_site_id'))
        batch_op.drop_index(batch_op.f('ix_content_tasks_account_id'))

    op.drop_table('content_tasks')
    with op.batch_alter_table('ai_calls', schema=None) as batch_op:
        batch_op.drop_index('uq_ai_calls_key', sqlite_where=sa.text("status = 'settled'"), postgresql_where=sa.text("status = 'settled'"))
        batch_op.drop_index('ix_ai_calls_stage_run_id')
        batch_op.drop_index('ix_ai_calls_open', sqlite_where=sa.text("status IN ('reserved', 'dispatched')"), postgresql_where=sa.text("status IN ('reserved', 'dispatched')"))
        batch_op.drop_index(batch_op.f('ix_ai_calls_account_id'))

    op.drop_table('ai_calls')
    with op.batch_alter_table('stage_runs', schema=None) as batch_op:
        batch_op.drop_index('ix_stage_runs_due_at', sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'))

    op.drop_table('stage_runs')
    with op.batch_alter_table('keywords', schema=None) as batch_op:
        batch_op.drop_index('ix_keywords_waiting')
        batch_op.drop_index(batch_op.f('ix_keywords_site_id'))
        batch_op.drop_index(batch_op.f('ix_keywords_cluster_id'))
        batch_op.drop_index(batch_op.f('ix_keywords_account_id'))

    op.drop_table('keywords')
    with op.batch_alter_table('ideas', schema=None) as batch_op:
        batch_op.drop_index('ix_ideas_waiting')
        batch_op.drop_index(batch_op.f('ix_ideas_site_id'))
        batch_op.drop_index(batch_op.f('ix_ideas_cluster_id'))
        batch_op.drop_index(batch_op.f('ix_ideas_account_id'))

    op.drop_table('ideas')
    with op.batch_alter_table('decisions', schema=None) as batch_op:
        batch_op.drop_index('ix_decisions_site_id_at')
        batch_op.drop_index(batch_op.f('ix_decisions_account_id'))

    op.drop_table('decisions')
    op.drop_table('site_calendars')
    with op.batch_alter_table('runs', schema=None) as batch_op:
        batch_op.drop_index('uq_runs_live', sqlite_where=sa.text("status IN ('queued', 'running', 'paused', 'cancelling')"), postgresql_where=sa.text("status IN ('queued', 'running', 'paused', 'cancelling')"))
        batch_op.drop_index(batch_op.f('ix_runs_site_id'))
        batch_op.drop_index(batch_op.f('ix_runs_account_id'))

    op.drop_table('runs')
    with op.batch_alter_table('igny8_site_ai_automation_settings', schema=None) as batch_op:
        batch_op.drop_index('ix_site_settings_next_run_at', sqlite_where=sa.text('next_run_at IS NOT NULL'), postgresql_where=sa.text('next_run_at IS NOT NULL'))
        batch_op.drop_index(batch_op.f('ix_igny8_site_ai_automation_settings_site_id'))
        batch_op.drop_index(batch_op.f('ix_igny8_site_ai_automation_settings_account_id'))

    op.drop_table('igny8_site_ai_automation_settings')
    with op.batch_alter_table('clusters', schema=None) as batch_op:
        batch_op.drop_index('ix_clusters_waiting')
        batch_op.drop_index(batch_op.f('ix_clusters_site_id'))
        batch_op.drop_index(batch_op.f('ix_clusters_account_id'))

    op.drop_table('clusters')
    with op.batch_alter_table('users', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_users_account_id'))

    op.drop_table('users')
    with op.batch_alter_table('sites', schema=None) as batch_op:
        batch_op.drop_index('uq_sites_account_id_name')
        batch_op.drop_index(batch_op.f('ix_sites_account_id'))

    op.drop_table('sites')
    with op.batch_alter_table('audit_events', schema=None) as batch_op:
        batch_op.drop_index('ix_audit_events_subject')
        batch_op.drop_index(batch_op.f('ix_audit_events_account_id'))

    op.drop_table('audit_events')
    with op.batch_alter_table('account_settings', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_account_settings_account_id'))

    op.drop_table('account_settings')
    op.drop_table('system_ai_settings')
    op.drop_table('heartbeats')
    op.drop_table('beat_claims')
    with op.batch_alter_table('ai_models', schema=None) as batch_op:
        batch_op.drop_index('uq_ai_models_testing', sqlite_where=sa.text('is_testing AND is_active'), postgresql_where=sa.text('is_testing AND is_active'))
        batch_op.drop_index('uq_ai_models_live', sqlite_where=sa.text('is_default AND is_active AND NOT is_testing'), postgresql_where=sa.text('is_default AND is_active AND NOT is_testing'))

    op.drop_table('ai_models')
    op.drop_table('accounts')

