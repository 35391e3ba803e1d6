"""Owns what is told of a value that does not fit an operation's shape, and the shapes that a pattern describes.

Never: the validator's own words; they are for programmers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.core.errors import Fault
from pipeline.core.shapes import refusal

LOCAL_TIME: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}$"
DOLLARS: Final = r"^[0-9]{1,7}(\.[0-9]{1,9})?$"
ACTION: Final = r"^[a-z_.]{1,64}$"
#: What a pattern says, for people.
_SHAPES: Final[Mapping[str, str]] = {
    LOCAL_TIME: "this is no date with a time. Use YYYY-MM-DD HH:MM, such as 2026-06-05 14:00.",
    DOLLARS: "this is no amount. Use US dollars as a text of at most 7 digits, and 9 behind a point, such as 0.0006.",
    ACTION: "this names no action. Use small letters, points and underscores, such as run.paused.",
}


def fault_of(detail: Mapping[str, Any]) -> Fault:
    """The field and the sentence of one of the validator's errors."""
    place, *steps = detail["loc"]
    kind, limits = detail["type"], detail.get("ctx") or {}
    if kind == "json_invalid" or not steps:
        told = "the body is no JSON. Send one JSON object." if kind == "json_invalid" else str(refusal(kind, limits))
        return Fault(str(place), told)
    return Fault(".".join(map(str, steps)), _sentence(kind, limits))


def _sentence(kind: str, limits: Mapping[str, Any]) -> str:
    if kind in {"value_error", "assertion_error"}:
        said = str(limits["error"])  # one of our own sentences
        return said if said.endswith(".") else f"{said}."
    return _SHAPES.get(limits.get("pattern", "")) or str(refusal(kind, limits))
