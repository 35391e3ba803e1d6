"""Owns the answer "ideas": distinct articles around one cluster's keywords."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from pipeline.ai.offline.angles import KINDS, Kind
from pipeline.ai.offline.answers import Answer, Data, Site, attempt, read_data
from pipeline.ai.offline.dice import Dice
from pipeline.ai.offline.words import capital, is_question, language_code, normal, read_phrase, shorten
from pipeline.ai.port import TextRequest

_KEYWORD_LIMIT = 80
_KEYWORDS_AN_IDEA = 5


class Cluster(Data):
    """The cluster to write about."""

    name: str
    description: str = ""
    keywords: tuple[str, ...] = ()


class IdeasData(Data):
    """The data of the question."""

    cluster: Cluster
    ideas_wanted: int
    existing_titles: tuple[str, ...] = ()
    site: Site = Site()


def ideas(request: TextRequest) -> Answer:
    """The answer to an "ideas" question: as many as wanted, none with a title that exists."""
    data = read_data(request, IdeasData)
    keywords = list(dict.fromkeys(data.cluster.keywords)) or [data.cluster.name]
    dice = Dice("ideas", data.cluster.name, *keywords, str(attempt(request)))
    taken = {normal(title) for title in data.existing_titles}
    written: list[Answer] = []
    for number, (title, kind, keyword) in enumerate(_proposals(keywords, taken=taken, dice=dice)):
        if number >= data.ideas_wanted:
            break
        shares = _share(data.cluster.keywords, keyword=keyword, number=number, ideas_wanted=data.ideas_wanted)
        topic = _topic(keyword, data.site.language)
        written.append(
            {
                "title": title,
                "angle": kind.angle.format(t=topic),
                "outline": _outline(kind, topic=topic, dice=dice),
                "keywords": shares,
            }
        )
    return {"ideas": written}


def _proposals(keywords: Sequence[str], *, taken: set[str], dice: Dice) -> Iterator[tuple[str, Kind, str]]:
    """Title, kind and main keyword of one proposal after another, for ever; no title twice."""
    start = dice.below(len(KINDS))
    for number in count():
        keyword = keywords[number % len(keywords)]
        kind = KINDS[(start + number + number // len(keywords)) % len(KINDS)]
        shapes = kind.question_titles if is_question(keyword) else kind.titles
        shown = shorten(" ".join(keyword.split()), limit=_KEYWORD_LIMIT)
        title = dice.pick(shapes).format(K=capital(shown), k=shown)
        if part := number // (len(keywords) * len(KINDS) * 2):
            title = f"{title}, part {part + 1}"
        if normal(title) not in taken:
            taken.add(normal(title))
            yield title, kind, keyword


def _topic(keyword: str, language: str | None) -> str:
    return shorten(read_phrase(keyword, language_code(language)).subject, limit=_KEYWORD_LIMIT)


def _share(keywords: Sequence[str], *, keyword: str, number: int, ideas_wanted: int) -> list[str]:
    """The main keyword and this idea's part of the others, so that together the ideas cover the cluster."""
    part = list(keywords)[number::ideas_wanted]
    return [text for text in dict.fromkeys((keyword, *part)) if text in keywords][:_KEYWORDS_AN_IDEA]


def _outline(kind: Kind, *, topic: str, dice: Dice) -> list[str]:
    wanted = 2 + dice.below(len(kind.headings) - 1)
    chosen = set(dice.shuffled(kind.headings)[:wanted])
    middle = [heading for heading in kind.headings if heading in chosen]
    return [capital(heading.format(t=topic)) for heading in (kind.first_heading, *middle, kind.last_heading)]
