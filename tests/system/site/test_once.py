"""A hundred articles with images on a real site, whatever the network and its database did: each once, whole, known."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pipeline.core.states import PublicationStatus
from tests.support.real_site import RealSite

if TYPE_CHECKING:
    from tests.system.site.conftest import Publishing

_ARTICLES = 100
_SEED = 20_261_128
#: Longer than the client waits.
_LATE_SECONDS = 2.5
#: The part of visits that something befalls.
_PART = 0.3


class Weather:
    """What befalls the requests of each visit, the same for the same seed."""

    def __init__(self, there: RealSite) -> None:
        self._there = there
        self._dice = random.Random(_SEED)
        self._visits = 0
        self._database_is_down = False
        #: Kind of fault -> how often it was laid in wait.
        self.laid: Counter[str] = Counter()

    def __call__(self) -> None:
        self._visits += 1
        if self._database_is_down:
            self._there.start_database()
            self._database_is_down = False
        faults = [self._fault()] if self._dice.random() < _PART else []
        self._there.fail(*faults)
        if self._visits in {40, 120, 180}:
            self._there.stop_database()
            self._database_is_down = True
            self.laid["database"] += 1

    def _fault(self) -> dict[str, Any]:
        kind = self._dice.choice(["drop", "cut", "drop", "cut", "late", "early", "refuse"])
        self.laid[kind] += 1
        return {
            "kind": kind,
            "method": self._dice.choice(["POST", "POST", "GET"]),
            "route": self._dice.choice(["/wp/v2/posts", "/wp/v2/posts", "/wp/v2/posts/", "/wp/v2/media"]),
            "seconds": _LATE_SECONDS,
            "status": self._dice.choice([500, 502, 503, 504]),
        }


def test_a_hundred_articles_with_images_stand_there_once(publishing: Publishing, there: RealSite) -> None:
    weather = Weather(there)
    contents = publishing.approve(_ARTICLES, pictures=1)
    publishing.schedule()
    publishing.before_visit = weather

    publishing.play(until=timedelta(days=3))

    assert set(weather.laid) == {"drop", "cut", "late", "early", "refuse", "database"}
    rows = publishing.publications()
    assert Counter(row.status for row in rows.values()) == {PublicationStatus.PUBLISHED: _ARTICLES}
    posts = there.posts()
    assert Counter(status for _, status, _, _ in posts) == {"publish": _ARTICLES}
    assert {(str(number), title) for number, _, _, title in posts} == {
        (rows[content.id].remote_id, content.title) for content in contents
    }
    images = there.rows("SELECT post_name, count(*) FROM wp_posts WHERE post_type = 'attachment' GROUP BY post_name")
    assert len(images) == _ARTICLES
    featured = there.rows("SELECT count(DISTINCT meta_value) FROM wp_postmeta WHERE meta_key = '_thumbnail_id'")
    assert featured == [[str(_ARTICLES)]]
