"""Owns what is written into a post, and the look at what the site kept of it: a yes may be half a yes.

Never: looks for a post; makes one visible.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any, Final

from pipeline.core.normal import display_text
from pipeline.sites.notes import Note, NoteKind, Notes
from pipeline.sites.port import FEATURED, Article, SiteRefusedError
from pipeline.sites.wordpress import sentences
from pipeline.sites.wordpress.body import Figure, as_html, composed
from pipeline.sites.wordpress.client import Client
from pipeline.sites.wordpress.finding import Finder
from pipeline.sites.wordpress.media import Media
from pipeline.sites.wordpress.posts import FIELDS, TRASHED, Post
from pipeline.sites.wordpress.terms import Terms

_TAG: Final = re.compile(r"<[^>]*>")
_BAD_REQUEST: Final = 400
_META: Final = "meta"


class Writer:
    """Writes posts of one site."""

    def __init__(self, client: Client, notes: Notes, finder: Finder, *, category: str | None) -> None:
        """Ask nothing yet."""
        self._client = client
        self._notes = notes
        self._finder = finder
        self._marks = finder.marks
        self._category = category
        self._terms = Terms(client, notes)
        self.media = Media(client, notes, finder.marks)

    def written(self, article: Article, before: Post | None, *, slug: str, imprint: str | None) -> Post:
        """The post as it now is: made where there is none, left alone where it says all that already.

        Refused where somebody changed it since it had that `imprint`.
        """
        values = self._values(article, slug)
        is_there = before is not None and before.status != TRASHED
        if before is not None and is_there and not _lost(values, before) and _says(values, before):
            return before
        if before is not None and imprint not in {None, before.imprint} and not _reads_as(values, before):
            raise SiteRefusedError(sentences.EDITED_THERE.format(content_id=article.content_id))
        post = self._sent(article, values, before)
        if self._forget_lost(article, values, post):
            # A term or an image that was known is not there any more: made anew, once.
            values = self._values(article, slug)
            post = self._sent(article, values, post)
        self._require_kept(article, values, post)
        if not post.is_visible:
            self.media.tidy(article)
        return self._with_meta(article, values, post)

    def _with_meta(self, article: Article, values: Mapping[str, Any], post: Post) -> Post:
        """The post with what search engines show, where the site is just found to keep such texts."""
        names = post.meta_values(title="", description="")
        if _META in values or not names:
            return post
        self._notes.keep(Note(NoteKind.SPEECH, _META, ",".join(names)))
        return self._sent(article, self._meta(article), post)

    def _meta(self, article: Article) -> dict[str, Any]:
        """What a site that keeps texts for search engines is told; learnt from how it shows a post."""
        known = self._notes.find(NoteKind.SPEECH, _META)
        if known is None:
            return {}
        texts = (article.meta_title or article.title, article.meta_description or article.excerpt)
        shown = (as_html(display_text(text)) for text in texts)
        return {"meta": dict(zip(known.value.split(","), shown, strict=False))}

    def _values(self, article: Article, slug: str) -> dict[str, Any]:
        tags = self._terms.tags(article.tags)
        categories = [self._terms.category(self._category)] if self._category else []
        placed = self.media.placed(article)
        figures = [
            Figure(picture.place, int(note.value), note.url or "", picture.alt_text, picture.width, picture.height)
            for picture, note in placed.items()
            if picture.place != FEATURED
        ]
        featured = article.featured
        values: dict[str, Any] = {
            "title": as_html(display_text(article.title)),
            "content": composed(article.body_html, figures, mark=self._marks.of(article.content_id)),
            "excerpt": as_html(display_text(article.excerpt)),
            "slug": slug,
            "tags": tags,
            **({"featured_media": int(placed[featured].value)} if featured else {}),
            **({"categories": categories} if categories else {}),
        }
        return {**values, **self._meta(article)}

    def _sent(self, article: Article, values: Mapping[str, Any], before: Post | None) -> Post:
        hidden = {"status": "draft"} if before is None or before.status == TRASHED else {}
        route = "/wp/v2/posts" if before is None else f"/wp/v2/posts/{before.id}"
        reply = self._client.post(route, {**values, **hidden}, context="edit", _fields=FIELDS)
        if reply.status == _BAD_REQUEST and _META in values:
            return self._sent_without_meta(article, values, before)
        if not reply.is_success:
            raise reply.refusal()
        return Post.of(reply.one())

    def _sent_without_meta(self, article: Article, values: Mapping[str, Any], before: Post | None) -> Post:
        """The site keeps such texts otherwise than it shows them: they are not worth an article.

        It may have made the post all the same.
        """
        self._notes.forget(NoteKind.SPEECH, _META)
        plain = {name: value for name, value in values.items() if name != _META}
        before = before or self._finder.by_mark(article.content_id)
        return before if before is not None and not plain else self._sent(article, plain, before)

    def _forget_lost(self, article: Article, values: Mapping[str, Any], post: Post) -> bool:
        lost = _lost(values, post)
        if "featured_media" in lost:
            self.media.doubt(article)
        if "tags" in lost:
            self._terms.forget(NoteKind.TAG, post.tags)
        if "categories" in lost:
            self._terms.forget(NoteKind.CATEGORY, post.categories)
        return bool(lost)

    def _require_kept(self, article: Article, values: Mapping[str, Any], post: Post) -> None:
        lost = [*_lost(values, post), *_cut(values, post)]
        if self._marks.content_of(post.content) != article.content_id and "content" not in lost:
            lost.append("content")
        if lost:
            raise SiteRefusedError(
                f"The site took the article, but dropped a part of it ({', '.join(lost)}). Give the user the role "
                "editor there, look at the site's plugins, then try again.",
                left=post.placed,
            )


def _lost(values: Mapping[str, Any], post: Post) -> list[str]:
    """What was sent and is not there, by name."""
    lost = []
    if values.get("featured_media", post.featured_media) != post.featured_media:
        lost.append("featured_media")
    if not set(values["tags"]) <= set(post.tags):
        lost.append("tags")
    if not set(values.get("categories", ())) <= set(post.categories):
        lost.append("categories")
    return lost


def _says(values: Mapping[str, Any], post: Post) -> bool:
    """Whether the post says exactly what would be sent."""
    sent = (values["title"], values["content"], values["excerpt"], values["slug"])
    return sent == (post.title, post.content, post.excerpt, post.slug) and set(values["tags"]) == set(post.tags)


def _reads_as(values: Mapping[str, Any], post: Post) -> bool:
    """Whether readers read in it what would be sent: then it was sent before, and the answer was lost."""
    texts = ((values["title"], post.title), (values["excerpt"], post.excerpt), (values["content"], post.content))
    return all(_words(sent) == _words(kept) for sent, kept in texts)


def _cut(values: Mapping[str, Any], post: Post) -> list[str]:
    """What readers do not get all of: markup may be spelled otherwise, words and pictures may not be missing."""
    sent, kept = str(values["content"]), post.content
    is_whole = _words(sent) == _words(kept) and sent.count("<img") == kept.count("<img")
    lines = (("title", post.title), ("excerpt", post.excerpt))
    cut = [name for name, line in lines if _words(values[name]) != _words(line)]
    return cut if is_whole else [*cut, "content"]


def _words(content: str) -> list[str]:
    return html.unescape(_TAG.sub(" ", content)).split()
