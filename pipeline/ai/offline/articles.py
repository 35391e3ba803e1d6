"""Owns the answer "article": readable sections for every heading of the outline, long enough and each its own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape

from slugify import slugify

from pipeline.ai.offline.answers import Answer, Data, Site, attempt, read_data
from pipeline.ai.offline.dice import Dice
from pipeline.ai.offline.sentences import ADVICE, CLOSINGS, LEADS, LIST_ITEMS, LIST_LEADS, OPENERS, THOUGHTS, Deck, fill
from pipeline.ai.offline.words import capital, language_code, normal, read_phrase, shorten
from pipeline.ai.port import TextRequest

_META_TITLE_LIMIT = 60
_META_DESCRIPTION_LIMIT = 155
_SLUG_LIMIT = 80
_TOPIC_LIMIT = 80
_TAG_LIMIT = 40
_FALLBACK_HEADINGS = ("What matters most", "How to begin", "What to keep in mind")
_GENERAL_TAGS = ("guide", "advice", "planning")
_FEWEST_TAGS, _MOST_TAGS = 3, 6
#: Of five throws, those that give a section a list.
_LIST_THROWS = (0, 1)
#: How often a sentence that was already said is said another way before it may come again.
_REPHRASINGS = 6


class ArticleData(Data):
    """The data of the question."""

    title: str
    angle: str = ""
    outline: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    min_words: int = 0
    site: Site = Site()


@dataclass
class Section:
    """One heading with what stands under it; `items` is a list below the paragraphs, or empty."""

    heading: str
    paragraphs: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)


class Writer:
    """Writes one article: every deck deals each of its sentences once before any comes again."""

    def __init__(self, data: ArticleData, *, topic: str, dice: Dice) -> None:
        """Prepare the decks for this article."""
        self._dice = dice
        self._keywords = dice.shuffled(data.keywords or (data.title,))
        self._topic = topic
        self._leads, self._openers, self._thoughts = Deck(LEADS, dice), Deck(OPENERS, dice), Deck(THOUGHTS, dice)
        self._advice, self._closings = Deck(ADVICE, dice), Deck(CLOSINGS, dice)
        self._list_leads, self._list_items = Deck(LIST_LEADS, dice), Deck(LIST_ITEMS, dice)
        self._turn = 0
        self._said: set[str] = set()

    def introduction(self, data: ArticleData) -> list[str]:
        """Two paragraphs before the first heading."""
        first = [data.angle, self._say(self._leads), self._say(self._thoughts)]
        second = [self._say(self._leads), self._say(self._advice)]
        if data.site.audience:
            second.insert(0, f"It is written for {data.site.audience.rstrip('.')}.")
        return [" ".join(part for part in first if part), " ".join(second)]

    def section(self, heading: str) -> Section:
        """A heading's first paragraph, and now and then a list."""
        opener = self._say(self._openers, heading=heading)
        section = Section(heading, [" ".join([opener, self._say(self._thoughts), self._say(self._advice)])])
        if self._dice.below(5) in _LIST_THROWS:
            section.paragraphs.append(self._say(self._list_leads, heading=heading))
            section.items = [self._say(self._list_items) for _ in range(3 + self._dice.below(3))]
        return section

    def paragraph(self) -> str:
        """Three to five more sentences for a section."""
        middle = [self._say(self._dice.pick((self._thoughts, self._advice))) for _ in range(2 + self._dice.below(3))]
        return " ".join([*middle, self._say(self._closings)])

    def _say(self, deck: Deck, *, heading: str = "") -> str:
        self._turn += 1
        keyword = self._keywords[self._turn % len(self._keywords)]
        sentence = ""
        for _ in range(_REPHRASINGS):
            sentence = fill(deck.deal(), dice=self._dice, topic=self._topic, keyword=keyword, heading=heading)
            if sentence not in self._said:
                break
        self._said.add(sentence)
        return sentence


def article(request: TextRequest) -> Answer:
    """The answer to an "article" question: every heading an h2, at least `min_words` words in the body."""
    data = read_data(request, ArticleData)
    language = language_code(data.site.language)
    topic = shorten(read_phrase((data.keywords or (data.title,))[0], language).subject, limit=_TOPIC_LIMIT)
    dice = Dice("article", data.title, data.angle, *data.outline, *data.keywords, str(attempt(request)))
    writer = Writer(data, topic=topic, dice=dice)
    introduction = writer.introduction(data)
    sections = _sections(data, introduction=introduction, writer=writer)
    excerpt = (
        f"{capital(data.angle or topic).rstrip('.')}. In {len(sections)} short parts, with {topic} advice to keep."
    )
    return {
        "title": data.title,
        "slug": _slug(data.title, attempts=attempt(request)),
        "meta_title": shorten(data.title, limit=_META_TITLE_LIMIT),
        "meta_description": shorten(excerpt, limit=_META_DESCRIPTION_LIMIT),
        "excerpt": excerpt,
        "body_html": _html(introduction, sections, english=language == "en"),
        "tags": _tags(data, language=language),
    }


def _sections(data: ArticleData, *, introduction: list[str], writer: Writer) -> list[Section]:
    """All sections, filled in turn until the article has its length."""
    sections = [writer.section(heading) for heading in data.outline or _FALLBACK_HEADINGS]
    words = _count(*introduction) + sum(_count(*section.paragraphs, *section.items) for section in sections)
    turn = 0
    while words < data.min_words or turn < len(sections):
        paragraph = writer.paragraph()
        section = sections[turn % len(sections)]
        section.paragraphs.insert(len(section.paragraphs) - bool(section.items), paragraph)
        words += _count(paragraph)
        turn += 1
    return sections


def _count(*texts: str) -> int:
    return sum(len(re.findall(r"\w[\w'’-]*", text)) for text in texts)


def _html(introduction: list[str], sections: list[Section], *, english: bool) -> str:
    parts = [_paragraph(text) for text in introduction]
    for section in sections:
        parts.append(f"<h2>{escape(section.heading, quote=False)}</h2>")
        parts.extend(_paragraph(text) for text in section.paragraphs)
        if section.items:
            items = "".join(f"<li>{escape(item, quote=False)}</li>" for item in section.items)
            parts.append(f"<ul>{items}</ul>")
    parts.append(_paragraph("This article was written by the offline testing model: it shows the form, not the facts."))
    if not english:
        parts.append(_paragraph("The offline testing model writes English, whatever language it is asked for."))
    return "\n".join(parts)


def _paragraph(text: str) -> str:
    return f"<p>{escape(text, quote=False)}</p>"


def _slug(title: str, *, attempts: int) -> str:
    """A slug of the title; after a repair another one, because the first may have been taken."""
    slug = slugify(title, max_length=_SLUG_LIMIT, word_boundary=True) or f"article-{Dice(title).below(10**6)}"
    return f"{slug}-{attempts + 1}" if attempts else slug


def _tags(data: ArticleData, *, language: str) -> list[str]:
    subjects = (read_phrase(keyword, language) for keyword in data.keywords)
    words = [shorten(normal(phrase.subject), limit=_TAG_LIMIT) for phrase in subjects]
    words += [shorten(normal(keyword), limit=_TAG_LIMIT) for keyword in data.keywords]
    chosen = list(dict.fromkeys(words))[:_MOST_TAGS]
    spare = (tag for tag in _GENERAL_TAGS if tag not in chosen)
    while len(chosen) < _FEWEST_TAGS:
        chosen.append(next(spare))
    return chosen
