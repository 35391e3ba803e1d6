"""Owns Unicode's normal forms, made in time that grows with the text and not with its square.

Never: another text than Python's own `unicodedata.normalize` makes, which nothing else calls.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import Final, Literal
from unicodedata import combining, normalize

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]

_APART: Final[dict[Form, Form]] = {"NFC": "NFD", "NFD": "NFD", "NFKC": "NFKD", "NFKD": "NFKD"}
#: Where marks may stand in a row, more than any writing has (Unicode's Stream-Safe Text Format allows 30): what is no
#: letter, no figure, no blank and not ASCII.
_MAYBE_MARKS: Final = re.compile(r"[^\w\s\x00-\x7f]{31,}")
#: The only letters that turn into marks, where forms of one sign are made the same.
_HALF_WIDTH_MARKS: Final = {"\uff9e": "\u3099", "\uff9f": "\u309a"}


def normal_form(form: Form, text: str) -> str:
    """Return `text` in one of the four forms of Unicode Standard Annex #15, exactly as Python does.

    Python orders the marks behind a letter by insertion, and no other thread runs meanwhile: 120,000 of two kinds take
    half a minute. In a row that is long they are ordered here before, so that it finds them in order.
    """
    if text.isascii():
        return text
    if "K" in form:
        for letter, mark in _HALF_WIDTH_MARKS.items():
            text = text.replace(letter, mark)
    return normalize(form, _MAYBE_MARKS.sub(lambda found: _in_order(found[0], _APART[form]), text))


def _in_order(signs: str, form: Form) -> str:
    """The signs taken apart, marks in their canonical order (The Unicode Standard, section 3.11, D108 and D109)."""
    # Each by itself: there is nothing to order in it.
    apart = (part for sign in signs for part in normalize(form, sign))
    rows = groupby(apart, key=lambda part: combining(part) > 0)
    return "".join(part for _, row in rows for part in sorted(row, key=combining))
