"""Owns how a move on a calendar is told over HTTP: what, from where, whereto, and what a clock change does to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from pipeline.core.calendar import clock_change_note
from pipeline.services.calendar import Move

MOVE_EXAMPLE: Final[dict[str, Any]] = {
    "content_id": 3,
    "title": "How to choose a standing desk",
    "was_at": "2026-06-04T07:00:00Z",
    "now_at": "2026-06-05T12:00:00Z",
    "pinned": False,
    "note": None,
}


class MovedItem(BaseModel):
    """An article that moves; an instant that is null stands for no slot."""

    model_config = ConfigDict(json_schema_extra={"examples": [MOVE_EXAMPLE]})

    content_id: int
    title: str
    was_at: datetime | None
    now_at: datetime | None
    pinned: bool
    #: What a clock change does to its new slot.
    note: str | None


def moved_items(moves: Sequence[Move], timezone: str) -> list[MovedItem]:
    """Moves as they are told, in the zone that the site has or would have."""
    return [
        MovedItem(
            content_id=move.content_id,
            title=move.title,
            was_at=move.was_at,
            now_at=move.now_at,
            pinned=move.now is not None and move.now.pinned,
            note=None if move.now is None else clock_change_note(move.now.slot, timezone),
        )
        for move in moves
    ]
