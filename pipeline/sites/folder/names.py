"""Owns the names of folders and files on the site: nothing escapes its folder, nothing takes another's place."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Final

from slugify import slugify

from pipeline.sites.port import Article, Picture, SiteRefusedError

PAGE: Final = "index.html"
IMAGES: Final = "images"
TAGS: Final = "tags"
ARCHIVE: Final = "archive"

#: Room for "-" and a content id below the 255 bytes a file name may have.
MAX_SLUG_BYTES: Final = 200

_RESERVED: Final = frozenset({TAGS, ARCHIVE, IMAGES})
_SLUG: Final = re.compile(r"\w[\w-]*")
_EXTENSIONS: Final = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/avif": ".avif",
}


def checked_slug(article: Article) -> str:
    """The article's slug. Raises SiteRefusedError for one that could leave the folder or is no folder's name."""
    slug = article.slug
    if not _SLUG.fullmatch(slug) or len(slug.encode()) > MAX_SLUG_BYTES:
        raise SiteRefusedError(
            f"Slug {slug[:80]!r} of content {article.content_id} cannot be a page's address. Allowed: letters, digits, "
            f"underscores and hyphens, at most {MAX_SLUG_BYTES} bytes. Change the slug and publish again."
        )
    return slug


def folder_names(slug: str, content_id: int) -> Iterator[str]:
    """The folder names to try for a slug, best first: as asked, with the content's id, then numbered."""
    if slug.casefold() not in _RESERVED:
        yield slug
    yield f"{slug}-{content_id}"
    yield from (f"{slug}-{content_id}-{number}" for number in count(2))


def picture_names(pictures: Iterable[Picture]) -> dict[Picture, str]:
    """A safe file name for each picture, no two equal. Raises SiteRefusedError for a kind browsers do not show."""
    names: dict[Picture, str] = {}
    for picture in pictures:
        extension = _EXTENSIONS.get(picture.mime)
        if extension is None:
            raise SiteRefusedError(
                f"Picture {picture.file_name!r} is {picture.mime}. Allowed: {', '.join(_EXTENSIONS)}. "
                "Replace the picture and publish again."
            )
        stem = slugify(Path(picture.file_name).stem, max_length=100) or "picture"
        tries = (f"{stem}{extension}", *(f"{stem}-{number}{extension}" for number in range(2, len(names) + 3)))
        names[picture] = next(name for name in tries if name not in names.values())
    return names


def tag_page(tag: str) -> str:
    """The file name of a tag's page: readable, and equal only for tags that differ in case alone."""
    plain = tag.casefold()
    slug = slugify(plain, max_length=100)
    if slug.replace("-", " ") == plain:
        return f"{slug}.html"
    # "C++" and "C#" would share a page otherwise.
    digest = hashlib.sha256(plain.encode()).hexdigest()[:8]
    return f"{slug or 'tag'}-{digest}.html"
