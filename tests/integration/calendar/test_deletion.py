"""A deleted article frees its slot."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Content, Image, Publication
from pipeline.services import calendar, content_removal, publications
from pipeline.services.publications import Limits
from tests.support.builders import make_image, make_image_prompt
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from tests.integration.calendar.conftest import World

_LIMITS = Limits(lease=timedelta(minutes=1), retries=(), spacing=timedelta(minutes=15))


def _exists(world: World, content_id: int) -> bool:
    with world.database.reading() as session:
        return session.get(Content, content_id) is not None


def test_a_deleted_article_frees_its_slot_for_the_next(world: World) -> None:
    first, second = world.scheduled(2)
    with world.database.transaction() as session:
        make_image(session, prompt=make_image_prompt(session, content=session.get_one(Content, first.id)))

    world.act(content_removal.delete_content, first.id)
    (late,) = world.scheduled(1)

    assert world.held() == dict(zip(grid(2), [late.id, second.id], strict=True))
    with world.database.reading() as session:
        assert session.scalars(select(Image)).all() == []
        assert session.scalars(select(Publication.content_id).order_by(Publication.id)).all() == [second.id, late.id]
    assert world.audited() == ["content.deleted"]


def test_a_deleted_pin_beside_the_slots_leaves_none_there(world: World) -> None:
    (content,) = world.scheduled(1)
    beside = grid(1)[0] + timedelta(minutes=17)
    world.act(calendar.pin, content.id, to=beside)

    world.act(content_removal.delete_content, content.id)

    assert world.held() == {}
    assert beside not in world.free()


@pytest.mark.parametrize("status", [ContentStatus.PUBLISHING, ContentStatus.PUBLISHED, ContentStatus.DRAFT])
def test_what_a_site_shows_or_a_run_works_on_is_not_deleted(world: World, status: ContentStatus) -> None:
    (content,) = world.scheduled(1)
    with world.database.transaction() as session:
        session.get_one(Content, content.id).status = status

    with pytest.raises(ConflictError, match=f"is {status}: only"):
        world.act(content_removal.delete_content, content.id)

    assert _exists(world, content.id)


def test_what_a_site_may_still_show_is_not_deleted(world: World) -> None:
    (content,) = world.scheduled(1)
    with world.database.transaction() as session:
        session.execute(update(Publication).values(status=PublicationStatus.PUBLISHED))

    with pytest.raises(ConflictError):
        world.act(content_removal.delete_content, content.id)


def test_what_was_moved_and_deleted_cannot_be_moved_back(world: World) -> None:
    (content,) = world.scheduled(1)
    world.act(calendar.move, content.id, to=grid(5)[4])
    world.act(content_removal.delete_content, content.id)

    with pytest.raises(ConflictError, match="was deleted since"):
        world.undo()


def test_a_deletion_meets_the_publisher(world: World) -> None:
    contents = world.scheduled(6)
    with world.database.transaction() as session:
        session.execute(update(Publication).values(slot_at=NOW, due_at=NOW, sends=1))
    ids = {content.id: world.publication(content.id).id for content in contents}

    def act(number: int) -> object:
        content_id = contents[number // 2].id
        try:
            if number % 2:
                return world.act(content_removal.delete_content, content_id)
            with world.database.transaction() as session:
                return publications.claim(session, ids[content_id], limits=_LIMITS, now=NOW)
        except ConflictError as refused:
            return refused

    with ThreadPoolExecutor(12) as pool:
        results = list(pool.map(act, range(12)))

    for number, content in enumerate(contents):
        claimed, deleted = results[2 * number], results[2 * number + 1]
        assert (claimed is None) != isinstance(deleted, ConflictError)
        assert _exists(world, content.id) == (claimed is not None)
