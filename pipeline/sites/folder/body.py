"""Owns an article's body as the folder site shows it: pictures in their places, one h1 a page, reading time.

Never: sanitising; the body it is given already is.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Final

from markupsafe import Markup

from pipeline.core.normal_forms import normal_form
from pipeline.sites.port import Picture

WORDS_A_MINUTE: Final = 220

_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
#: A wide table scrolls by itself, by keyboard too, and never widens the page.
_SCROLLED: Final = '<div class="scroll" tabindex="0" role="group" aria-label="Table">'
_FIGURE: Final = Markup(
    '<figure><img src="{source}" alt="{alt}" width="{width}" height="{height}" loading="lazy" decoding="async">'
    "</figure>"
)


def illustrated(body_html: str, sources: Mapping[Picture, str]) -> Markup:
    """The body with each picture behind the first heading it names; one whose heading is not there comes last."""
    weaver = _Weaver(sources)
    weaver.feed(body_html)
    weaver.close()
    return Markup("".join([*weaver.parts, *weaver.unplaced()]))  # noqa: S704 - sanitised body, escaped figures


def reading_minutes(body_html: str) -> int:
    """Whole minutes a reader needs, at least one."""
    words = len(re.sub(r"<[^>]*>", " ", body_html).split())
    return max(1, round(words / WORDS_A_MINUTE))


def clean(text: str) -> str:
    """`text` without what neither XML nor UTF-8 can carry, its white space collapsed."""
    return " ".join("".join(_carried(character) for character in text).split())


def _carried(character: str) -> str:
    if character in "\ufffe\uffff" or unicodedata.category(character) == "Cs":
        return ""
    return " " if unicodedata.category(character) == "Cc" else character


def _key(heading: str) -> str:
    return " ".join(normal_form("NFKC", heading).casefold().split())


class _Weaver(HTMLParser):
    """Copies HTML as it stands, but puts figures behind their headings and lets wide tables scroll.

    An h1 becomes an h2: the title is the page's h1.
    """

    def __init__(self, sources: Mapping[Picture, str]) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self._waiting: dict[str, list[str]] = defaultdict(list)
        for picture, source in sources.items():
            self._waiting[_key(picture.place)].append(_figure(picture, source))
        self._heading: list[str] | None = None

    def unplaced(self) -> list[str]:
        """The figures whose heading never came."""
        return [figure for figures in self._waiting.values() for figure in figures]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the parser's shape
        raw = self.get_starttag_text() or ""
        if tag == "table":
            self.parts.append(_SCROLLED)
        self.parts.append(f"<h2{raw[3:]}" if tag == "h1" else raw)
        if tag in _HEADINGS:
            self._heading = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the parser's shape
        self.parts.append(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        self.parts.append("</h2>" if tag == "h1" else f"</{tag}>")
        if tag == "table":
            self.parts.append("</div>")
        if tag in _HEADINGS and self._heading is not None:
            self.parts.extend(self._waiting.pop(_key(html.unescape("".join(self._heading))), []))
            self._heading = None

    def handle_data(self, data: str) -> None:
        self.parts.append(data)
        if self._heading is not None:
            self._heading.append(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};")


def _figure(picture: Picture, source: str) -> str:
    return str(_FIGURE.format(source=source, alt=clean(picture.alt_text), width=picture.width, height=picture.height))
