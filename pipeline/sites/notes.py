"""Owns what is known of a site from visits before, so that it is asked for once: terms, images, how it is spoken to.

Handed to a target as plain values and taken back with what it learnt. Never: the database; anything secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

#: Of how a site is spoken to: where it keeps what search engines show, and whether the user may write that.
SEARCH_TEXTS: Final = "meta"


class NoteKind(StrEnum):
    """What a note is about."""

    #: A tag: its name as it is compared -> its number at the site.
    TAG = "tag"
    #: A category, in the same way.
    CATEGORY = "category"
    #: An image of an article -> its number at the site.
    IMAGE = "image"
    #: How the site is spoken to, and what it can hold.
    SPEECH = "speech"


@dataclass(frozen=True)
class Note:
    """One thing that is known."""

    kind: NoteKind
    #: Unique within its kind.
    key: str
    #: The site's own name for it, or what is known.
    value: str
    #: Of an image: where its bytes are shown.
    url: str | None = None


def _nothing() -> None:
    """Nobody waits for a sign of life."""


@dataclass
class Notes:
    """The notes of one site during one visit."""

    known: dict[tuple[NoteKind, str], Note] = field(default_factory=dict)
    #: Whether something of the article may lie at the site that no note tells of.
    may_have_left_something: bool = False
    #: Called before each request: whoever visits is still there.
    going_on: Callable[[], None] = _nothing
    _learnt: dict[tuple[NoteKind, str], Note | None] = field(default_factory=dict)

    @classmethod
    def of(cls, notes: Iterable[Note]) -> Notes:
        """What was kept."""
        return cls({(note.kind, note.key): note for note in notes})

    def find(self, kind: NoteKind, key: str) -> Note | None:
        """What is known."""
        return self.known.get((kind, key))

    def keep(self, note: Note) -> Note:
        """Know it from now on."""
        if self.known.get((note.kind, note.key)) != note:
            self.known[note.kind, note.key] = note
            self._learnt[note.kind, note.key] = note
        return note

    def forget(self, kind: NoteKind, key: str) -> None:
        """It is not so any more."""
        if self.known.pop((kind, key), None) is not None:
            self._learnt[kind, key] = None

    def take_learnt(self) -> dict[tuple[NoteKind, str], Note | None]:
        """What changed since the last time; None: it is to be forgotten."""
        learnt, self._learnt = self._learnt, {}
        return learnt
