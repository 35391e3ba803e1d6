"""Owns publishing to a site that is reached over the network: draft, show, read back, take away, each safe to repeat.

Four requests an article: look up, write the draft, show it, read it back; one more an image, and one where the site did
not say for a while that the draft is ours: it is looked at before it is shown.
Never: the database, the calendar; publishes what was not drafted; changes what does not bear our mark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pipeline.logs import get_logger
from pipeline.sites.notes import Note, NoteKind, Notes
from pipeline.sites.port import (
    Article,
    Placed,
    SiteOutcomeUnknownError,
    SiteRefusedError,
    SiteUnavailableError,
    Standing,
    StandingTitle,
)
from pipeline.sites.wordpress import preflight, sentences
from pipeline.sites.wordpress.client import Access, Client, Reply
from pipeline.sites.wordpress.finding import Finder, Marks
from pipeline.sites.wordpress.imprints import Part, changed
from pipeline.sites.wordpress.posts import DRAFT, FIELDS, TRASHED, VISIBLE, Post, is_numbered, own_slug, stamp
from pipeline.sites.wordpress.writing import Writer

_GONE: Final = frozenset({404, 410})
_FUTURE: Final = "future"
_TITLES_UNTIL: Final = "titles_until"
#: Articles that are compared by one request.
_AT_ONCE: Final = 50
_log = get_logger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class RemoteSite:
    """A site that is published to through its REST API."""

    #: A site makes a second post of whatever is created twice.
    needs_lookup = True

    def __init__(
        self,
        access: Access,
        *,
        key: str,
        timezone: str,
        category: str | None = None,
        notes: Notes | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Ask nothing yet. `key` marks what is ours; `notes` is what is known of the site."""
        self._access = access
        self._timezone = timezone
        self._notes = notes or Notes()
        self._clock = clock
        #: What this visit wrote itself: it bears our mark.
        self._written: str | None = None
        self._marks = Marks(key)
        self._client = Client(access, self._notes)
        self._finder = Finder(self._client, self._notes, self._marks)
        self._writer = Writer(self._client, self._notes, self._finder, category=category)

    def draft(self, article: Article, *, remote_id: str | None, imprint: str | None) -> Placed:
        """Write the article with its images and terms, unseen where it is not visible yet.

        SiteOutcomeUnknownError where no answer came: it may be there, and is found by `look_up`.
        """
        slug = article.slug
        before = None if remote_id is None else self._finder.by_number(remote_id)
        if before is None or self._marks.content_of(before.content) != article.content_id:
            found = self._finder.of_article(article)
            before, imprint = found.post, None
            slug = own_slug(slug, article.content_id) if found.slug_is_taken else slug
        if before is not None and before.wanted_slug == own_slug(article.slug, article.content_id):
            slug = before.wanted_slug
        post = self._writer.written(article, before, slug=slug, imprint=imprint)
        self._written = str(post.id)
        return self._writer.placed(article, self._with_right_slug(article, post), imprint=imprint)

    def update(self, article: Article, *, remote_id: str, imprint: str | None) -> Placed:
        """Write a later version over what everybody reads; refused where somebody took it away or changed it there."""
        before = self._finder.by_number(remote_id)
        if before is None or not before.is_visible:
            raise SiteRefusedError(sentences.GONE.format(content_id=article.content_id))
        if self._marks.content_of(before.content) != article.content_id:
            raise SiteRefusedError(sentences.edited_there([Part.TEXT], content_id=article.content_id))
        ours = own_slug(article.slug, article.content_id)
        slug = ours if before.slug == ours else article.slug
        post = self._writer.written(article, before, slug=slug, imprint=imprint)
        return self._writer.placed(article, self._with_right_slug(article, post), imprint=imprint)

    def show(self, article: Article, *, remote_id: str, imprint: str | None = None, was_seen: bool = False) -> Placed:
        """Have it published under its date, and see in the answer that it is, and that it is ours.

        What a person changed in the draft that had that `imprint`, and left our mark in, is published with it, and
        counts as edited from then on.
        """
        reply = self._shown(article, remote_id) if was_seen or self._is_ours(article, remote_id) else None
        if reply is None:
            # Somebody took the draft away there, or replaced it; what stands on the calendar is to be published.
            anew = self.draft(article, remote_id=None, imprint=None)
            reply, imprint = self._shown(article, anew.remote_id), anew.imprint
        if reply is None:
            raise SiteUnavailableError("The site took the article, but does not have it any more.")
        post = Post.of(reply.one())
        if post.status == _FUTURE:
            post = self._at_their_clock(post, reply)
        if not post.is_visible:
            raise SiteUnavailableError(
                f"The site was asked to publish the article, but calls it {sentences.shown(post.status)!r}."
            )
        theirs = changed(imprint, post.told, among=self._writer.written_parts(article))
        if is_numbered(post.slug, of=(article.slug, own_slug(article.slug, article.content_id))):
            post = self._with_right_slug(article, post)
            theirs = [part for part in theirs if part is not Part.SLUG]
        return replace(post.placed, imprint=imprint) if theirs else post.placed

    def publish(self, article: Article, *, remote_id: str | None) -> Placed:
        """Draft and show in one go; whoever wants to know what became of the draft calls the two."""
        drafted = self.draft(article, remote_id=remote_id, imprint=None)
        return self.show(article, remote_id=drafted.remote_id, imprint=drafted.imprint, was_seen=False)

    def withdraw(self, remote_id: str) -> None:
        """It goes to the site's waste basket; its images stay, so that it can be taken out again."""
        self._take_away(remote_id, imprint=None)

    def discard(self, remote_id: str, *, imprint: str) -> None:
        """A draft that says what was written is gone for good; anything else as `withdraw`."""
        self._take_away(remote_id, imprint=imprint)

    def clear(self, content_id: int) -> None:
        """Images of which no post is left; of one in the waste basket they stay, so that it can be taken out again."""
        if self._finder.by_mark(content_id) is None:
            self._writer.media.remove(content_id)

    def still_ours(self, drafts: Mapping[str, int]) -> set[str]:
        """Those that bear the mark of their content, one request for all."""
        numbers = [remote_id for remote_id in drafts if remote_id.isascii() and remote_id.isdecimal()]
        posts = self._finder.by_numbers(numbers) if numbers else []
        return {str(post.id) for post in posts if self._marks.content_of(post.content) == drafts.get(str(post.id), 0)}

    def _take_away(self, remote_id: str, *, imprint: str | None) -> None:
        """For good where it is a draft with that imprint."""
        post = self._finder.by_number(remote_id)
        if post is None or post.status == TRASHED:
            return
        if self._marks.content_of(post.content) is None:
            raise SiteRefusedError(
                f"Post {remote_id} of the site does not bear our mark any more: somebody replaced what was in it. "
                f"Take it away there by hand: {post.link}"
            )
        is_as_written = imprint is not None and not changed(imprint, post.told)
        self._finder.remove(post, for_good=post.status == DRAFT and is_as_written)

    def look_up(self, content_id: int) -> Placed | None:
        """Where the site has the article, visible or not; a second copy of it goes to the waste basket."""
        post = self._finder.by_mark(content_id)
        return None if post is None or post.status == TRASHED else post.placed

    def read_back(self, remote_id: str) -> Placed | None:
        """Where everybody may read it. After a lost answer, second copies of it are looked for."""
        post = self._finder.by_number(remote_id)
        if post is None or not post.is_visible:
            return None
        content_id = self._marks.content_of(post.content)
        if self._notes.may_have_left_something and content_id is not None:
            self._finder.by_mark(content_id, known=remote_id)
        return post.placed

    def check(self) -> list[str]:
        """Reachable, let in, allowed to publish; what differs of zone and clock is told."""
        return preflight.check(self._client, timezone=self._timezone, username=self._access.username, now=self._clock())

    def standing(self, remote_id: str, *, imprint: str | None = None) -> Standing:
        """Deleted where it is not there, unpublished where not everybody reads it, edited where it says otherwise."""
        return self._standing(self._finder.by_number(remote_id), imprint)

    def standings(self, known: Mapping[str, str | None]) -> dict[str, Standing]:
        """As `standing`, fifty articles a request; what is not answered is asked for by itself."""
        numbers = [remote_id for remote_id in known if remote_id.isascii() and remote_id.isdecimal()]
        posts: dict[str, Post] = {}
        for first in range(0, len(numbers), _AT_ONCE):
            found = self._finder.by_numbers(numbers[first : first + _AT_ONCE])
            posts |= {str(post.id): post for post in found}
        return {
            remote_id: self._standing(posts[remote_id], imprint)
            if remote_id in posts
            else self.standing(remote_id, imprint=imprint)
            for remote_id, imprint in known.items()
        }

    def new_titles(self, *, portions: int) -> list[StandingTitle]:
        """One request where nothing is new; where the last one ended is a note of the site."""
        found: list[StandingTitle] = []
        for _ in range(portions):
            note = self._notes.find(NoteKind.SPEECH, _TITLES_UNTIL)
            titles, until = self._finder.titles(after=None if note is None else note.value)
            found += titles
            if until is None or (note is not None and until == note.value):
                break
            self._notes.keep(Note(NoteKind.SPEECH, _TITLES_UNTIL, until))
        return found

    def _is_ours(self, article: Article, remote_id: str) -> bool:
        """Whether that post bears the article's mark; asked where this visit did not write it."""
        if remote_id == self._written:
            return True
        post = self._finder.by_number(remote_id)
        return post is not None and self._marks.content_of(post.content) == article.content_id

    def _shown(self, article: Article, remote_id: str) -> Reply | None:
        """The answer to having it shown; None where there is no such post, or it is not ours: unseen again then."""
        reply = self._change(remote_id, {"status": VISIBLE, "date_gmt": stamp(article.published_at)})
        if reply is None or self._marks.content_of(Post.of(reply.one()).content) == article.content_id:
            return reply
        _log.warning("not_our_draft", post_id=remote_id, content_id=article.content_id)
        self._change(remote_id, {"status": DRAFT})
        return None

    def _change(self, remote_id: str, values: Mapping[str, Any]) -> Reply | None:
        """The answer to a change; None where there is no such post. A lost answer is no harm: it is asked again."""
        route = f"/wp/v2/posts/{remote_id}"
        try:
            reply = self._client.post(route, values, context="edit", _fields=FIELDS)
        except SiteOutcomeUnknownError:
            reply = self._changed_after_all(route, values)
        if reply.status in _GONE:
            return None
        if not reply.is_success:
            raise reply.refusal()
        return reply

    def _changed_after_all(self, route: str, values: Mapping[str, Any]) -> Reply:
        """Nobody knows whether it was changed: looked at, and asked once more where it was not."""
        try:
            reply = self._client.get(route, context="edit", _fields=FIELDS)
            if reply.is_success and Post.of(reply.one()).status != values.get("status"):
                reply = self._client.post(route, values, context="edit", _fields=FIELDS)
        except SiteUnavailableError as error:
            raise SiteOutcomeUnknownError(error.message) from None
        return reply

    def _at_their_clock(self, post: Post, reply: Reply) -> Post:
        """Its clock is behind ours, and it would wait for a task of its own: dated by its own clock, it is shown."""
        now = (reply.clock or self._clock()) - timedelta(seconds=1)
        again = self._change(str(post.id), {"status": VISIBLE, "date_gmt": stamp(now)})
        return post if again is None else Post.of(again.one())

    def _with_right_slug(self, article: Article, post: Post) -> Post:
        """The site gave it a slug of its own making, because another page took the article's meanwhile."""
        ours = own_slug(article.slug, article.content_id)
        if post.slug in {article.slug, ours}:
            return post
        again = self._change(str(post.id), {"slug": ours})
        return post if again is None else Post.of(again.one())

    def _standing(self, post: Post | None, imprint: str | None) -> Standing:
        if post is None:
            return Standing.DELETED
        if not post.is_visible or post.is_locked:
            return Standing.UNPUBLISHED
        return Standing.EDITED if changed(imprint, post.told, among=self._writer.own_parts) else Standing.HERE
