"""Owns the imprint of a post: a short sum of each thing that is written there, by which a person's change is told.

An imprint is `2:` and seven digits for each `Part`, in their order. A part in which nothing of ours stands (the site
has no place for it, or no image was sent) is seven dashes: whatever stands there later was put there by somebody.

Imprints that earlier versions stored are 32 digits of one sum over title, text, excerpt and slug. They are compared by
that sum and by nothing else, so that an upgrade makes no article look edited; the next update of the article gives it
an imprint of all parts.

Never: asks the site.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, Final

_VERSION: Final = "2:"
_DIGITS: Final = 7
_NOTHING: Final = "-" * _DIGITS
_OLD_DIGITS: Final = 32


class Part(StrEnum):
    """What an update writes over, in the words that people read."""

    #: Its heading.
    TITLE = "title"
    #: Its body, pictures included.
    TEXT = "text"
    #: What lists show of it.
    EXCERPT = "excerpt"
    #: The end of its address.
    SLUG = "address"
    #: Title and description for search engines, behind the number of the place that the site has for them.
    META = "texts for search engines"
    #: Numbers of its tags.
    TAGS = "tags"
    #: Numbers of its categories.
    CATEGORIES = "categories"
    #: Number of the image above it.
    IMAGE = "featured image"


#: What a post says of each part; None: it has no place for it.
Told = Mapping[Part, Any]
_OLD_PARTS: Final = (Part.TITLE, Part.TEXT, Part.EXCERPT, Part.SLUG)


def imprint_of(told: Told) -> str:
    """What a person would have to change to have edited it."""
    return _VERSION + "".join(_sum(part, told[part]) for part in Part)


def changed(imprint: str | None, told: Told, *, among: Collection[Part] = tuple(Part)) -> list[Part]:
    """The parts `among` these that somebody changed since the post had that imprint; none where that is unknown."""
    if imprint is None:
        return []
    if not imprint.startswith(_VERSION):
        is_same = imprint == _old(told)
        return [] if is_same else [part for part in _OLD_PARTS if part in among]
    return [part for part, known in _parts(imprint) if part in among and _is_changed(part, known, told[part])]


def written_over(imprint: str | None, told: Told, *, sent: Collection[Part]) -> str:
    """The imprint after those parts were written: what was not sent is known as before."""
    if imprint is None or not imprint.startswith(_VERSION):
        return imprint_of(told)
    return _VERSION + "".join(_sum(part, told[part]) if part in sent else known for part, known in _parts(imprint))


def _parts(imprint: str) -> list[tuple[Part, str]]:
    digits = imprint.removeprefix(_VERSION)
    return [(part, digits[number * _DIGITS :][:_DIGITS]) for number, part in enumerate(Part)]


def _is_changed(part: Part, known: str, now: Any) -> bool:
    if known == _NOTHING:
        return _is_something(part, now)
    if part is Part.META:
        if now is None:
            return False  # The site has no place for it any more: nothing there is written over.
        if str(now[0]) != known[0]:
            return _is_something(part, now)  # Another place, in which nothing of ours stands.
    return _sum(part, now) != known


def _is_something(part: Part, now: Any) -> bool:
    return any(now[1:]) if part is Part.META and now is not None else bool(now)


def _sum(part: Part, now: Any) -> str:
    if now is None or (part is Part.IMAGE and not now):
        return _NOTHING
    digits = hashlib.sha256(json.dumps(now).encode()).hexdigest()
    return f"{now[0]}{digits}"[:_DIGITS] if part is Part.META else digits[:_DIGITS]


def _old(told: Told) -> str:
    digits = hashlib.sha256(json.dumps([told[part] for part in _OLD_PARTS]).encode()).hexdigest()
    return digits[:_OLD_DIGITS]
