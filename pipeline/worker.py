"""Owns what servers start: `celery -A pipeline.worker worker`, `… beat`, and the queues a worker reads.

Never: settings; they are in `celeryconfig.py`.
"""

from __future__ import annotations

from pipeline import logs
from pipeline.config import config
from pipeline.engine.app import app

__all__ = ["app"]

# Before Celery says anything: what it warns of at its start is a log line like every other.
logs.configure_logs(log_format=config().log_format, log_level=config().log_level)
