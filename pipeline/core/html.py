"""Owns article bodies as HTML: what of a stranger's markup is kept, and what a kept body says.

Never: markup that runs, fetches or hides anything; a body that costs more to clean than to write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

import nh3

from pipeline.core.errors import PipelineError
from pipeline.core.fences import unfenced
from pipeline.core.normal import display_text, visible
from pipeline.core.normal_forms import normal_form
from pipeline.core.words import one_line

#: Characters.
MAX_LENGTH = 400_000
#: The sanitiser's time grows with the square of the nesting, and an opening tag is all that nests: 50,000 take it 12 s,
#: this many at worst a tenth of one.
MAX_TAGS = 5_000
MAX_DEPTH = 50

_HEADINGS = frozenset({"h2", "h3", "h4"})
_CELLS = frozenset({"table", "thead", "tbody", "tr", "th", "td", "caption"})
_BLOCKS = frozenset({"p", "ul", "ol", "li", "dl", "dt", "dd", "blockquote", "pre", "hr", "br"}) | _HEADINGS | _CELLS
_INLINE = frozenset({"a", "strong", "em", "b", "i", "code", "sub", "sup"})
_VOID = frozenset({"hr", "br"})
#: Their content is no prose: it goes with them.
_EMBEDDED = frozenset({"script", "style", "iframe", "object", "svg", "math", "template"})
_RAW = frozenset({"noscript", "noembed", "noframes", "textarea", "title", "xmp", "select"})
_LOCAL_NAMES = (
    *(".local", ".localhost", ".localdomain", ".internal", ".intranet", ".lan", ".home", ".corp", ".private"),
    *(".test", ".invalid", ".arpa", ".onion"),
    # Anybody's names for addresses of one's own network.
    *(".nip.io", ".sslip.io", ".xip.io", ".localtest.me", ".lvh.me", ".vcap.me", ".lacolhost.com"),
)
#: An open one of these is repeated in every paragraph that follows, up to three times, but any number of times where
#: attributes tell them apart: 10,000 tags become gigabytes. None of the attributes is kept anyway.
_FORMATTING = re.compile(r"<(b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)[\s/][^>]*>", re.IGNORECASE)

#: Tags that models put into texts of one line. Where such a text is shown they would be words, or, on a site that takes
#: it for HTML, run. Names that an article may be about (title, table, h2 and so on) are left alone.
#: One that is not closed runs too where it has an attribute; without one, `a <b` may be a comparison.
_LOOSE_TAG = re.compile(
    r"</?(?:a|b|base|br|button|div|em|embed|font|form|i|iframe|img|input|link|math|meta|object|p|script|small|span|strong"
    r"|style|sub|sup|svg|u|video|audio|details|marquee)\b(?:[^<>]*>|[\s/][^<>=]*=[^<>]*(?=<|\Z))",
    re.IGNORECASE,
)


class UnusableBodyError(PipelineError):
    """The body cannot be used."""


def sanitised(body: str) -> str:
    """Return `body` with structural tags and links to public sites only; an h1 becomes an h2 (the title is the h1).

    Raises UnusableBodyError for what is too large, has too many tags, or nests too deeply.
    """
    if len(body) > MAX_LENGTH:
        raise UnusableBodyError(
            f"The body has {len(body):,} characters; at most {MAX_LENGTH:,} are allowed. Shorten it."
        )
    if body.count("<") > MAX_TAGS:
        raise UnusableBodyError(f"The body has {body.count('<'):,} tags; at most {MAX_TAGS:,} are allowed. Use fewer.")
    body = visible(unfenced(body))
    # What follows the last ">" holds no tag: without it the search below is linear.
    end = body.rfind(">") + 1
    cleaned = nh3.clean(
        _FORMATTING.sub(r"<\1>", body[:end]) + body[end:].partition("<")[0],
        tags=set(_BLOCKS | _INLINE | {"h1"}),
        clean_content_tags=set(_EMBEDDED | _RAW),
        attributes={"a": {"href"}},
        attribute_filter=_only_public_links,
        link_rel="nofollow noopener noreferrer",
        url_schemes={"http", "https"},
        url_relative="deny",
    )
    # Character references are resolved by now: what they hid is visible, or gone.
    cleaned = visible(cleaned).replace("<h1>", "<h2>").replace("</h1>", "</h2>").strip()
    if len(cleaned) > MAX_LENGTH:
        raise UnusableBodyError("The body's tags are not closed where they should be. Close each inside its paragraph.")
    depth = read(cleaned).depth
    if depth > MAX_DEPTH:
        raise UnusableBodyError(
            f"The body's tags are nested {depth} deep; at most {MAX_DEPTH} are allowed. Close them."
        )
    return cleaned


def plain_line(text: str, limit: int) -> str:
    """Return a model's text of one line as it is stored: `one_line` without stray markup."""
    # Twice: what is taken out may have stood inside another one.
    bare = _LOOSE_TAG.sub("", _LOOSE_TAG.sub("", visible(text[: limit * 8])))
    return one_line(bare, limit)


@dataclass
class Body:
    """What a sanitised body says."""

    #: One line a block.
    text: str = ""
    #: Texts of the headings, in order.
    headings: list[str] = field(default_factory=list)
    #: Paragraphs and list items.
    paragraphs: int = 0
    #: Elements inside each other.
    depth: int = 0


def read(body_html: str) -> Body:
    """Return what a sanitised body says; its markup is well-formed."""
    reader = _Reader()
    reader.feed(body_html)
    reader.close()
    reader.body.text = "".join(reader.parts)
    return reader.body


class _Reader(HTMLParser):
    """Walks well-formed markup once."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.body = Body()
        self.parts: list[str] = []
        self._depth = 0
        self._heading_from: int | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the parser's shape
        if tag in _BLOCKS:
            self.parts.append("\n")
        if tag in _VOID:
            return
        self._depth += 1
        self.body.depth = max(self.body.depth, self._depth)
        self.body.paragraphs += tag in {"p", "li"}
        if tag in _HEADINGS:
            self._heading_from = len(self.parts)

    def handle_endtag(self, tag: str) -> None:
        self._depth -= 1
        if tag in _HEADINGS and self._heading_from is not None:
            self.body.headings.append(display_text("".join(self.parts[self._heading_from :])))
            self._heading_from = None
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def _only_public_links(tag: str, attribute: str, value: str) -> str | None:  # noqa: ARG001 - the sanitiser's shape
    return value if attribute != "href" or is_public_link(value) else None


def is_public_link(url: str) -> bool:
    """Whether `url` is http(s) and names a public host: no address in figures, no local name, no password."""
    if visible(url) != url or "\\" in url or any(sign.isspace() for sign in url.strip()):
        return False
    try:
        # It normalises the host by itself, and takes the square of the marks that it finds out of order.
        parts = urlsplit(normal_form("NFC", url.strip()))
        host = _as_browsers_read(parts.hostname or "")
    except ValueError:
        return False
    last = host.rpartition(".")[2]
    # Browsers read a host that ends in a number, hexadecimal ones too, as an address.
    numeric = last.isdigit() or last.startswith("0x")
    plain = parts.scheme in {"http", "https"} and not set("@%") & set(parts.netloc) and ":" not in host
    return plain and "." in host and not numeric and not f".{host}".endswith(_LOCAL_NAMES)


def _as_browsers_read(host: str) -> str:
    """The host with other scripts' figures, letters and full stops as the plain ones that they are taken for."""
    return normal_form("NFKC", host).replace("\u3002", ".").rstrip(".").lower()
