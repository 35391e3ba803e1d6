"""Owns how commands that change a calendar's settings or zone ask what follows, and tell what moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from pipeline.cli.calendar_moves import move_json, move_sentence, note_of
from pipeline.cli.output import document, note, say
from pipeline.core.words import counted
from pipeline.services.calendar import Follow, Move

_MOVES_SHOWN: Final = 20

FollowOption = Annotated[
    Follow,
    typer.Option("--calendar", help="Where slots change: deal scheduled articles onto the new ones, or keep them."),
]
PreviewOption = Annotated[bool, typer.Option("--preview", help="Show what would move, and change nothing.")]


def tell_preview(moves: Sequence[Move], *, timezone: str, as_json: bool) -> None:
    """What a change would move, and whereto, in the zone that the site would have."""
    if as_json:
        document(preview_json(moves, timezone))
        return
    if not moves:
        say("Nothing on the calendar would move. Nothing was changed.")
        return
    say(f"{counted(len(moves), 'article')} would move (times of {timezone}):")
    for move in moves[:_MOVES_SHOWN]:
        say(f"  {move_sentence(move, timezone)}")
    if len(moves) > _MOVES_SHOWN:
        say(f"  … and {len(moves) - _MOVES_SHOWN} more")
    for told in dict.fromkeys(filter(None, (note_of(move, timezone) for move in moves))):
        note(f"Clock change: {told}.")
    if lost := _count_lost(moves):
        note(f"{counted(lost, 'article')} would stand on no slot: the settings would have no publishing day or time.")
    say("Nothing was changed.")


def preview_json(moves: Sequence[Move], timezone: str) -> dict[str, Any]:
    """A preview as one JSON object."""
    return {"timezone": timezone, "moves": [move_json(move, timezone) for move in moves]}


def note_moves(moves: Sequence[Move], site_name: str) -> None:
    """How many moved, how many lost their slots, and what to do about it."""
    lost = _count_lost(moves)
    undo = f'`igny8 calendar undo "{site_name}"` takes it back, with days, times and zone.'
    if moved := len(moves) - lost:
        note(f"{counted(moved, 'scheduled article')} moved. {undo}")
    if lost:
        theirs = "its slot" if lost == 1 else "their slots"
        note(
            f"{counted(lost, 'scheduled article')} lost {theirs}: the settings have no publishing day or no time. "
            "Set publishing.publish_days and publishing.time_slots, and the calendar fills in the same order. " + undo
        )


def _count_lost(moves: Sequence[Move]) -> int:
    """How many stand on no slot any more: there is none."""
    return sum(move.now is None for move in moves)
