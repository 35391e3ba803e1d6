"""Owns the watch of the API: how far runs are, one statement a tick for all of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from pipeline.services.run_progress import Progress, Watched, progress_of
from pipeline.web.watch import Watch, event_of


class RunWatch(Watch[Watched, Progress]):
    """The runs that somebody watches."""

    #: What the app's state calls it.
    name: Final = "run_watch"

    def look(
        self,
        session: Session,
        asked: Collection[Watched],
        *,
        known: Mapping[Watched, Progress],  # noqa: ARG002 - as every watch has it
        now: datetime,  # noqa: ARG002 - the same
    ) -> dict[Watched, Progress]:
        """How far each is now."""
        return progress_of(session, asked)

    def event(self, found: Progress) -> bytes:
        """All of how far it is, as JSON."""
        return event_of(found, "run", found.text)
