"""Owns tags and categories by name: the site's numbers for them, asked for once and made where they are missing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from pipeline.core.normal import display_text, keyword_key
from pipeline.sites.notes import Note, NoteKind, Notes
from pipeline.sites.port import SiteOutcomeUnknownError, SiteRefusedError, SiteUnavailableError
from pipeline.sites.wordpress import sentences
from pipeline.sites.wordpress.body import as_html
from pipeline.sites.wordpress.client import Client, Reply
from pipeline.sites.wordpress.posts import number

_ROUTES: Final = {NoteKind.TAG: "/wp/v2/tags", NoteKind.CATEGORY: "/wp/v2/categories"}
_FORBIDDEN: Final = 403


class Terms:
    """The terms of one site."""

    def __init__(self, client: Client, notes: Notes) -> None:
        """Ask nothing yet."""
        self._client = client
        self._notes = notes

    def tags(self, names: Iterable[str]) -> list[int]:
        """The site's numbers for tags, in their order."""
        plain = [name for name in map(display_text, names) if name]
        return list(dict.fromkeys(self._number(NoteKind.TAG, name) for name in plain))

    def category(self, name: str) -> int:
        """The site's number for a category. SiteRefusedError where there is none and none may be made."""
        return self._number(NoteKind.CATEGORY, name)

    def forget(self, kind: NoteKind, kept: Iterable[int]) -> None:
        """Forget those of a kind that are not among `kept`: the site has them no more."""
        numbers = {str(term) for term in kept}
        for known_kind, key in list(self._notes.known):
            if known_kind is kind and self._notes.known[known_kind, key].value not in numbers:
                self._notes.forget(kind, key)

    def _number(self, kind: NoteKind, name: str) -> int:
        key = keyword_key(name) or name
        known = self._notes.find(kind, key)
        if known is not None:
            return int(known.value)
        found = self._found(name) if kind is NoteKind.CATEGORY else None
        term = found or self._made(kind, name)
        self._notes.keep(Note(kind, key, str(term)))
        return term

    def _found(self, name: str) -> int | None:
        """A category that is there: whoever may not make one may use it."""
        reply = self._client.get(_ROUTES[NoteKind.CATEGORY], search=name, per_page="100", context="view")
        if not reply.is_success:
            raise reply.refusal()
        wanted = keyword_key(name)
        same = (entry for entry in reply.many() if keyword_key(sentences.shown(str(entry.get("name")))) == wanted)
        return next((_checked(entry.get("id")) for entry in same), None)

    def _made(self, kind: NoteKind, name: str) -> int:
        """Made, or the one that has that name already; making it twice is making it once."""
        try:
            reply = self._client.post(_ROUTES[kind], {"name": as_html(name)})
        except SiteOutcomeUnknownError as error:
            # No post depends on it yet: whatever became of it, it is asked for again.
            raise SiteUnavailableError(error.message) from None
        if reply.code == "term_exists":
            return _checked(reply.data.get("term_id"))
        if reply.status == _FORBIDDEN and kind is NoteKind.CATEGORY:
            raise _missing(name, reply)
        if not reply.is_success:
            raise reply.refusal()
        return _checked(reply.one().get("id"))


def _missing(name: str, reply: Reply) -> SiteRefusedError:
    return SiteRefusedError(f"{sentences.NO_CATEGORY.format(name=name)} {reply.said}")


def _checked(found: Any) -> int:
    try:
        return number(found)
    except ValueError:
        raise SiteUnavailableError("The site did not say which number a tag or category has.") from None
