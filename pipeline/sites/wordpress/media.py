"""Owns an article's images at a site: uploaded once, found again by name where an answer was lost, taken away.

Their names say whose they are. Never: the article they belong to; a file that somebody attached to something else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from slugify import slugify

from pipeline.core.normal import display_text
from pipeline.sites.notes import Note, NoteKind, Notes
from pipeline.sites.port import Article, Picture, SiteOutcomeUnknownError, SiteRefusedError, SiteUnavailableError
from pipeline.sites.wordpress import sentences
from pipeline.sites.wordpress.client import Client, Reply
from pipeline.sites.wordpress.finding import Marks
from pipeline.sites.wordpress.posts import address, number

_MOST_STEM: Final = 80
#: Digits of an image's sum that tell it from others of its article.
_NAME_SUM: Final = 8
#: How long a file that was sent may still be on its way.
_LATE_SECONDS: Final = 30
_NOT_FOUND: Final = frozenset({404, 410})
_TOO_LARGE: Final = ("exceed", "too large", "maximum upload", "413")
#: In place of a number: it may lie there, and is looked for by its name before it is sent again.
_MAYBE: Final = "0"
_ROUTE: Final = "/wp/v2/media"


class Media:
    """The images of one site."""

    def __init__(self, client: Client, notes: Notes, marks: Marks) -> None:
        """Ask nothing yet."""
        self._client = client
        self._notes = notes
        self._marks = marks

    def placed(self, article: Article) -> dict[Picture, Note]:
        """Every picture of the article with its number and address at the site; those not there yet are uploaded."""
        return {picture: self._placed(article, picture) for picture in article.pictures}

    def doubt(self, article: Article) -> None:
        """They may not be there any more: each is looked for before it is sent again."""
        for picture in article.pictures:
            self._notes.keep(Note(NoteKind.IMAGE, _key(article.content_id, picture), _MAYBE))

    def remove(self, content_id: int) -> None:
        """Take away all that lies there of an article that nobody ever saw, also what no note tells of."""
        self._take_away(content_id, self._noted(content_id), names=[f"-{self._marks.of_files(content_id)}"])

    def tidy(self, article: Article) -> None:
        """Take away images that a draft does not have any more: others were drawn in their place."""
        kept = {_key(article.content_id, picture) for picture in article.pictures}
        left = [note for note in self._noted(article.content_id) if note.key not in kept]
        if left:
            self._take_away(article.content_id, left, names=[])

    def _take_away(self, content_id: int, notes: Sequence[Note], *, names: Sequence[str]) -> None:
        """What has one of these names, or that of one of the notes, and belongs to no page of somebody's."""
        token = self._marks.of_files(content_id)
        sums = [note.key.partition(":")[2] for note in notes]
        ours = (*names, *(f"-{token}{short[:_NAME_SUM]}" for short in sums), *(f"-{long}" for long in sums))
        found = self._listed(search=token)
        missing = {note.value for note in notes} - {_MAYBE, *(str(entry.get("id")) for entry in found)}
        found += self._listed(include=",".join(sorted(missing))) if missing else []
        for entry in found:
            if not entry.get("post") and any(name in str(entry.get("slug")) for name in ours):
                self._delete(str(entry.get("id")))
        for note in notes:
            self._notes.forget(note.kind, note.key)

    def _noted(self, content_id: int) -> list[Note]:
        begin = f"{content_id}:"
        notes = self._notes.known.items()
        return [note for (kind, key), note in notes if kind is NoteKind.IMAGE and key.startswith(begin)]

    def _delete(self, media_id: str) -> None:
        reply = self._client.delete(f"{_ROUTE}/{media_id}", force="true")
        if not reply.is_success and reply.status not in _NOT_FOUND:
            raise reply.refusal()

    def _placed(self, article: Article, picture: Picture) -> Note:
        key = _key(article.content_id, picture)
        known = self._notes.find(NoteKind.IMAGE, key)
        if known is not None and known.value != _MAYBE:
            return known
        stem = slugify(Path(picture.file_name).stem, max_length=_MOST_STEM) or "image"
        name = f"{stem}-{self._marks.of_files(article.content_id)}{_sum(picture)[:_NAME_SUM]}"
        may_be_there = known is not None or self._notes.may_have_left_something
        found = self._find(name) if may_be_there else None
        return self._notes.keep(_note(key, found or self._upload(article, picture, name)))

    def _find(self, name: str) -> dict[str, Any] | None:
        return next((entry for entry in self._listed(slug=name) if entry.get("slug") == name), None)

    def _listed(self, **query: str) -> list[dict[str, Any]]:
        fields = "id,slug,post,source_url"
        reply = self._client.get(_ROUTE, **query, per_page="100", context="edit", _fields=fields)
        if not reply.is_success:
            raise reply.refusal()
        return reply.many()

    def _upload(self, article: Article, picture: Picture, name: str) -> dict[str, Any]:
        suffix = picture.path.suffix or Path(picture.file_name).suffix
        try:
            reply = self._client.upload(
                _ROUTE,
                _bytes(article, picture),
                name=f"{name}{suffix}",
                mime=picture.mime,
                alt_text=display_text(picture.alt_text),
            )
        except SiteOutcomeUnknownError as error:
            found = self._find(name)  # It may have been taken all the same, or be taken in a moment.
            if found is None:
                self._notes.keep(Note(NoteKind.IMAGE, _key(article.content_id, picture), _MAYBE))
                raise SiteUnavailableError(error.message, retry_after_seconds=_LATE_SECONDS) from None
            return found
        if not reply.is_success:
            raise _refusal(picture, reply)
        return reply.one()


def _refusal(picture: Picture, reply: Reply) -> SiteRefusedError:
    error = reply.refusal()
    size = f"The image {picture.file_name} ({picture.path.stat().st_size:,} bytes) was not taken."
    is_large = any(word in error.message.lower() for word in _TOO_LARGE)
    todo = f" {sentences.TOO_LARGE}" if is_large and sentences.TOO_LARGE not in error.message else ""
    return SiteRefusedError(f"{size}{todo} {error.message}")


def _note(key: str, entry: Mapping[str, Any]) -> Note:
    url = address(entry.get("source_url"))
    try:
        media_id = number(entry.get("id"))
    except ValueError:
        media_id = 0
    if not media_id or not url:
        raise SiteUnavailableError("The site did not say where it keeps an image.")
    return Note(NoteKind.IMAGE, key, str(media_id), url)


def _bytes(article: Article, picture: Picture) -> bytes:
    try:
        return picture.path.read_bytes()
    except OSError:
        raise SiteRefusedError(
            f"Picture {picture.file_name!r} of content {article.content_id} is not at {picture.path}. "
            "Make the image again, then publish."
        ) from None


def _key(content_id: int, picture: Picture) -> str:
    return f"{content_id}:{_sum(picture)}"


def _sum(picture: Picture) -> str:
    """The stored bytes are named by their hash."""
    return hashlib.sha256(picture.path.name.encode()).hexdigest()[:12]
