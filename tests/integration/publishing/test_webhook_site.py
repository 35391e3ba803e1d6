"""A site that is told: published once it says so, told again of edits, told when an article is taken away."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.config import config, use_config
from pipeline.core.errors import InvalidValueError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.engine.articles import destination
from pipeline.engine.site_checks import check
from pipeline.models import Content, Site
from pipeline.net import UnreachableError
from pipeline.services import edits, reviews, site_edits
from pipeline.services.calendar import Follow
from pipeline.services.edits import Changes
from pipeline.sites.port import SiteTarget
from pipeline.sites.webhook import target
from tests.support.receivers import Hooks, hooks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.publishing.conftest import Line, World

A_DAY = timedelta(days=1)


@pytest.fixture
def receiver() -> Iterator[Hooks]:
    with hooks() as found:
        yield found


@pytest.fixture
def told(world: World, line: Line, receiver: Hooks) -> Iterator[None]:
    """The world's site is one that is told, in a laboratory."""
    before = config()
    use_config(before.model_copy(update={"allow_private_sites": True}))
    _set(world, target="webhook", url=receiver.url, credentials="a shared secret")
    yield
    use_config(before)


def _set(world: World, **changes: str) -> None:
    with world.database.transaction() as session:
        site = session.get_one(Site, world.site.id)
        given = {"follow": Follow.REFLOW, "home": config().home, "actor": "test", "now": world.database.now()}
        site_edits.edit(session, site, changes, **given)


def _opened(world: World) -> SiteTarget:
    with world.database.reading() as session:
        return destination(session, world.site.id, home=config().home).open()


def _bodies(receiver: Hooks) -> list[dict[str, Any]]:
    return [json.loads(posted.body) for posted in receiver.posted]


@pytest.mark.usefixtures("told")
def test_an_article_goes_out_is_edited_and_taken_away(world: World, line: Line, receiver: Hooks) -> None:
    (publication,) = world.schedule()
    receiver.answers = [(503, {}, b""), (200, {}, b'{"id": 77, "url": "https://example.com/77"}')]
    line.play(_opened(world), until=A_DAY)
    assert world.statuses(publication.content_id) == (ContentStatus.PUBLISHED, PublicationStatus.PUBLISHED)
    assert world.publication(publication.content_id).remote_url == "https://example.com/77"

    with world.database.transaction() as session:
        content = session.get_one(Content, publication.content_id)
        edits.edit(session, content, Changes(title="Another"), expected_version=None, actor="test", now=line.now)
    line.play(_opened(world), until=A_DAY)
    with world.database.transaction() as session:
        reviews.withdraw(session, session.get_one(Content, publication.content_id), actor="test", now=line.now)
    line.play(_opened(world), until=A_DAY)

    first, again, edited, gone = _bodies(receiver)
    assert first == again
    assert (edited["name"], edited["article"]["title"], edited["article"]["version"]) == ("77", "Another", 2)
    assert (gone["kind"], gone["name"]) == ("article.withdrawn", "77")
    assert world.publication(publication.content_id).status is PublicationStatus.WITHDRAWN


@pytest.mark.usefixtures("told")
def test_what_a_person_wants_at_once_is_the_same_delivery_at_every_try_and_keeps_its_date(
    world: World, line: Line, receiver: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted_at = line.now
    publication = world.publish_now(world.approve()[0], now=wanted_at)
    receiver.answers = [(500, {}, b""), (200, {}, b"")]
    really, answers = target.post, iter([True, False])

    def losing(*args: Any, **values: Any) -> Any:
        answer = really(*args, **values)
        if not next(answers, True):
            raise UnreachableError("The answer was lost.")
        return answer

    monkeypatch.setattr(target, "post", losing)
    line.now += timedelta(seconds=7)
    line.play(_opened(world), until=A_DAY)
    assert world.statuses(publication.content_id) == (ContentStatus.PUBLISHED, PublicationStatus.PUBLISHED)
    with world.database.transaction() as session:
        content = session.get_one(Content, publication.content_id)
        edits.edit(session, content, Changes(title="Another"), expected_version=None, actor="test", now=line.now)
    line.play(_opened(world), until=A_DAY)

    refused, lost, taken, edited = receiver.posted
    assert refused.body == lost.body == taken.body
    assert len({posted.headers["x-igny8-delivery"] for posted in (refused, lost, taken)}) == 1
    dates = {told["article"]["published_at"] for told in _bodies(receiver)}
    assert dates == {wanted_at.isoformat().replace("+00:00", "Z")}
    assert edited.headers["x-igny8-delivery"] != taken.headers["x-igny8-delivery"]


@pytest.mark.usefixtures("told")
def test_a_receiver_that_refuses_is_a_persons_and_its_health_is_known(
    world: World, line: Line, receiver: Hooks
) -> None:
    (publication,) = world.schedule()
    receiver.answers = [(403, {}, b"who are you")]
    line.play(_opened(world), until=A_DAY)
    found = world.publication(publication.content_id)
    receiver.answers = [(403, {}, b"who are you")]
    health = check(world.database, world.site.id)

    assert found.status is PublicationStatus.NEEDS_ATTENTION
    assert "403: who are you" in (found.error or "")
    assert health is not None
    assert (health.status, "403" in (health.error or "")) == ("failing", True)


def test_a_receiver_without_a_secret_is_refused(world: World) -> None:
    with pytest.raises(InvalidValueError, match="needs its secret"):
        _set(world, target="webhook", url="https://example.com/hook")
