"""Owns how text is made comparable and storable: keys for keywords and titles, and the cleaned text people see.

Never: knows a language, a table or a file format; every function is pure and idempotent.
"""

from __future__ import annotations

import re

from pipeline.core.normal_forms import normal_form

#: Characters that show nothing and change what a text seems to say: controls that are no white space, bidi marks and
#: overrides, zero-width and filler characters, lone surrogates (no database stores them), language tags.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
#: The two joiners spell words in Arabic, Persian and Indic scripts and build emoji; anywhere else they only hide.
_JOINING = "\u0600-\u109f\u1780-\u18af\u2600-\u27bf\ufe0f\U0001f000-\U0001faff"
_LOOSE_JOINER = re.compile(f"(?<![{_JOINING}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINING}])")
#: What a key drops besides: every joiner and the choice between text and emoji shape.
_SHAPING = re.compile("[\u200c\u200d\ufe00-\ufe0f]")
_STRAIGHT_QUOTES = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u2035\u02b9\u02bb\u02bc\u00b4\u0060\u2039\u203a", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u2036\u02ba\u02dd\u00ab\u00bb\u301d\u301e\u301f", '"')
)
_TITLE_QUOTES = re.compile("['\"]")
#: Sentence punctuation only: `+`, `#`, `&` and `%` tell titles apart (C, C++ and C#).
_TITLE_PUNCTUATION = re.compile("[-\u2010-\u2015\u2212_.,:;!?\u00a1\u00bf\u3001\u3002()\\[\\]{}/\\\\|*~\u00b7\u2022]+")


def visible(text: str) -> str:
    """Return `text` without what shows nothing; its white space stays as it is."""
    return text if text.isascii() and text.isprintable() else _LOOSE_JOINER.sub("", _INVISIBLE.sub("", text))


def display_text(text: str) -> str:
    """Return `text` as it is stored and shown: NFC, white space collapsed, nothing invisible in it."""
    if not text.isascii():
        text = normal_form("NFC", _LOOSE_JOINER.sub("", _INVISIBLE.sub("", text)))
        return " ".join(text.split())
    return " ".join(text.split()) if text.isprintable() else " ".join(_INVISIBLE.sub("", text).split())


def is_storable(text: str) -> bool:
    """Whether both databases can keep the text: no NUL, and nothing that UTF-8 has no bytes for."""
    return "\x00" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def keyword_key(text: str) -> str:
    """Return what two spellings of one keyword share: NFKC, case folded, spaces collapsed, quotes straightened.

    The key can be longer than the text (one ligature may unfold to 18 characters), and it is empty for a text that
    shows nothing.
    """
    text = _SHAPING.sub("", _INVISIBLE.sub("", text)).translate(_STRAIGHT_QUOTES)
    if text.isascii():
        return " ".join(text.lower().split())
    # Folding a decomposed letter can make another one that folds again; twice is Unicode's own NFKC_Casefold.
    for _ in range(2):
        text = normal_form("NFKC", text).casefold()
    return " ".join(normal_form("NFKC", text).translate(_STRAIGHT_QUOTES).split())


def title_key(text: str) -> str:
    """Return what two spellings of one title share: as `keyword_key`, without quotes and sentence punctuation.

    A title of nothing but punctuation keeps it, so that its key is not empty.
    """
    key = keyword_key(text)
    return " ".join(_TITLE_PUNCTUATION.sub(" ", _TITLE_QUOTES.sub("", key)).split()) or key
