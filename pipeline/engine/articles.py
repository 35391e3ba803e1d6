"""Owns turning a content's rows into the article a site is handed, and opening the site it goes to.

Never: writes rows; a site's credentials in a log or a message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from slugify import slugify
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.core.errors import NotReadyError
from pipeline.engine.media import MediaStore
from pipeline.models import Content, Image, ImagePrompt, Site, SiteAutomationSettings
from pipeline.secrets import decrypted
from pipeline.services import site_notes
from pipeline.sites import DRAFTED_AHEAD, Login, target
from pipeline.sites.notes import Notes
from pipeline.sites.port import Article, Picture, SiteRefusedError, SiteTarget

_MOST_NAME_CHARACTERS = 60
_KEY_CHARACTERS = 10


@dataclass(frozen=True)
class Destination:
    """A site as a target, in plain values: the target is opened outside every transaction."""

    kind: str
    site_id: int
    site_name: str
    timezone: str
    #: The installation's folder.
    home: Path
    base_url: str | None
    language: str
    username: str | None = None
    #: Encrypted.
    credentials: bytes | None = field(default=None, repr=False)
    #: What is ours at the site is known by it.
    key: str = ""
    category: str | None = None
    #: What is known of the site, and learnt on the way.
    notes: Notes = field(default_factory=Notes)

    def open(self) -> SiteTarget:
        """The target. Raises SiteRefusedError where the site's own data cannot be used."""
        return target(
            self.kind,
            site_name=self.site_name,
            timezone=self.timezone,
            folder=site_folder(self.home, site_id=self.site_id, name=self.site_name),
            base_url=self.base_url,
            language=self.language,
            login=self._login(),
            notes=self.notes,
            site_id=self.site_id,
        )

    def _login(self) -> Login | None:
        """Who publishes there; the password is decrypted here, outside every transaction."""
        if self.credentials is None:
            return None
        try:
            password = decrypted(self.credentials, home=self.home)
        except NotReadyError as error:
            raise SiteRefusedError(error.message) from None
        settings = config()
        return Login(
            username=self.username or "",
            password=password,
            key=self.key,
            # Whoever waits longer has lost its claim when the answer comes.
            timeout_seconds=min(settings.site_timeout_seconds, settings.lease_seconds / 2),
            allow_private=settings.allow_private_sites,
            category=self.category,
        )


#: How a target is opened; tests open their own.
Opener = Callable[[Destination], SiteTarget]


def destination(session: Session, site_id: int, *, home: Path, content_id: int | None = None) -> Destination:
    """Where the contents of a site go, with what is known of it and of the images of one."""
    site = session.get_one(Site, site_id)
    language = session.scalar(
        select(SiteAutomationSettings.content_language).where(SiteAutomationSettings.site_id == site_id)
    )
    return Destination(
        kind=site.target,
        site_id=site.id,
        site_name=site.name,
        timezone=site.timezone,
        home=home,
        base_url=site.url,
        language=language or "en",
        username=site.username,
        credentials=site.credentials,
        key=hashlib.sha256(f"{site.id} {site.created_at.isoformat()}".encode()).hexdigest()[:_KEY_CHARACTERS],
        category=site.category,
        notes=site_notes.load(session, site_id, content_id=content_id) if site.target in DRAFTED_AHEAD else Notes(),
    )


def site_folder(home: Path, *, site_id: int, name: str) -> Path:
    """The folder of a folder site: its id and name. A site that was renamed keeps the one it has."""
    sites = home / "sites"
    there = sorted(sites.glob(f"{site_id}-*"))
    return there[0] if there else sites / f"{site_id}-{slugify(name, max_length=_MOST_NAME_CHARACTERS) or 'site'}"


def article(session: Session, content_id: int, *, media: MediaStore, published_at: datetime) -> Article:
    """A content with its pictures in their order; `published_at` is the date readers see."""
    content = session.get_one(Content, content_id)
    query = (
        select(Image, ImagePrompt.place, ImagePrompt.position)
        .join(ImagePrompt, ImagePrompt.id == Image.image_prompt_id)
        .where(Image.content_id == content_id)
        .order_by(ImagePrompt.position)
    )
    return Article(
        content_id=content.id,
        title=content.title,
        slug=content.slug,
        meta_title=content.meta_title,
        meta_description=content.meta_description,
        excerpt=content.excerpt,
        body_html=content.body_html,
        tags=tuple(content.tags),
        pictures=tuple(
            _picture(image, media, place=place, name=f"{content.slug}-{position + 1}")
            for image, place, position in session.execute(query)
        ),
        published_at=published_at,
        version=content.version,
    )


def _picture(image: Image, media: MediaStore, *, place: str, name: str) -> Picture:
    path = media.path(image.sha256, image.mime)
    return Picture(
        place=place,
        file_name=f"{name}{path.suffix}",
        path=path,
        mime=image.mime,
        alt_text=image.alt_text,
        width=image.width,
        height=image.height,
    )
