"""Owns what is written into a post, and the look at what the site kept of it: a yes may be half a yes.

Never: looks for a post; makes one visible.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pipeline.core.normal import display_text
from pipeline.sites.notes import SEARCH_TEXTS, Note, NoteKind, Notes
from pipeline.sites.port import FEATURED, Article, Placed, SiteError, SiteRefusedError
from pipeline.sites.wordpress import sentences
from pipeline.sites.wordpress.body import Figure, as_html, composed
from pipeline.sites.wordpress.client import Client
from pipeline.sites.wordpress.finding import Finder
from pipeline.sites.wordpress.imprints import Part, changed, written_over
from pipeline.sites.wordpress.media import Media
from pipeline.sites.wordpress.posts import FIELDS, TRASHED, Post
from pipeline.sites.wordpress.terms import Terms

_TAG: Final = re.compile(r"<[^>]*>")
#: Where links and pictures lead to.
_ADDRESS: Final = re.compile(r"""\s(?:href|src)=["']?([^"'\s>]*)""", re.IGNORECASE)
#: What a site says to texts that it keeps otherwise than it shows them, and to those that it lets nobody write.
_MAY_BE_META: Final = frozenset({400, 403})
_META: Final = "meta"
#: Stands before the names of places whose texts the site did not take.
_NOT_TAKEN: Final = "-"


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

        Refused where somebody changed what would be written over since it had that `imprint`.
        """
        if before is not None:
            self._look_for_meta(before)
        values = self._values(article, slug)
        is_there = before is not None and before.status != TRASHED
        if before is not None and is_there and _said(values, before) == set(Part):
            return before
        if before is not None:
            self._require_unchanged(article, values, before, imprint)
        post = self._sent(article, values, before)
        if self._forget_lost(article, values, post):
            # A term or an image that was known is not there any more: made anew, once.
            values = self._values(article, slug)
            post = self._sent(article, values, post)
        self._require_kept(article, values, post)
        if not post.is_visible:
            self.media.tidy(article)
        # What search engines show is written once more where the site is just found to keep it.
        return self._sent(article, self._meta(article), post) if self._look_for_meta(post) else post

    def placed(self, article: Article, post: Post, *, imprint: str | None) -> Placed:
        """Where it stands after it was written; what was not sent is known as before."""
        told = written_over(imprint, post.told, sent=self.written_parts(article))
        return replace(post.placed, imprint=told)

    @property
    def own_parts(self) -> set[Part]:
        """What is written of posts at this site."""
        without = {Part.META: not self._meta_names, Part.CATEGORIES: self._category is None}
        return {part for part in Part if not without.get(part)}

    def written_parts(self, article: Article) -> set[Part]:
        """What of its post the article writes over."""
        return self.own_parts if article.featured is not None else self.own_parts - {Part.IMAGE}

    def _require_unchanged(self, article: Article, values: Mapping[str, Any], before: Post, known: str | None) -> None:
        """Nobody's edit is lost; what an answer that never came would have told of is none."""
        if known is not None and before.status == TRASHED:
            raise SiteRefusedError(sentences.draft_edited([], content_id=article.content_id))
        written = self.written_parts(article) - _said(values, before)
        theirs = changed(known, before.told, among=written)
        was_ours = self._notes.may_have_left_something and _reads_as(values, before)
        if theirs and not was_ours:
            told = sentences.edited_there if before.is_visible else sentences.draft_edited
            raise SiteRefusedError(told(theirs, content_id=article.content_id))

    @property
    def _meta_names(self) -> list[str]:
        """Where the site is known to keep texts for search engines and to take them; empty where it does not."""
        known = self._notes.find(NoteKind.SPEECH, SEARCH_TEXTS)
        return known.value.split(",") if known is not None and not known.value.startswith(_NOT_TAKEN) else []

    def _look_for_meta(self, post: Post) -> bool:
        """Know where a site keeps what search engines show, by how it shows a post. Whether that is news."""
        names, known = ",".join(post.meta_names), self._notes.find(NoteKind.SPEECH, SEARCH_TEXTS)
        if known is not None and known.value.removeprefix(_NOT_TAKEN) == names:
            return False
        if names:
            self._notes.keep(Note(NoteKind.SPEECH, SEARCH_TEXTS, names))
        else:
            self._notes.forget(NoteKind.SPEECH, SEARCH_TEXTS)
        return bool(names)

    def _meta(self, article: Article) -> dict[str, Any]:
        """What a site that keeps texts for search engines is told; learnt from how it shows a post."""
        names = self._meta_names
        texts = (article.meta_title or article.title, article.meta_description or article.excerpt)
        shown = (as_html(display_text(text)) for text in texts)
        return {_META: dict(zip(names, shown, strict=True))} if names else {}

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
        try:
            reply = self._client.post(route, {**values, **hidden}, context="edit", _fields=FIELDS)
        except SiteError:
            # It may have been done all the same: what stands there then is no edit of somebody.
            self._notes.may_have_left_something = True
            raise
        if reply.status in _MAY_BE_META and _META in values:
            return self._sent_without_meta(article, values, before)
        if not reply.is_success:
            raise reply.refusal()
        return Post.of(reply.one())

    def _sent_without_meta(self, article: Article, values: Mapping[str, Any], before: Post | None) -> Post:
        """The site shows such texts and does not take them, or not like that: they are not worth an article.

        It may have made the post all the same.
        """
        names = ",".join(values[_META])
        plain = {name: value for name, value in values.items() if name != _META}
        before = before or self._finder.by_mark(article.content_id)
        post = before if before is not None and not plain else self._sent(article, plain, before)
        # It took the rest: it was those texts.
        self._notes.keep(Note(NoteKind.SPEECH, SEARCH_TEXTS, f"{_NOT_TAKEN}{names}"))
        return post

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


def _said(values: Mapping[str, Any], post: Post) -> set[Part]:
    """The parts of which the post says exactly what would be sent; what is not sent is among them."""
    same = {
        Part.TITLE: values["title"] == post.title,
        Part.TEXT: values["content"] == post.content,
        Part.EXCERPT: values["excerpt"] == post.excerpt,
        Part.SLUG: values["slug"] == post.slug,
        Part.META: all(post.meta.get(name) == text for name, text in values.get(_META, {}).items()),
        Part.TAGS: set(values["tags"]) == set(post.tags),
        Part.CATEGORIES: set(values.get("categories", post.categories)) == set(post.categories),
        Part.IMAGE: values.get("featured_media", post.featured_media) == post.featured_media,
    }
    return {part for part, is_same in same.items() if is_same}


def _reads_as(values: Mapping[str, Any], post: Post) -> bool:
    """Whether readers find in it all that would be sent: then it was sent before, and the answer was lost."""
    texts = [(values["title"], post.title), (values["excerpt"], post.excerpt), (values["content"], post.content)]
    texts += [(text, str(post.meta.get(name))) for name, text in values.get(_META, {}).items()]
    is_same = all(_words(sent) == _words(kept) and _links(sent) == _links(kept) for sent, kept in texts)
    return is_same and values["slug"] == post.wanted_slug and set(values["tags"]) == set(post.tags)


def _cut(values: Mapping[str, Any], post: Post) -> list[str]:
    """What readers do not get all of: markup may be spelled otherwise, words and pictures may not be missing."""
    sent, kept = str(values["content"]), post.content
    is_whole = _words(sent) == _words(kept) and sent.count("<img") == kept.count("<img")
    lines = (("title", post.title), ("excerpt", post.excerpt))
    cut = [name for name, line in lines if _words(values[name]) != _words(line)]
    return cut if is_whole else [*cut, "content"]


def _words(content: str) -> list[str]:
    return html.unescape(_TAG.sub(" ", content)).split()


def _links(content: str) -> list[str]:
    """Where it leads to and what it shows, whatever the spelling."""
    return [html.unescape(found) for found in _ADDRESS.findall(content)]
