"""Owns the small JSON file kept for each article: what lists and feeds are made from without reading the pages.

Never: the article's body, which stands in its page alone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from pipeline.sites.folder.disk import STATE, Disk
from pipeline.sites.port import SiteRefusedError


@dataclass(frozen=True)
class Cover:
    """The featured image as lists show it."""

    #: Relative to the article's folder.
    source: str
    alt_text: str
    width: int
    height: int


@dataclass(frozen=True)
class Record:
    """One content's place in the folder. Listed or not, its folders belong to it alone."""

    content_id: int
    #: Whether lists and feeds show it.
    listed: bool = False
    #: The slug that was asked for, and the folder it got.
    slug: str = ""
    folder: str = ""
    #: Further folders of this content: about to be filled, or left behind and to be removed.
    claims: tuple[str, ...] = ()
    title: str = ""
    excerpt: str = ""
    tags: tuple[str, ...] = ()
    published_at: str = ""
    reading_minutes: int = 1
    cover: Cover | None = None
    #: SHA-256 of the page as it was written; empty where that was before this was noted.
    page_sha256: str = ""
    #: The same of the page that is about to be written; it may stand there already.
    coming_sha256: str = ""

    @property
    def instant(self) -> datetime:
        """When it was published: aware, UTC."""
        return datetime.fromisoformat(self.published_at)

    @property
    def folders(self) -> tuple[str, ...]:
        """Every folder that belongs to this content."""
        return (*((self.folder,) if self.folder else ()), *self.claims)

    def wrote(self, page_sha256: str) -> bool:
        """Whether a page is as it was written, or was to be; every page is where that was not noted."""
        return not self.page_sha256 or page_sha256 in {self.page_sha256, self.coming_sha256}

    def claiming(self, *folders: str) -> Self:
        """The same record owning `folders` as well."""
        more = (folder for folder in folders if folder and folder not in self.claims and folder != self.folder)
        return replace(self, claims=(*self.claims, *more))

    def withdrawn(self) -> Self:
        """The same record out of every list, its folders waiting to be removed."""
        return replace(replace(self, folder="").claiming(*self.folders), listed=False)


class Records:
    """All records of one folder site; read and changed under the disk's lock."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._folder = disk.root / STATE / "articles"

    def read_all(self) -> dict[int, Record]:
        """Every record by its content id. Raises SiteRefusedError for one that cannot be read."""
        return {record.content_id: record for record in map(_read, self._folder.glob("*.json"))}

    def find(self, content_id: int) -> Record | None:
        """The record of one content; None where it has none."""
        path = self._path(content_id)
        return _read(path) if path.is_file() else None

    def save(self, record: Record) -> None:
        """Write the record, whole or not at all."""
        values = asdict(record)
        if not record.coming_sha256:
            # Earlier versions that still drain read no field that they do not know.
            del values["coming_sha256"]
        data = json.dumps(values, ensure_ascii=False, indent=1)
        self._disk.write(self._path(record.content_id), data.encode())

    def remove(self, record: Record) -> None:
        """Forget the content."""
        self._disk.remove(self._path(record.content_id))

    def _path(self, content_id: int) -> Path:
        return self._folder / f"{content_id}.json"


def _read(path: Path) -> Record:
    try:
        values: dict[str, Any] = json.loads(path.read_bytes())
        cover = values["cover"]
        values["cover"] = None if cover is None else Cover(**cover)
        for name in ("claims", "tags"):
            values[name] = tuple(values[name])
        return Record(**values)
    except (ValueError, KeyError, TypeError) as error:
        raise SiteRefusedError(
            f"{path} is not a record this site can read. Delete it and publish content {path.stem} again."
        ) from error
