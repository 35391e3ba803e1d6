"""Owns the code fence that models like to put around an answer.

Never: a regular expression; what a model wrote may be megabytes made to cost time.
"""

from __future__ import annotations

from typing import Final

_FENCE: Final = "```"
#: White space, and what shows nothing where models put it: byte order marks, zero-width spaces and joiners.
_AROUND: Final = " \t\r\n\v\f\xa0\ufeff\u200b\u200c\u200d\u2060"


def unfenced(text: str) -> str:
    """Return what stands in the one code fence around all of `text`; without one, `text` as it is."""
    bare = text.strip(_AROUND)
    if len(bare) < 2 * len(_FENCE) or not (bare.startswith(_FENCE) and bare.endswith(_FENCE)):
        return text
    label, line_end, inside = bare[len(_FENCE) : -len(_FENCE)].partition("\n")
    label = label.strip()
    if not line_end or (label and not label.isalnum()):
        return text
    return inside.strip(_AROUND)


def bare_document(text: str) -> str:
    """Return the document that `text` is, without a fence and without what shows nothing around it."""
    return unfenced(text).strip(_AROUND)
