"""Owns the Celery task of publishing: a shell around the publisher. Its argument is an id."""

from __future__ import annotations

from pipeline.db.session import database
from pipeline.engine import publisher
from pipeline.engine.app import app


@app.task(name="publications.publish")  # type: ignore[untyped-decorator]  # Celery ships no types.
def publish(publication_id: int) -> None:
    """Place one due publication on its site."""
    publisher.publish(database(), publication_id)
