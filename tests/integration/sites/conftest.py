from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.sites.notes import Notes
from pipeline.sites.port import Article, Picture
from pipeline.sites.wordpress import Access, RemoteSite
from tests.support.rest_site import PASSWORD, USER, RestSite, rest_site

NOW = datetime(2026, 11, 4, 9, 30, tzinfo=UTC)
Open = Callable[..., RemoteSite]


@pytest.fixture
def there() -> Iterator[RestSite]:
    """The other side."""
    with rest_site() as site:
        yield site


@pytest.fixture
def open_site(there: RestSite) -> Open:
    def opened(notes: Notes | None = None, *, password: str = PASSWORD, category: str | None = None) -> RemoteSite:
        access = Access(there.url, USER, password, timeout_seconds=5, allow_private=True)
        return RemoteSite(
            access, key="k1", timezone="Europe/Berlin", category=category, notes=notes, clock=lambda: datetime.now(UTC)
        )

    return opened


@pytest.fixture
def article(tmp_path: Path) -> Callable[..., Article]:
    def make(*, pictures: int = 0, **values: Any) -> Article:
        made = Article(
            content_id=7,
            title="Café & canoe",
            slug="cafe-canoe",
            meta_title="Canoes",
            meta_description="About canoes.",
            excerpt="Short & good.",
            body_html="<h2>First &amp; last</h2><p>One\ntwo.</p><pre>a\nb</pre>",
            tags=("Boats", "Water"),
            pictures=tuple(_picture(tmp_path, number) for number in range(pictures)),
            published_at=NOW,
        )
        return replace(made, **values)

    return make


def _picture(folder: Path, number: int) -> Picture:
    path = folder / f"{number}{'0' * 20}.png"
    Image.new("RGB", (8, 6), (number, 0, 0)).save(path)
    place = "featured" if number == 0 else "First & last"
    return Picture(place, f"cafe-canoe-{number}.png", path, "image/png", f'A "red" canoe {number}', 8, 6)
