"""Owns Celery's settings: data only. It names no broker: the address comes from `pipeline.config`."""

from __future__ import annotations

from typing import Final

from pipeline.config import config
from pipeline.engine import brokers

_config = config()

# The broker. Plain queue names on the default exchange: they route even after the broker lost all its data.
broker_url = _config.broker_address
broker_connection_retry_on_startup = True
# It is waited for as long as it is away: Celery's default ends the worker after a hundred tries.
broker_connection_max_retries = None
# A broker that refuses a command (its disk is full, it is a replica now) is come back to, like one that is away.
broker_channel_error_retry = True
# How it is waited for, and what kind its queues are, depends on what stands at its address.
globals().update(brokers.settings_of(broker_url, visibility_timeout_seconds=_config.visibility_timeout_seconds))
# A dropped connection must not cut work that runs: its message comes again anyway, and a lane's ticket refuses it.
worker_cancel_long_running_tasks_on_connection_loss = False

# What runs where.
QUEUES: Final = ("control", "local", "text", "image", "publish", "canary")
_BATCH_QUEUES: Final = {
    "keywords_to_clusters": "text",
    "clusters_to_ideas": "text",
    "ideas_to_tasks": "local",
    "tasks_to_content": "text",
    "content_to_prompts": "text",
    "prompts_to_images": "image",
    "review_to_approved": "local",
}
task_default_queue = "control"
task_create_missing_queues = True
task_routes = {
    **{f"stages.{key}.batch": {"queue": queue} for key, queue in _BATCH_QUEUES.items()},
    "stages.*.admit": {"queue": "control"},
    "stages.*.finish": {"queue": "control"},
    "stages.*.batch": {"queue": "local"},
    "publications.*": {"queue": "publish"},
    "sites.*": {"queue": "publish"},
    "deliveries.*": {"queue": "publish"},
    "housekeeping.*": {"queue": "local"},
    "pipeline.canary": {"queue": "canary"},
}
imports = ("pipeline.engine.tasks", _config.stages_module)

# A message is a hint: acknowledged after the work, given back when the work died, never more than what runs.
task_acks_late = True
task_reject_on_worker_lost = True
worker_prefetch_multiplier = 1
task_ignore_result = True
task_store_errors_even_if_ignored = False

# Ids only, as JSON: content never reaches the broker or Flower.
accept_content = ["json"]
task_serializer = "json"
result_serializer = "json"

# What Flower shows.
worker_send_task_events = True
task_send_sent_event = False
task_track_started = False

# Stopping: work that can end within the time ends, the rest goes back to its queue.
worker_soft_shutdown_timeout = _config.soft_shutdown_seconds
worker_enable_soft_shutdown_on_idle = False

# Time and logs.
timezone = "UTC"
enable_utc = True
beat_scheduler = "scheduler.beat:PipelineScheduler"
beat_max_loop_interval = 1
worker_hijack_root_logger = False
worker_redirect_stdouts = False
