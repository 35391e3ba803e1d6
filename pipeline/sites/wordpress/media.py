"""Owns an article's images at a site: uploaded once, found again by name where an answer was lost.

Never: the article they belong to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from slugify import slugify

from pipeline.core.normal import display_text
from pipeline.net import MOST_URL_CHARACTERS
from pipeline.sites.notes import Note, NoteKind, Notes
from pipeline.sites.port import Article, Picture, SiteOutcomeUnknownError, SiteRefusedError, SiteUnavailableError
from pipeline.sites.wordpress import sentences
from pipeline.sites.wordpress.client import Client, Reply
from pipeline.sites.wordpress.posts import number

_MOST_STEM: Final = 80
#: How long a file that was sent may still be on its way.
_LATE_SECONDS: Final = 30
_NOT_FOUND: Final = frozenset({404, 410})
_TOO_LARGE: Final = ("exceed", "too large", "maximum upload", "413")


class Media:
    """The images of one site."""

    def __init__(self, client: Client, notes: Notes) -> None:
        """Ask nothing yet."""
        self._client = client
        self._notes = notes

    def placed(self, article: Article) -> dict[Picture, Note]:
        """Every picture of the article with its number and address at the site; those not there yet are uploaded."""
        return {picture: self._placed(article, picture) for picture in article.pictures}

    def forget(self, article: Article) -> None:
        """They are not there any more."""
        for picture in article.pictures:
            self._notes.forget(NoteKind.IMAGE, _key(article.content_id, picture))

    def remove(self, content_id: int) -> None:
        """Take away what is known to lie there of an article that nobody ever saw."""
        own = [
            note
            for (kind, key), note in self._notes.known.items()
            if kind is NoteKind.IMAGE and key.startswith(f"{content_id}:")
        ]
        for note in own:
            reply = self._client.delete(f"/wp/v2/media/{note.value}", force="true")
            if reply.is_success or reply.status in _NOT_FOUND:
                self._notes.forget(note.kind, note.key)

    def _placed(self, article: Article, picture: Picture) -> Note:
        key = _key(article.content_id, picture)
        known = self._notes.find(NoteKind.IMAGE, key)
        if known is not None:
            return known
        name = f"{slugify(Path(picture.file_name).stem, max_length=_MOST_STEM) or 'image'}-{_sum(picture)}"
        found = self._find(name) if self._notes.may_have_left_something else None
        return self._notes.keep(_note(key, found or self._upload(article, picture, name)))

    def _find(self, name: str) -> dict[str, Any] | None:
        reply = self._client.get("/wp/v2/media", slug=name, per_page="1", context="edit")
        if not reply.is_success:
            raise reply.refusal()
        return next((entry for entry in reply.many() if entry.get("slug") == name), None)

    def _upload(self, article: Article, picture: Picture, name: str) -> dict[str, Any]:
        suffix = picture.path.suffix or Path(picture.file_name).suffix
        try:
            reply = self._client.upload(
                "/wp/v2/media",
                _bytes(article, picture),
                name=f"{name}{suffix}",
                mime=picture.mime,
                alt_text=display_text(picture.alt_text),
            )
        except SiteOutcomeUnknownError as error:
            found = self._find(name)  # It may have been taken all the same, or be taken in a moment.
            if found is None:
                self._notes.may_have_left_something = True
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
    url = entry.get("source_url")
    try:
        media_id = number(entry.get("id"))
    except ValueError:
        media_id = 0
    if not media_id or not isinstance(url, str) or len(url) > MOST_URL_CHARACTERS:
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
