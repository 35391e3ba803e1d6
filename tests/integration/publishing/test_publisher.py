from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from PIL import Image as Drawing
from sqlalchemy import select

from pipeline.core.states import ContentStatus, ImagePromptStatus, PublicationStatus
from pipeline.engine import publisher
from pipeline.engine.articles import Destination
from pipeline.engine.media import MediaStore
from pipeline.models import Content, Publication
from pipeline.sites.port import (
    Article,
    Placed,
    SiteOutcomeUnknownError,
    SiteRefusedError,
    SiteTarget,
    SiteUnavailableError,
)
from tests.support.builders import make_image, make_image_prompt

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.publishing.conftest import World


class FakeSite:
    """A site that fails as it is told, and remembers what it was asked."""

    has_lookup = True

    def __init__(self, *failures: Exception, shows: bool = True) -> None:
        self.failures = list(failures)
        self.shows = shows
        self.articles: list[Article] = []
        self.looked_up = 0

    def publish(self, article: Article, *, remote_id: str | None) -> Placed:
        self.articles.append(article)
        if self.failures:
            raise self.failures.pop(0)
        return Placed(remote_id or "remote-1", "https://site.example/page")

    def withdraw(self, remote_id: str) -> None:
        raise NotImplementedError

    def read_back(self, remote_id: str) -> Placed | None:
        self.looked_up += 1
        return Placed(remote_id, "https://site.example/page") if self.shows else None


class Killed(BaseException):
    """The process is no more."""


def _due(world: World) -> Publication:
    """A content that a person wants published, its message sent."""
    (content,) = world.approve()
    publication = world.publish_now(content, now=world.database.now())
    world.send(publication)
    return publication


def _publish(world: World, publication: Publication, site: SiteTarget) -> Publication:
    publisher.publish(world.database, publication.id, open_target=lambda _: site, sleep=lambda _: None)
    return world.publication(publication.content_id)


@pytest.fixture(autouse=True)
def _installed(home: Path) -> None:
    """Every test has a home."""


def test_an_article_with_its_images_appears_in_the_folder(world: World, home: Path) -> None:
    publication = _due(world)
    drawn = io.BytesIO()
    Drawing.new("RGB", (320, 180), "teal").save(drawn, "JPEG")
    stored = MediaStore(home / "media").store(drawn.getvalue())
    with world.database.transaction() as session:
        content = session.get_one(Content, publication.content_id)
        prompt = make_image_prompt(session, content=content, status=ImagePromptStatus.DONE)
        make_image(session, prompt=prompt, sha256=stored.sha256)

    publisher.publish(world.database, publication.id)

    row, content = world.publication(publication.content_id), world.content(publication.content_id)
    folder = home / "sites" / f"{world.site.id}-still-water" / content.slug
    assert content.title in (folder / "index.html").read_text()
    assert len(list(folder.glob("images/*.jpg"))) == 1
    assert (row.status, row.remote_url) == (PublicationStatus.PUBLISHED, (folder / "index.html").as_uri())
    assert content.status is ContentStatus.PUBLISHED


def test_the_same_message_again_publishes_nothing(world: World) -> None:
    publication, site = _due(world), FakeSite()
    _publish(world, publication, site)

    _publish(world, publication, site)

    assert len(site.articles) == 1


def test_the_article_carries_the_date_of_its_slot(world: World) -> None:
    (publication,) = world.schedule(now=world.database.now() - timedelta(days=14))
    world.send(publication)
    site = FakeSite()

    _publish(world, publication, site)

    assert site.articles[0].published_at == publication.slot_at


def test_a_site_that_is_away_for_seconds_is_asked_again_at_once(world: World) -> None:
    site = FakeSite(SiteUnavailableError(), SiteUnavailableError())

    row = _publish(world, _due(world), site)

    assert row.status is PublicationStatus.PUBLISHED
    assert (len(site.articles), row.attempts) == (3, 1)


def test_a_site_that_stays_away_is_tried_again_later(world: World) -> None:
    site = FakeSite(*[SiteUnavailableError("The site is away.")] * 3)

    row = _publish(world, _due(world), site)

    assert (row.status, row.error, row.sends) == (PublicationStatus.PLANNED, "The site is away.", 0)
    assert row.due_at is not None
    assert row.due_at > world.database.now() + timedelta(seconds=50)


def test_a_site_that_asks_for_a_pause_gets_it(world: World) -> None:
    site = FakeSite(SiteUnavailableError("Busy.", retry_after_seconds=600))

    row = _publish(world, _due(world), site)

    assert len(site.articles) == 1
    assert row.due_at is not None
    assert row.due_at > world.database.now() + timedelta(seconds=590)


def test_a_refusal_is_shown_to_a_person(world: World) -> None:
    row = _publish(world, _due(world), FakeSite(SiteRefusedError("The slug is taken. Change it.")))

    assert (row.status, row.error) == (PublicationStatus.NEEDS_ATTENTION, "The slug is taken. Change it.")
    assert world.content(row.content_id).status is ContentStatus.NEEDS_ATTENTION


def test_an_unknown_outcome_without_a_name_to_look_up_is_tried_again(world: World) -> None:
    row = _publish(world, _due(world), FakeSite(SiteOutcomeUnknownError("The answer never came.")))

    assert (row.status, row.error) == (PublicationStatus.PLANNED, "The answer never came.")


def test_an_unknown_outcome_is_looked_up_before_it_is_tried_again(world: World) -> None:
    publication, site = _due(world), FakeSite(SiteOutcomeUnknownError())
    with world.database.transaction() as session:
        session.get_one(Publication, publication.id).remote_id = "remote-7"

    row = _publish(world, publication, site)

    assert (row.status, row.remote_id) == (PublicationStatus.PUBLISHED, "remote-7")
    assert (len(site.articles), site.looked_up) == (1, 1)


def test_what_the_site_does_not_show_is_not_called_published(world: World) -> None:
    row = _publish(world, _due(world), FakeSite(shows=False))

    assert row.status is PublicationStatus.PLANNED
    assert world.content(row.content_id).status is ContentStatus.PUBLISHING


def test_a_publisher_killed_after_the_site_took_it_is_repeated_and_the_page_is_there_once(
    world: World, home: Path
) -> None:
    publication = _due(world)

    class DyingSite:
        has_lookup = True

        def __init__(self, real: SiteTarget) -> None:
            self._real = real

        def publish(self, article: Article, *, remote_id: str | None) -> Placed:
            self._real.publish(article, remote_id=remote_id)
            raise Killed

        def withdraw(self, remote_id: str) -> None:
            raise NotImplementedError

        def read_back(self, remote_id: str) -> Placed | None:
            raise NotImplementedError

    with pytest.raises(Killed):
        publisher.publish(world.database, publication.id, open_target=lambda place: DyingSite(Destination.open(place)))
    with world.database.transaction() as session:
        row = session.scalars(select(Publication).where(Publication.id == publication.id)).one()
        row.lease_until = world.database.now()
        row.sends = 1

    publisher.publish(world.database, publication.id)

    content = world.content(publication.content_id)
    pages = list((home / "sites").glob(f"*/{content.slug}*/index.html"))
    assert (len(pages), content.status) == (1, ContentStatus.PUBLISHED)
    assert world.publication(content.id).attempts == 2


def test_a_renamed_site_keeps_its_folder(world: World, home: Path) -> None:
    publisher.publish(world.database, _due(world).id)
    with world.database.transaction() as session:
        session.merge(world.site).name = "Another name"

    publisher.publish(world.database, _due(world).id)

    assert [path.name for path in (home / "sites").iterdir()] == [f"{world.site.id}-still-water"]
