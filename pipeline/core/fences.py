"""Owns the code fence that models like to put around an answer, and the thoughts that some put before it.

Never: a regular expression; what a model wrote may be megabytes made to cost time.
"""

from __future__ import annotations

from typing import Final

_FENCE: Final = "```"
#: How servers of open models pass on that a model thinks before it answers.
_THINKS: Final = "<think>"
_THOUGHT: Final = "</think>"
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


def without_thoughts(text: str) -> str:
    """Return what follows the thoughts at the beginning of `text`; without any, or without an end, all of it."""
    bare = text.lstrip(_AROUND)
    if not bare.startswith(_THINKS):
        return text
    _, thought, answer = bare.partition(_THOUGHT)
    return answer if thought else text


def only_thinks(text: str) -> bool:
    """Whether `text` begins with thoughts that have no end."""
    bare = text.lstrip(_AROUND)
    return bare.startswith(_THINKS) and _THOUGHT not in bare


def bare_document(text: str) -> str:
    """Return the document that `text` is, without thoughts, a fence, and what shows nothing around it."""
    return unfenced(without_thoughts(text)).strip(_AROUND)
