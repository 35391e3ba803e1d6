"""Owns which run of words is the best subject to group keywords by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from pipeline.ai.offline.words import Phrase, Token

Gram = tuple[str, ...]

#: How telling a subject is by its number of words; a script without spaces needs two units to say one word.
_WORD_WEIGHTS = (0.0, 1.0, 2.5, 2.8)
_UNIT_WEIGHTS = (0.0, 0.2, 1.5, 2.2, 2.8)
#: A keyword that is narrowed by the subject, against one that is about it.
_TRAIL_WEIGHT = 0.4
#: What a keyword adds that is about the subject and nothing more.
_BARE_WEIGHT = 0.8
#: One word out of several says less than the word alone.
_PART_WEIGHT = 0.6
#: What a subject is worth that more keywords hold than one cluster may.
_TOO_WIDE = 0.5
#: How much the number of keywords counts against how telling the subject is for each of them.
_NUMBER_POWER = 0.7


def contains(phrase: Phrase, subject: Gram) -> bool:
    """Whether the phrase is about the subject: its stems stand together in the phrase's lead."""
    return contains_run(phrase.stems, subject)


def contains_run(stems: Gram, run: Gram) -> bool:
    """Whether `run` stands in `stems`, unbroken."""
    return any(stems[start : start + len(run)] == run for start in range(len(stems) - len(run) + 1))


def holders(phrases: Sequence[Phrase], subject: Gram) -> list[Phrase]:
    """The phrases that hold the subject; those that are about it come first."""
    about = [phrase for phrase in phrases if contains(phrase, subject)]
    narrowed = [phrase for phrase in phrases if not contains(phrase, subject) and subject in _weights(phrase)]
    return [*about, *narrowed]


def widened(phrases: Sequence[Phrase], subject: Gram) -> Gram:
    """The longest run around the subject that every phrase is about; the subject itself where one is not."""
    first = phrases[0].stems
    if not all(contains(phrase, subject) for phrase in phrases):
        return subject
    runs = (first[start:end] for start in range(len(first)) for end in range(start + len(subject), len(first) + 1))
    shared = [run for run in runs if all(contains(phrase, run) for phrase in phrases)]
    return max((run for run in shared if contains_run(run, subject)), key=len, default=subject)


def best_subject(phrases: Sequence[Phrase], *, limit: int) -> Gram | None:
    """The subject that at least two phrases hold and that says most; None where nothing is shared."""
    counts: defaultdict[Gram, int] = defaultdict(int)
    scores: defaultdict[Gram, float] = defaultdict(float)
    for phrase in phrases:
        for gram, weight in _weights(phrase).items():
            counts[gram] += 1
            scores[gram] += weight
    shared = {
        gram: scores[gram] / count * count**_NUMBER_POWER * (_TOO_WIDE if count > limit else 1)
        for gram, count in counts.items()
        if count > 1
    }
    return max(shared, key=lambda gram: (shared[gram], gram), default=None)


@lru_cache(maxsize=8192)
def _weights(phrase: Phrase) -> Mapping[Gram, float]:
    weights: dict[Gram, float] = {}
    for tokens, share in ((phrase.trail, _TRAIL_WEIGHT), (phrase.lead, 1.0)):
        for gram, width_weight in _grams(tokens):
            bare = _BARE_WEIGHT if tokens is phrase.lead and gram == phrase.stems else 0.0
            part = _PART_WEIGHT if len(gram) == 1 and len(tokens) > 1 else 1.0
            weights[gram] = width_weight * part * (share + bare)
    return weights


def _grams(tokens: Sequence[Token]) -> Iterator[tuple[Gram, float]]:
    for start, first in enumerate(tokens):
        weights = _UNIT_WEIGHTS if first.glued else _WORD_WEIGHTS
        for width in range(1, len(weights)):
            run = tokens[start : start + width]
            if len(run) < width or any(token.glued != first.glued for token in run):
                break
            yield tuple(token.stem for token in run), weights[width]
