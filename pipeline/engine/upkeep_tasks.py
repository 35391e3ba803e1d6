"""Owns the Celery tasks of what beat has done besides stages and publishing: shells. Arguments are ids."""

from __future__ import annotations

from pipeline.db.session import database
from pipeline.engine import deliveries, housekeeping, site_checks
from pipeline.engine.app import app


@app.task(name="sites.check")  # type: ignore[untyped-decorator]  # Celery ships no types.
def check_site(site_id: int) -> None:
    """Check one site: does it answer, and does what was published stand there?"""
    site_checks.check(database(), site_id)


@app.task(name="deliveries.send")  # type: ignore[untyped-decorator]  # Celery ships no types.
def send_delivery(delivery_id: int) -> None:
    """Send one notification over one channel."""
    deliveries.send(database(), delivery_id)


@app.task(name="housekeeping.sweep")  # type: ignore[untyped-decorator]  # Celery ships no types.
def sweep() -> None:
    """Check a part of the books, forget what is old, remind of what waits."""
    housekeeping.sweep(database())
