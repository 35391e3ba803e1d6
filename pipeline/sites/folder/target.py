"""Owns publishing to a folder: the order of the steps, so that a kill between any two leaves a whole site.

Claim the folder → pictures → page → record → lists → what is no longer used. Whatever was cut short is finished by the
next publish or withdraw of the same content. Never: the database, the calendar.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from pipeline.sites.folder.body import clean, reading_minutes
from pipeline.sites.folder.disk import Disk, explained
from pipeline.sites.folder.names import ARCHIVE, IMAGES, PAGE, TAGS, checked_slug, folder_names, picture_names
from pipeline.sites.folder.pages import MARKER, Look, style_sheet
from pipeline.sites.folder.records import Cover, Record, Records
from pipeline.sites.port import Article, Picture, Placed, SiteRefusedError, Standing

_REMOTE_ID: Final = re.compile(r"content-([0-9]{1,18})")
_MARKER: Final = re.compile(rf'<meta name="{MARKER}" content="([0-9]+)">')
#: The marker stands at the top of the head.
_MARKER_WITHIN_BYTES: Final = 4096


class FolderSite:
    """A static site under `root`: an index, a folder an article, a feed and a sitemap, all links relative."""

    #: A content has one folder: placing it again overwrites it.
    needs_lookup = False

    def __init__(
        self,
        root: Path,
        *,
        site_name: str,
        timezone: str,
        base_url: str | None = None,
        language: str = "en",
    ) -> None:
        """Write nothing yet. Raises SiteRefusedError for an unknown zone or an address that is not http(s)."""
        self._root = root.absolute()
        self._look = Look(clean(site_name), _zone(timezone), language, _address(base_url))
        self._disk = Disk(self._root)

    def publish(self, article: Article, *, remote_id: str | None) -> Placed:  # noqa: ARG002 - the content's id finds it
        """Write the article's page and every list that shows it; twice is once.

        An earlier placement is found by the content's id, whatever `remote_id` says; a changed slug moves the page.
        Raises SiteRefusedError for a slug or picture that cannot be used and for a page that somebody edited,
        SiteUnavailableError for a busy disk.
        """
        slug, names = checked_slug(article), picture_names(article.pictures)
        _check_pictures(article)
        with self._disk.locked():
            records = Records(self._disk)
            by_content = records.read_all()
            before = by_content.get(article.content_id, Record(article.content_id))
            self._require_unedited(before)
            folder = self._folder_for(slug, before, by_content.values())
            after = _record(article, slug=slug, folder=folder, names=names)
            page = self._look.article_page(article, after, names)
            coming = hashlib.sha256(page).hexdigest()
            claimed = replace(before.claiming(folder), coming_sha256=coming)
            records.save(claimed)

            self._write_page(after, page, names)
            after = replace(after, page_sha256=coming, claims=tuple(name for name in claimed.folders if name != folder))
            records.save(after)
            self._write_lists({**by_content, article.content_id: after}.values())

            self._remove_articles(after.claims)
            self._remove_pictures(folder, keep=names.values())
            records.save(replace(after, claims=()))
        return self._placed(after)

    def withdraw(self, remote_id: str) -> None:
        """Take the article out of every list, then remove its page and pictures; files of others stay."""
        content_id = _content_id(remote_id)
        if content_id is None or not self._root.is_dir():
            return
        with self._disk.locked():
            records = Records(self._disk)
            by_content = records.read_all()
            before = by_content.get(content_id)
            if before is None:
                return
            gone = before.withdrawn()
            records.save(gone)
            self._write_lists({**by_content, content_id: gone}.values())
            self._remove_articles(gone.claims)
            records.remove(gone)

    def look_up(self, content_id: int) -> Placed | None:
        """Where the content's page is, listed or left half-way; None where nothing of it is there."""
        with explained(self._root):
            record = Records(self._disk).find(content_id)
        return None if record is None else self._placed(record)

    def read_back(self, remote_id: str) -> Placed | None:
        """Read the page from disk: None where it is not listed, not there, or shows another content."""
        content_id = _content_id(remote_id)
        if content_id is None:
            return None
        with explained(self._root):
            record = Records(self._disk).find(content_id)
            if record is None or not record.listed or self._shown_in(record.folder) != content_id:
                return None
        return self._placed(record)

    def check(self) -> tuple[str, ...]:
        """Try to write below the folder; SiteRefusedError or SiteUnavailableError say why it cannot be done."""
        self._disk.try_to_write()
        return ()

    def standing(self, remote_id: str, *, imprint: str | None = None) -> Standing:  # noqa: ARG002 - the record knows
        """Compare the page with what was written: deleted where it is not there or shows another content."""
        content_id = _content_id(remote_id)
        if content_id is None:
            return Standing.DELETED
        with explained(self._root):
            record = Records(self._disk).find(content_id)
            if record is None or not record.listed or self._shown_in(record.folder) != content_id:
                return Standing.DELETED
            return Standing.HERE if self._is_as_written(record) else Standing.EDITED

    def _is_as_written(self, record: Record) -> bool:
        page = (self._root / record.folder / PAGE).read_bytes()
        return record.wrote(hashlib.sha256(page).hexdigest())

    def _require_unedited(self, record: Record) -> None:
        """A page that somebody edited by hand is theirs. One that is gone, or shows another content, is none."""
        is_there = record.listed and self._shown_in(record.folder) == record.content_id
        if is_there and not self._is_as_written(record):
            raise SiteRefusedError(
                f"Somebody edited {self._root / record.folder / PAGE} since it was written. To keep that, leave it. To "
                f"have the version here instead: igny8 content withdraw {record.content_id}, then publish it again."
            )

    def _folder_for(self, slug: str, record: Record, others: Iterable[Record]) -> str:
        """The folder the content has, where its slug is the same; else the first free name for the slug."""
        if record.listed and record.slug == slug:
            return record.folder
        taken = {name.casefold() for other in others if other.content_id != record.content_id for name in other.folders}
        return next(
            name
            for name in folder_names(slug, record.content_id)
            if name.casefold() not in taken and self._may_use(name, record)
        )

    def _may_use(self, folder: str, record: Record) -> bool:
        path = self._root / folder
        if folder in record.folders or not (path.exists() or path.is_symlink()):
            return True
        return self._shown_in(folder) == record.content_id

    def _shown_in(self, folder: str) -> int | None:
        page = self._root / folder / PAGE
        if not page.is_file():
            return None
        with page.open("rb") as handle:
            found = _MARKER.search(handle.read(_MARKER_WITHIN_BYTES).decode(errors="replace"))
        return int(found[1]) if found else None

    def _write_page(self, record: Record, page: bytes, names: Mapping[Picture, str]) -> None:
        folder = self._root / record.folder
        self._disk.write(self._root / "style.css", style_sheet())
        for picture, name in names.items():
            self._disk.copy(picture.path, folder / IMAGES / name)
        self._disk.write(folder / PAGE, page)

    def _write_lists(self, records: Iterable[Record]) -> None:
        shown = [record for record in records if record.listed and (self._root / record.folder / PAGE).is_file()]
        pages = self._look.lists(shown)
        for path, data in pages.items():
            self._disk.write(self._root / path, data)
        for folder in (TAGS, ARCHIVE):
            for page in (self._root / folder).glob("*.html"):
                if f"{folder}/{page.name}" not in pages:
                    self._disk.remove(page)

    def _remove_articles(self, folders: Iterable[str]) -> None:
        for folder in folders:
            self._disk.remove(self._root / folder / PAGE)
            self._remove_pictures(folder, keep=())
            self._disk.remove_folder(self._root / folder)

    def _remove_pictures(self, folder: str, *, keep: Iterable[str]) -> None:
        images, kept = self._root / folder / IMAGES, frozenset(keep)
        for path in images.glob("*"):
            if path.name not in kept:
                self._disk.remove(path)
        if not kept:
            self._disk.remove_folder(images)

    def _placed(self, record: Record) -> Placed:
        page = self._root / record.folder / PAGE
        url = f"{self._look.base_url}{quote(record.folder)}/" if self._look.base_url else page.as_uri()
        return Placed(remote_id=f"content-{record.content_id}", url=url)


