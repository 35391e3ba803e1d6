"""Owns turning a content's rows into the article a site is handed, and opening the site it goes to.

Never: writes rows; a site's credentials in a log or a message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from slugify import slugify
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.engine.media import MediaStore
from pipeline.models import Content, Image, ImagePrompt, Site, SiteAutomationSettings
from pipeline.sites import target
from pipeline.sites.port import Article, Picture, SiteTarget

_MOST_NAME_CHARACTERS = 60


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

    def open(self) -> SiteTarget:
        """The target. Raises SiteRefusedError where the site's own data cannot be used."""
        return target(
            self.kind,
            site_name=self.site_name,
            timezone=self.timezone,
            folder=site_folder(self.home, site_id=self.site_id, name=self.site_name),
            base_url=self.base_url,
            language=self.language,
        )


#: How a target is opened; tests open their own.
Opener = Callable[[Destination], SiteTarget]


def destination(session: Session, site_id: int, *, home: Path) -> Destination:
    """Where the contents of a site go."""
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
