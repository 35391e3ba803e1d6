"""Owns what a site says of a post: whether it is ours, whether it is visible, whether somebody changed it.

Never: asks the site.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from pipeline.sites.port import Placed, SiteOutcomeUnknownError
from pipeline.sites.wordpress.body import is_marked

#: Every status that a post of ours may have, also one that somebody threw away.
STATUSES: Final = "publish,future,draft,pending,private,trash"
#: What is asked of a post: all that is compared, nothing that is rendered.
FIELDS: Final = "id,slug,status,link,date_gmt,password,title,content,excerpt,featured_media,tags,categories,meta"
#: Of an address.
_MOST_LINK: Final = 2_000
#: Numbers of sites are 64 bits.
_LARGEST_NUMBER: Final = 10**18
VISIBLE: Final = "publish"
DRAFT: Final = "draft"
TRASHED: Final = "trash"
_TRASH_SUFFIX: Final = "__trashed"
#: The names under which what search engines show is kept, where a site keeps it: title, description.
_META: Final = (
    ("_yoast_wpseo_title", "_yoast_wpseo_metadesc"),
    ("rank_math_title", "rank_math_description"),
    ("_aioseo_title", "_aioseo_description"),
    ("_seopress_titles_title", "_seopress_titles_desc"),
    ("_genesis_title", "_genesis_description"),
    ("meta_title", "meta_description"),
)


@dataclass(frozen=True)
class Post:
    """A post as the site keeps it."""

    id: int
    slug: str
    status: str
    link: str
    title: str
    content: str
    excerpt: str
    featured_media: int
    tags: tuple[int, ...]
    categories: tuple[int, ...]
    meta: Mapping[str, Any]
    #: Whether readers are asked for a password.
    is_locked: bool = False

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        """Of what was answered. SiteOutcomeUnknownError where that is no post."""
        try:
            return cls(
                id=number(entry["id"]),
                slug=str(entry["slug"]),
                status=str(entry["status"]),
                link=str(entry["link"])[:_MOST_LINK],
                title=str(entry["title"]["raw"]),
                content=str(entry["content"]["raw"]),
                excerpt=str(entry["excerpt"]["raw"]),
                featured_media=number(entry["featured_media"]) if entry.get("featured_media") else 0,
                tags=tuple(map(int, entry.get("tags") or ())),
                categories=tuple(map(int, entry.get("categories") or ())),
                meta=entry["meta"] if isinstance(entry.get("meta"), dict) else {},
                is_locked=bool(entry.get("password")),
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            raise SiteOutcomeUnknownError("The site answered with a post that cannot be read.") from None

    @property
    def is_visible(self) -> bool:
        """Whether everybody may read it."""
        return self.status == VISIBLE

    def is_of(self, mark: str) -> bool:
        """Whether it is ours, of the article with that mark."""
        return is_marked(self.content, mark)

    @property
    def wanted_slug(self) -> str:
        """Its slug, or the one it had before somebody threw it away."""
        return self.slug.removesuffix(_TRASH_SUFFIX)

    @property
    def imprint(self) -> str:
        """What a person would have to change to have edited it."""
        told = json.dumps([self.title, self.content, self.excerpt, self.slug])
        return hashlib.sha256(told.encode()).hexdigest()[:32]

    def is_copy_of(self, other: Post) -> bool:
        """Whether it is the same once more, made by us: it says the same under the same slug, or a number behind it."""
        mine, theirs = ((post.title, post.content, post.excerpt) for post in (self, other))
        shorter, longer = sorted((self.wanted_slug, other.wanted_slug), key=len)
        is_numbered = longer.removeprefix(f"{shorter}-").isdecimal()
        return mine == theirs and bool(shorter) and (shorter == longer or is_numbered)

    @property
    def placed(self) -> Placed:
        """Where it stands."""
        return Placed(str(self.id), self.link, self.imprint)

    def meta_values(self, *, title: str, description: str) -> dict[str, str]:
        """What goes into the places that the site has for search engines; empty where it has none."""
        for names in _META:
            if all(name in self.meta for name in names):
                return dict(zip(names, (title, description), strict=True))
        return {}


def number(found: Any) -> int:
    """A site's own number for something. ValueError for what can be none."""
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found < _LARGEST_NUMBER:
        raise ValueError("that is no number of anything")
    return found


def own_slug(slug: str, content_id: int) -> str:
    """The slug where another page of the site has the article's own."""
    return f"{slug[:180]}-{content_id}"


def stamp(instant: datetime) -> str:
    """An instant as sites take it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
