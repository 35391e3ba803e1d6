"""Owns what servers start: `celery -A pipeline.worker worker`, `… beat`, and the queues a worker reads.

Never: settings; they are in `celeryconfig.py`.
"""

from __future__ import annotations

from pipeline.engine.app import app

__all__ = ["app"]