def _record(article: Article, *, slug: str, folder: str, names: Mapping[Picture, str]) -> Record:
    featured = article.featured
    return Record(
        content_id=article.content_id,
        listed=True,
        slug=slug,
        folder=folder,
        title=clean(article.title),
        excerpt=clean(article.excerpt),
        tags=tuple(dict.fromkeys(tag for tag in map(clean, article.tags) if tag)),
        published_at=article.published_at.isoformat(),
        reading_minutes=reading_minutes(article.body_html),
        cover=None if featured is None else _cover(featured, names[featured]),
    )


def _cover(picture: Picture, name: str) -> Cover:
    return Cover(f"{IMAGES}/{name}", clean(picture.alt_text), picture.width, picture.height)


def _check_pictures(article: Article) -> None:
    for picture in article.pictures:
        if not picture.path.is_file():
            raise SiteRefusedError(
                f"Picture {picture.file_name!r} of content {article.content_id} is not at {picture.path}. "
                "Make the image again, then publish."
            )


def _content_id(remote_id: str) -> int | None:
    found = _REMOTE_ID.fullmatch(remote_id)
    return int(found[1]) if found else None


def _zone(timezone: str) -> ZoneInfo:
    try:
        return ZoneInfo(timezone)
    except (KeyError, ValueError, OSError) as error:
        raise SiteRefusedError(
            f"Time zone {timezone!r} is not known. Allowed: names such as Europe/Berlin. Correct the site's time zone."
        ) from error


def _address(base_url: str | None) -> str | None:
    if not base_url:
        return None
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise SiteRefusedError(
            f"Address {base_url!r} is not a site's address. Allowed: https://example.com or none. Correct the address."
        )
    return f"{base_url.rstrip('/')}/"
