"""Owns a slice of a stage that asks for images: while its stage waits for room, it looks for some before it claims.

So a full disk costs one look a lane and pause, and no row. Never: the first look; that is the call's own.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from pipeline.engine import failures, media_space
from pipeline.engine.asking_slices import AskingSlice
from pipeline.engine.lanes import LaneTaken
from pipeline.engine.media_space import NoSpaceError
from pipeline.engine.outcomes import GoOn, Outcome


class ImageSlice(AskingSlice):
    """A lane of a stage that draws."""

    def run(self) -> Outcome:
        """Question after question until the slice ends; none where there is still no room."""
        lacking = None
        if self.context.unavailable_since is not None:
            lacking = media_space.lacking(media_space.media())
        if lacking is None:
            return super().run()
        try:
            return self.commit(partial(self._wait_for_room, lacking))
        except LaneTaken:
            return GoOn()

    def _wait_for_room(self, lacking: NoSpaceError, session: Session, now: datetime) -> Outcome:
        self.advance(session, closed=0, now=now)
        stop = self.why_stop(batch_is_full=False, now=now)
        return failures.barred(self, session, lacking, now=now) if stop is None else stop(session)
