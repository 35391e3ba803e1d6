"""Owns text as words: how many there are, where to cut, which texts are near each other, what is only a stand-in."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Sequence

from pipeline.core.normal import display_text, keyword_key

#: Scripts without spaces: a Han character or kana counts as a word, in South-East Asia five characters do.
_IDEOGRAPH = re.compile("[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]{1,5}")
_SEPARATOR = re.compile("[/\u2013\u2014\u2026|]")
_WORD = re.compile(r"\w+")
#: Words that begin alike are taken for the same: endings differ in most languages.
_STEM_LENGTH = 4

_STAND_IN = re.compile(
    r"lorem\s+ipsum"
    r"|\[\s*(?:insert|placeholder|your|add|tbd)\b[^\]\n]*\]?"
    # Capitals only, and not in a line of capitals: "todo" is a word in Spanish, "TODO apps" are a subject.
    r"|(?-i:^[^\S\n]*TODO\b(?!\s+[A-ZÀ-Þ]{2})|[\[(]\s*TODO\b|\bTODO:|\bTODO\.?\s*$)",
    re.IGNORECASE | re.MULTILINE,
)


def count_words(text: str) -> int:
    """Return the number of words a reader would count, in any script."""
    for pattern in (_IDEOGRAPH, _UNSPACED):
        text = pattern.sub(" x ", text)
    return sum(any(map(str.isalnum, token)) for token in _SEPARATOR.sub(" ", text).split())


def counted(number: float, noun: str) -> str:
    """Return a number with its noun, for people: "1 article", "1,200 articles"; the noun's plural ends in "s"."""
    shown = f"{number:,}" if isinstance(number, int) else f"{number:,g}"
    return f"{shown} {noun}" if number == 1 else f"{shown} {noun}s"


def cut(text: str, limit: int) -> str:
    """Return `text` of at most `limit` characters, cut between two words where there is a place to."""
    if len(text) <= limit:
        return text
    space = text.rfind(" ", limit // 2, limit + 1)
    return text[: space if space > 0 else limit].rstrip(" ,;:-–—")


def one_line(text: str, limit: int) -> str:
    """Return `text` as it is stored in a field of one line: clean, cut to `limit` characters, perhaps empty."""
    # Megabytes of white space are not worth collapsing to find out.
    return cut(display_text(text[: limit * 4]), limit)


def stand_in(text: str) -> str | None:
    """Return the first thing in `text` that somebody was meant to replace ("lorem ipsum", "[insert …]", "TODO")."""
    found = _STAND_IN.search(text)
    return found[0].strip() if found else None


def nearest_by_words(texts: Sequence[str], to: Iterable[str], *, limit: int) -> list[int]:
    """Return the indices of the `limit` texts that share the most words with `to`, nearest first.

    Plain sets: ten thousand texts take milliseconds, inside a transaction.
    """
    wanted = frozenset().union(*map(_word_keys, to))
    scored = ((_likeness(_word_keys(text), wanted), -index) for index, text in enumerate(texts))
    return [-index for _, index in heapq.nlargest(limit, scored)]


def _likeness(words: frozenset[str], wanted: frozenset[str]) -> tuple[float, int]:
    shared = len(words & wanted)
    return (shared / len(words) if words else 0.0, shared)


def _word_keys(text: str) -> frozenset[str]:
    spaced = _IDEOGRAPH.sub(lambda found: f" {found[0]} ", keyword_key(text))
    return frozenset(word[:_STEM_LENGTH] for word in _WORD.findall(spaced))
