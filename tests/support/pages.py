"""Owns a reader of written HTML pages: what they link to, what they say, and whether the links lead anywhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET


@dataclass
class Page(HTMLParser):
    """What one HTML file links to and says."""

    path: Path
    links: list[str] = field(default_factory=list)
    images: list[dict[str, str | None]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self.source = self.path.read_text()
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        if tag == "img":
            self.images.append(values)
        for name in ("href", "src"):
            link = values.get(name)
            if link is not None:
                self.links.append(link)

    def handle_data(self, data: str) -> None:
        self.text += data

    def dead_links(self) -> list[str]:
        """The internal links of the page that lead to no file."""
        local = (urlsplit(link) for link in self.links)
        paths = [unquote(link.path) for link in local if not link.scheme and not link.netloc and link.path]
        return [path for path in paths if path.startswith("/") or not (self.path.parent / path).is_file()]


def pages(root: Path) -> list[Page]:
    return [Page(path) for path in sorted(root.rglob("*.html"))]


def tree(root: Path) -> dict[str, bytes]:
    """Every file below `root` but the lock, by its path."""
    files = (path for path in root.rglob("*") if path.is_file() and path.name != "lock")
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def xml(path: Path) -> ET.Element:
    """The root element of an XML file."""
    return ET.parse(path).getroot()  # noqa: S314 - the file is the project's own
