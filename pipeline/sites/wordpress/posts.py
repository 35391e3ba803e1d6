"""Owns what a site says of a post: whether it is ours, whether it is visible, whether somebody changed it.

Never: asks the site.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from pipeline.core.errors import InvalidValueError
from pipeline.net import checked_url
from pipeline.sites.port import Placed, SiteOutcomeUnknownError
from pipeline.sites.wordpress.body import is_marked
from pipeline.sites.wordpress.imprints import Part, Told, imprint_of

#: Every status that a post of ours may have, also one that somebody threw away.
STATUSES: Final = "publish,future,draft,pending,private,trash"
#: What is asked of a post: all that is compared, nothing that is rendered.
FIELDS: Final = "id,slug,status,link,date_gmt,password,title,content,excerpt,featured_media,tags,categories,meta"
#: A site cuts a slug that is longer.
_LONGEST_SLUG: Final = 200
#: Numbers of sites are 64 bits.
_LARGEST_NUMBER: Final = 10**18
VISIBLE: Final = "publish"
DRAFT: Final = "draft"
TRASHED: Final = "trash"
_TRASH_SUFFIX: Final = "__trashed"
#: The names under which what search engines show is kept, where a site keeps it: title, description.
_META: Final[tuple[tuple[str, str], ...]] = (
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
                link=address(entry["link"]),
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
    def told(self) -> Told:
        """All that an update of it may write over, as it is now."""
        return {
            Part.TITLE: self.title,
            Part.TEXT: self.content,
            Part.EXCERPT: self.excerpt,
            Part.SLUG: self.slug,
            Part.META: self._search_texts,
            Part.TAGS: sorted(self.tags),
            Part.CATEGORIES: sorted(self.categories),
            Part.IMAGE: self.featured_media,
        }

    @property
    def imprint(self) -> str:
        """What a person would have to change to have edited it."""
        return imprint_of(self.told)

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

    @property
    def meta_names(self) -> tuple[str, ...]:
        """The places that the site has for what search engines show, title and description; empty where it has none."""
        return next((names for names in _META if all(name in self.meta for name in names)), ())

    @property
    def _search_texts(self) -> tuple[int, str, str] | None:
        """The number of those places, and what stands in them."""
        names = self.meta_names
        if not names:
            return None
        title, description = (str(self.meta[name] or "") for name in names)
        return _META.index(names), title, description


def number(found: Any) -> int:
    """A site's own number for something. ValueError for what can be none."""
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found < _LARGEST_NUMBER:
        raise ValueError("that is no number of anything")
    return found


def address(found: Any) -> str:
    """An address that can be kept and opened; empty for anything else."""
    try:
        return checked_url(found) if isinstance(found, str) else ""
    except InvalidValueError:
        return ""


def own_slug(slug: str, content_id: int) -> str:
    """The slug where another page of the site has the article's own."""
    return f"{slug[:180]}-{content_id}"


def is_numbered(slug: str, *, of: Collection[str]) -> bool:
    """Whether the site made it of one of those slugs, by a number behind it: another page has that one."""
    begin, _, digits = slug.rpartition("-")
    is_short = len(slug) >= _LONGEST_SLUG - 1 and any(one.startswith(begin) for one in of)
    return slug not in of and digits.isdecimal() and bool(begin) and (begin in of or is_short)


def stamp(instant: datetime) -> str:
    """An instant as sites take it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
