"""Owns what the site tests share: a site in a throwaway folder, articles and pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from pipeline.sites.folder import FolderSite
from pipeline.sites.port import Article, Picture

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)

MakeArticle = Callable[..., Article]
MakePicture = Callable[..., Picture]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "site"


@pytest.fixture
def site(root: Path) -> FolderSite:
    return FolderSite(root, site_name="Still Water", timezone="Europe/Berlin")


@pytest.fixture
def make_picture(tmp_path: Path) -> MakePicture:
    def make(place: str = "featured", *, colour: str = "teal", file_name: str = "lake.png") -> Picture:
        drawn = tmp_path / "drawn.png"
        Image.new("RGB", (64, 36), colour).save(drawn)
        digest = hashlib.sha256(drawn.read_bytes()).hexdigest()
        path = tmp_path / "media" / digest[:2] / f"{digest}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn.replace(path)
        return Picture(place, file_name, path, "image/png", f"A {colour} lake", 64, 36)

    return make


@pytest.fixture
def make_article() -> MakeArticle:
    def make(content_id: int = 1, **changes: object) -> Article:
        values: dict[str, object] = {
            "content_id": content_id,
            "title": f"Article {content_id}",
            "slug": f"article-{content_id}",
            "meta_title": f"Article {content_id} for searchers",
            "meta_description": "What it is about.",
            "excerpt": "The short of it.",
            "body_html": "<p>First words.</p><h2>Hull &amp; length</h2><p>More words.</p>",
            "tags": ("Canoes",),
            "pictures": (),
            "published_at": NOON + timedelta(hours=content_id),
        }
        return Article(**(values | changes))  # type: ignore[arg-type]  # a test names the fields it cares about

    return make
