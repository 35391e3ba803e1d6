"""Owns how the site looks: records and articles in, the bytes of pages, feed and sitemap out.

Never: the disk; it reads nothing but its own templates.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.sites.folder.body import clean, illustrated
from pipeline.sites.folder.names import ARCHIVE, IMAGES, PAGE, TAGS, tag_page
from pipeline.sites.folder.records import Record
from pipeline.sites.port import Article, Picture

#: The name of the meta element that says which content a page shows.
MARKER: Final = "content-id"
PAGE_SIZE: Final = 24
FEED_SIZE: Final = 50


@dataclass(frozen=True)
class Look:
    """What every page of one site shares."""

    site_name: str
    zone: ZoneInfo
    language: str
    #: With a trailing slash; None where the site has no public address, and every link is relative.
    base_url: str | None

    def address(self, path: str) -> str:
        """The address of a path below the root: absolute where the site has an address, else relative."""
        return f"{self.base_url or ''}{quote(path)}"

    def article_page(self, article: Article, record: Record, names: Mapping[Picture, str]) -> bytes:
        """The article's own page."""
        sources = {picture: quote(f"{IMAGES}/{name}") for picture, name in names.items()}
        featured = article.featured
        inline = {picture: source for picture, source in sources.items() if picture is not featured}
        return self._render(
            "article.html",
            root="../",
            record=record,
            meta_title=clean(article.meta_title) or record.title,
            meta_description=clean(article.meta_description) or record.excerpt,
            canonical=self.address(f"{record.folder}/") if self.base_url else None,
            body=illustrated(article.body_html, inline),
        )

    def lists(self, records: Iterable[Record]) -> dict[str, bytes]:
        """Every page made from records, by its path below the root; what others link to comes first."""
        newest = sorted(records, key=lambda record: (record.instant, record.content_id), reverse=True)
        return {
            "feed.xml": self._render("feed.xml", records=newest[:FEED_SIZE], feed_id=_urn(self.site_name), urn=_urn),
            "sitemap.xml": self._render("sitemap.xml", records=newest),
            **dict(self._tag_pages(newest)),
            **dict(self._front_pages(newest)),
        }

    def _front_pages(self, newest: Sequence[Record]) -> Iterator[tuple[str, bytes]]:
        # Counted from the oldest: full archive pages never change, so the next article rewrites the first page alone.
        archived = max(0, (len(newest) - PAGE_SIZE) // PAGE_SIZE)
        first = len(newest) - archived * PAGE_SIZE
        for number in range(1, archived + 1):
            start = first + (archived - number) * PAGE_SIZE
            yield (
                f"{ARCHIVE}/{number}.html",
                self._render(
                    "index.html",
                    root="../",
                    records=newest[start : start + PAGE_SIZE],
                    part=number,
                    newer=f"{number + 1}.html" if number < archived else f"../{PAGE}",
                    older=f"{number - 1}.html" if number > 1 else None,
                ),
            )
        older = f"{ARCHIVE}/{archived}.html" if archived else None
        yield PAGE, self._render("index.html", root="", records=newest[:first], part=None, newer=None, older=older)

    def _tag_pages(self, newest: Sequence[Record]) -> Iterator[tuple[str, bytes]]:
        by_page: dict[str, list[tuple[str, Record]]] = defaultdict(list)
        for record in newest:
            for page, tag in {tag_page(tag): tag for tag in record.tags}.items():
                by_page[page].append((tag, record))
        for page, tagged in by_page.items():
            records = [record for _, record in tagged]
            yield f"{TAGS}/{page}", self._render("tag.html", root="../", tag=tagged[0][0], records=records)

    def _render(self, template: str, **values: object) -> bytes:
        return _templates().get_template(template).render(site=self, marker=MARKER, **values).encode()

    def day(self, instant: datetime) -> str:
        """The day as readers of the site see it, such as `4 March 2026`."""
        local = instant.astimezone(self.zone)
        return f"{local.day} {local:%B %Y}"

    def local(self, instant: datetime) -> str:
        """The instant in the site's zone, for machines."""
        return instant.astimezone(self.zone).isoformat(timespec="seconds")


def style_sheet() -> bytes:
    """The one style sheet of every page."""
    environment = _templates()
    assert environment.loader is not None  # noqa: S101 - set two functions below; narrows the type
    return environment.loader.get_source(environment, "style.css")[0].encode()


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("pipeline.sites.folder"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = quote
    environment.globals["tag_page"] = lambda tag: quote(str(PurePosixPath(TAGS, tag_page(tag))))
    return environment


def _urn(*parts: object) -> str:
    return uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, parts))).urn
