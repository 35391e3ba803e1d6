"""Owns finding an article's post at a site: by number, by slug, by our mark; and that there is one of it.

A site has no word for "once": whatever is created twice stands there twice. So everything ours carries a mark, and a
second copy that says the same goes to the waste basket. Never: creates or changes a post; touches a copy that a person
made something else of.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pipeline.logs import get_logger
from pipeline.sites.notes import Notes
from pipeline.sites.port import Article, SiteRefusedError, StandingTitle
from pipeline.sites.wordpress import sentences
from pipeline.sites.wordpress.body import marked_with
from pipeline.sites.wordpress.client import Client, Reply
from pipeline.sites.wordpress.posts import FIELDS, STATUSES, TRASHED, VISIBLE, Post, own_slug

_GONE: Final = frozenset({404, 410})
_MOST_DIGITS: Final = 18
_FILE_MARK: Final = 12
_TITLES_AT_ONCE: Final = 100
#: Characters of an instant.
_STAMP: Final = 19
_log = get_logger(__name__)


@dataclass(frozen=True)
class Marks:
    """How what is ours is told from everything else at the site."""

    #: Of this site in this installation; letters and digits.
    key: str

    def of(self, content_id: int) -> str:
        """The mark of an article; no other article's begins with it."""
        return f"igny8-{self.key}-c{content_id}e"

    def content_of(self, content: str) -> int | None:
        """The article whose mark a post's content bears; None where it is none of ours."""
        found = marked_with(rf"igny8-{re.escape(self.key)}-c(\d{{1,{_MOST_DIGITS}}})e").search(content)
        return int(found[1]) if found else None

    def of_files(self, content_id: int) -> str:
        """What the names of the article's images have in them, and no other file's."""
        return hashlib.sha256(self.of(content_id).encode()).hexdigest()[:_FILE_MARK]


@dataclass(frozen=True)
class Found:
    """What a look-up brought."""

    #: Ours, if there is one.
    post: Post | None
    #: Whether another page of the site has the article's slug.
    slug_is_taken: bool


class Finder:
    """Looks for the posts of one site."""

    def __init__(self, client: Client, notes: Notes, marks: Marks) -> None:
        """Ask nothing yet."""
        self._client = client
        self._notes = notes
        self.marks = marks

    def by_number(self, remote_id: str) -> Post | None:
        """The post of that number; None where there is none."""
        if not remote_id.isascii() or not remote_id.isdecimal():
            return None
        reply = self._client.get(f"/wp/v2/posts/{remote_id}", context="edit", _fields=FIELDS)
        if reply.status in _GONE:
            return None
        if not reply.is_success:
            raise reply.refusal()
        return Post.of(reply.one())

    def by_numbers(self, numbers: Sequence[str]) -> list[Post]:
        """Those of the numbers that there are, up to a hundred."""
        return self._listed(include=",".join(numbers))

    def of_article(self, article: Article) -> Found:
        """The article's own post, and whether its slug is free, in one request; in two after a lost answer."""
        slugs = (article.slug, own_slug(article.slug, article.content_id))
        asked = ",".join(f"{slug},{slug}__trashed" for slug in slugs)
        posts = self._listed(slug=asked)
        mark = self.marks.of(article.content_id)
        ours = [post for post in posts if post.is_of(mark)]
        is_taken = any(post.slug == article.slug and post.status != TRASHED for post in posts if post not in ours)
        if not ours and self._notes.may_have_left_something:
            return Found(self.by_mark(article.content_id), is_taken)
        return Found(self._only(ours), is_taken)

    def by_mark(self, content_id: int, *, known: str | None = None) -> Post | None:
        """The article's own post under whatever slug; that of the number `known` before others."""
        mark = self.marks.of(content_id)
        return self._only([post for post in self._listed(search=mark) if post.is_of(mark)], known=known)

    def titles(self, *, after: str | None) -> tuple[list[StandingTitle], str | None]:
        """Some titles in the order they were changed, and until when that goes; by the site's own clock.

        Those of the second `after` are among them: others of that second may not have been read.
        """
        newer = {} if after is None else {"modified_after": _shifted(after, seconds=-1)}
        fields = {"_fields": "id,title,modified", "context": "edit", "per_page": str(_TITLES_AT_ONCE)}
        reply = self._client.get("/wp/v2/posts", status=VISIBLE, orderby="modified", order="asc", **fields, **newer)
        if not reply.is_success:
            raise reply.refusal()
        entries = [entry for entry in reply.many() if isinstance(entry.get("title"), dict)]
        titles = [
            StandingTitle(str(entry.get("id")), html.unescape(str(entry["title"].get("raw")))) for entry in entries
        ]
        until = str(entries[-1].get("modified"))[:_STAMP] if entries else None
        is_one_second = len(entries) == _TITLES_AT_ONCE and until == after
        return titles, _shifted(until, seconds=1) if until is not None and is_one_second else until

    def remove(self, post: Post, *, for_good: bool) -> None:
        """Take a post away: into the site's waste basket, or for good. What is not there is away."""
        route = f"/wp/v2/posts/{post.id}"
        reply = self._client.delete(route, force="true") if for_good else self._client.delete(route)
        if reply.code == "rest_trash_not_supported":
            reply = self._client.delete(route, force="true")
        if not reply.is_success and reply.status not in _GONE:
            raise reply.refusal()

    def _only(self, posts: Sequence[Post], *, known: str | None = None) -> Post | None:
        """The one that is ours: the known one, else what visitors see, else the first made.

        Further copies go to the waste basket where they say the same; what a person changed is theirs.
        """
        ordered = sorted(
            posts, key=lambda one: (str(one.id) != known, not one.is_visible, one.status == TRASHED, one.id)
        )
        for copy in ordered[1:]:
            if copy.status != TRASHED and copy.is_copy_of(ordered[0]):
                self.remove(copy, for_good=False)
                _log.warning("second_copy_removed", post_id=copy.id, kept=ordered[0].id)
        return ordered[0] if ordered else None

    def _listed(self, **query: str) -> list[Post]:
        reply = self._client.get(
            "/wp/v2/posts", **query, status=STATUSES, context="edit", per_page="100", _fields=FIELDS
        )
        if not reply.is_success:
            raise self._why_not(reply)
        return [Post.of(entry) for entry in reply.many()]

    def _why_not(self, reply: Reply) -> SiteRefusedError:
        """To whom a site does not know, or does not let write, it says that there is no such status."""
        params = reply.data.get("params")
        if not isinstance(params, dict) or "status" not in params:
            return reply.refusal()
        user = self._client.get("/wp/v2/users/me", context="edit")
        return SiteRefusedError(sentences.ROLE) if user.is_success else user.refusal()


def _shifted(stamp: str, *, seconds: int) -> str:
    """That much later; as it is where it is no instant."""
    try:
        return (datetime.fromisoformat(stamp) + timedelta(seconds=seconds)).isoformat()
    except (ValueError, OverflowError):
        return stamp
