"""Owns where pages lead to Flower: only whoever runs the installation is led there."""

from __future__ import annotations

from pipeline.config import config
from pipeline.core.roles import Role, includes
from pipeline.models import Run
from pipeline.web.pages.views import View


def flower(view: View) -> str | None:
    """Where Flower is, for whoever runs the installation."""
    return config().flower_address if includes(view.unit.caller.role, Role.PLATFORM_ADMIN) else None


def in_flower(view: View, run: Run) -> str | None:
    """Where whoever runs the installation sees the run's tasks; None for all others."""
    address = flower(view)
    return None if address is None else f"{address}/runs/{run.id}/tasks"
