"""Owns how the offline model reads a search phrase: its words, their stems, and what the phrase is about."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import snowballstemmer

from pipeline.ai.offline.vocabulary import JOINTS, QUESTION_WORDS, STEMMERS, WEAK
from pipeline.core.normal_forms import normal_form

#: Scripts that are written without spaces, as the first words of their characters' Unicode names.
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a phrase, or one written unit of a script without spaces (`glued`)."""

    surface: str
    stem: str
    glued: bool


@dataclass(frozen=True, slots=True)
class Phrase:
    """A search phrase: `lead` is what it is about (never empty), `trail` is what narrows it."""

    text: str
    lead: tuple[Token, ...]
    trail: tuple[Token, ...]

    @property
    def subject(self) -> str:
        """What the phrase is about, as written."""
        return join(self.lead)

    @property
    def stems(self) -> tuple[str, ...]:
        """The stems of `lead`."""
        return tuple(token.stem for token in self.lead)


def normal(text: str) -> str:
    """`text` as it is compared: NFKC, case folded, spaces collapsed."""
    return " ".join(normal_form("NFKC", text).casefold().split())


def capital(text: str) -> str:
    """`text` with its first letter as a capital, the rest as written."""
    return text[:1].upper() + text[1:]


def is_question(text: str) -> bool:
    """Whether the phrase asks something, like "how to clean a desk"."""
    return normal(text).partition(" ")[0] in QUESTION_WORDS


def shorten(text: str, *, limit: int) -> str:
    """`text` in at most `limit` characters, cut at a word where there is one, with an ellipsis."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    at_word = cut.rpartition(" ")[0]
    return (at_word if len(at_word) > limit // 2 else cut).rstrip(" ,;:–-·") + "…"


def join(tokens: Sequence[Token]) -> str:
    """The words as one would write them: spaces between words, none inside scripts without spaces."""
    text = ""
    for before, token in zip((None, *tokens), tokens, strict=False):
        text += token.surface if before is None or (before.glued and token.glued) else f" {token.surface}"
    return text


def language_code(language: str | None) -> str:
    """The code: "en" for "en", "en-GB", "English" or nothing; "" for a language without word lists and stemmer."""
    name = normal(language or "en")
    short = name.replace("_", "-").partition("-")[0]
    return short if short in STEMMERS else next((code for code, full in STEMMERS.items() if full == name), "")


@lru_cache(maxsize=8192)
def read_phrase(text: str, language: str) -> Phrase:
    """Read a phrase in a language given by its code (see `language_code`)."""
    weak, joints = WEAK.get(language, _NONE), JOINTS.get(language, _NONE)
    tokens = tuple(_tokens(text, language))
    lead: list[Token] = []
    trail: list[Token] = []
    narrowing = False
    for before, token in zip(("", *(token.surface.casefold() for token in tokens)), tokens, strict=False):
        word = token.surface.casefold()
        if word in joints:
            narrowing = narrowing or bool(lead)
        elif not (word in weak or word.isdecimal() or (before == "to" and is_question(text))):
            (trail if narrowing else lead).append(token)
    return Phrase(text=text, lead=tuple(lead) or tokens or (_whole(text),), trail=tuple(trail))


def _whole(text: str) -> Token:
    return Token(surface=text.strip() or text, stem=normal(text), glued=False)


def _tokens(text: str, language: str) -> Iterator[Token]:
    stem = _stemmer(language)
    plain = normal_form("NFC", text).replace("’", "'").replace("'s ", " ").removesuffix("'s")
    for word in "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in plain).split():
        for piece, glued in _pieces(word):
            folded = normal_form("NFKC", piece).casefold()
            yield Token(surface=piece, stem=folded if glued else stem(folded), glued=glued)


def _pieces(word: str) -> Iterator[tuple[str, bool]]:
    """Split a run of letters into ordinary words and single units of scripts without spaces."""
    if word.isascii():
        yield word, False
        return
    pieces: list[tuple[str, bool]] = []
    for char in word:
        glued = unicodedata.name(char, "").startswith(_UNSPACED)
        mark = unicodedata.category(char)[0] == "M"
        if pieces and (mark or not (glued or pieces[-1][1])):
            pieces[-1] = (pieces[-1][0] + char, pieces[-1][1])
        else:
            pieces.append((char, glued))
    yield from pieces


@lru_cache(maxsize=32)
def _stemmer(language: str) -> Callable[[str], str]:
    if language not in STEMMERS:
        return str
    # The stemmer keeps the word it works on inside itself: a fresh one a word is what makes it safe in threads.
    return lru_cache(maxsize=8192)(lambda word: str(snowballstemmer.stemmer(STEMMERS[language]).stemWord(word)))
