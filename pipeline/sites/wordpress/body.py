"""Owns an article's body as a site keeps it: pictures in their places, no line breaks of its own, our mark in it.

Never: sanitising; the body it is given already is.
"""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final

from markupsafe import escape

from pipeline.core.normal import display_text
from pipeline.core.normal_forms import normal_form

_HEADINGS: Final = frozenset({"h2", "h3", "h4"})
#: What may bear the mark: every site keeps classes of these.
_BEARERS: Final = _HEADINGS | {"p", "ul", "ol", "blockquote", "table", "pre", "figure", "div"}


@dataclass(frozen=True)
class Figure:
    """A picture that lies at the site."""

    #: The text of the heading it follows.
    place: str
    #: The site's number for it.
    media_id: int
    url: str
    alt_text: str
    width: int
    height: int


def as_html(text: str) -> str:
    """The HTML that shows a text as it is: nothing in it is markup, or a word in brackets that the site carries out."""
    return _unbracketed(html.escape(text, quote=False))


def composed(body_html: str, figures: Sequence[Figure], *, mark: str) -> str:
    """The body with each figure behind the first heading it names; one whose heading is not there comes last.

    The mark is a class of the first element that can bear it, so that no reader sees it and no empty paragraph is made
    of it; where there is none, a comment at the end.
    """
    weaver = _Weaver(figures, mark)
    weaver.feed(body_html)
    weaver.close()
    comment = [] if weaver.is_marked else [f"\n<!-- {mark} -->"]
    return "".join([*weaver.parts, *weaver.unplaced(), *comment])


def marked_with(mark: str) -> re.Pattern[str]:
    """What finds a mark (a pattern) in a content: as a class of an element, or as a comment, and not as a text."""
    element = r'<[a-z][a-z0-9]*\s(?:[^<>]{0,500}\s)?class="(?:[^"<>]{0,500}\s)?'
    return re.compile(rf'(?:<!--\s|{element}){mark}(?=[\s"])')


def is_marked(content: str, mark: str) -> bool:
    """Whether the content is ours, and of that article."""
    return mark in content and marked_with(re.escape(mark)).search(content) is not None


class _Weaver(HTMLParser):
    """Copies HTML as it stands, but puts figures behind their headings.

    Line breaks become spaces: a site turns them into breaks that readers see.
    """

    def __init__(self, figures: Sequence[Figure], mark: str) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self.is_marked = False
        self._mark = mark
        self._waiting: dict[str, list[str]] = defaultdict(list)
        for figure in figures:
            self._waiting[_key(figure.place)].append(_markup(figure))
        self._heading: list[str] | None = None
        self._preformatted = 0

    def unplaced(self) -> list[str]:
        """The figures whose heading never came."""
        return [figure for figures in self._waiting.values() for figure in figures]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        spelled = _unbracketed(self.get_starttag_text() or "")
        if not self.is_marked and tag in _BEARERS and "class" not in dict(attrs):
            spelled = f'<{tag} class="{self._mark}"{spelled[len(tag) + 1 :]}'
            self.is_marked = True
        self.parts.append(spelled)
        self._preformatted += tag == "pre"
        if tag in _HEADINGS:
            self._heading = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the parser's shape
        self.parts.append(_unbracketed(self.get_starttag_text() or ""))

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(f"</{tag}>")
        self._preformatted -= tag == "pre"
        if tag in _HEADINGS and self._heading is not None:
            self.parts.extend(self._waiting.pop(_key(html.unescape("".join(self._heading))), []))
            self._heading = None

    def handle_data(self, data: str) -> None:
        line = data if self._preformatted else " ".join(data.splitlines()) if "\n" in data else data
        self.parts.append(_unbracketed(line))
        if self._heading is not None:
            self._heading.append(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};")


def _unbracketed(markup: str) -> str:
    """Markup without the brackets by which a site knows its own words (`[gallery]`), spelled as sites keep them."""
    return markup.replace("[", "&#091;")


def _key(heading: str) -> str:
    return " ".join(normal_form("NFKC", heading).casefold().split())


def _markup(figure: Figure) -> str:
    alt = _unbracketed(str(escape(display_text(figure.alt_text))))
    return (
        f'<figure class="wp-block-image size-full"><img src="{escape(figure.url)}" alt="{alt}" '
        f'width="{figure.width}" height="{figure.height}" class="wp-image-{figure.media_id}" /></figure>'
    )
