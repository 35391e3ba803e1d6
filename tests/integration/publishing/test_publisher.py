from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from PIL import Image as Drawing
from sqlalchemy import select

from pipeline.core.states import ContentStatus, ImagePromptStatus, PublicationStatus
from pipeline.engine import publisher
from pipeline.engine.media import MediaStore
from pipeline.models import Content, Publication
from pipeline.sites.folder import FolderSite
from pipeline.sites.port import (
    SiteRefusedError,
    SiteTarget,
    SiteUnavailableError,
)
from tests.support.builders import make_image, make_image_prompt
from tests.support.sites import FakeSite, Killed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.publishing.conftest import Line, World


def _due(world: World) -> Publication:
    """A content that a person wants published, its message sent."""
    (content,) = world.approve()
    publication = world.publish_now(content, now=world.database.now())
    world.send(publication)
    return publication


def _failing(error: Exception, *, times: int = 1) -> FakeSite:
    site = FakeSite()
    site.fail("publish", error, times=times)
    return site


def _die(*_: object) -> None:
    raise Killed


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

    assert site.asked.count("publish") == 1


def test_the_article_carries_the_date_of_its_slot(world: World, line: Line) -> None:
    (publication,), site = world.schedule(), FakeSite()

    line.play(site, until=timedelta(days=1))

    assert site.posts["post-1"].published_at == publication.slot_at


def test_a_site_that_is_away_for_seconds_is_asked_again_at_once(world: World) -> None:
    site = _failing(SiteUnavailableError(), times=2)

    row = _publish(world, _due(world), site)

    assert row.status is PublicationStatus.PUBLISHED
    assert (site.asked.count("publish"), row.attempts) == (3, 1)


def test_a_site_that_stays_away_is_tried_again_later(world: World) -> None:
    site = _failing(SiteUnavailableError("The site is away."), times=3)

    row = _publish(world, _due(world), site)

    assert (row.status, row.error, row.sends) == (PublicationStatus.PLANNED, "The site is away.", 0)
    assert row.due_at is not None
    assert row.due_at > world.database.now() + timedelta(seconds=50)


def test_a_site_that_asks_for_a_pause_gets_it(world: World) -> None:
    site = _failing(SiteUnavailableError("Busy.", retry_after_seconds=600))

    row = _publish(world, _due(world), site)

    assert site.asked.count("publish") == 1
    assert row.due_at is not None
    assert row.due_at > world.database.now() + timedelta(seconds=590)


def test_a_refusal_is_shown_to_a_person(world: World) -> None:
    row = _publish(world, _due(world), _failing(SiteRefusedError("The slug is taken. Change it.")))

    assert (row.status, row.error) == (PublicationStatus.NEEDS_ATTENTION, "The slug is taken. Change it.")
    assert world.content(row.content_id).status is ContentStatus.NEEDS_ATTENTION


def test_a_publisher_killed_after_the_folder_took_it_is_repeated_at_once_and_the_page_is_there_once(
    world: World, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication = _due(world)
    with monkeypatch.context() as patch:
        patch.setattr(FolderSite, "read_back", _die)
        with pytest.raises(Killed):
            publisher.publish(world.database, publication.id)
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
