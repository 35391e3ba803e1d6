"""A deleted article frees its slot."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from pipeline.core.errors import ConflictError
from pipeline.models import Content, Publication
from pipeline.services import calendar, publications, reviews
from pipeline.services.publications import Limits
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from tests.integration.calendar.conftest import World

_LIMITS = Limits(lease=timedelta(minutes=1), retries=(), spacing=timedelta(minutes=15))


def _is_there(world: World, content_id: int) -> bool:
    with world.database.reading() as session:
        return session.get_one(Content, content_id).deleted_at is None


def test_a_deleted_article_frees_its_slot_for_the_next(world: World) -> None:
    first, second = world.scheduled(2)

    world.act(reviews.delete, first.id)
    (late,) = world.scheduled(1)

    assert world.held() == dict(zip(grid(2), [late.id, second.id], strict=True))
    with world.database.reading() as session:
        waiting = select(Publication.content_id).where(Publication.due_at.is_not(None)).order_by(Publication.id)
        assert session.scalars(waiting).all() == [second.id, late.id]
    assert world.audited() == ["content.deleted"]


def test_a_deleted_pin_beside_the_slots_leaves_none_there(world: World) -> None:
    (content,) = world.scheduled(1)
    beside = grid(1)[0] + timedelta(minutes=17)
    world.act(calendar.pin, content.id, to=beside)

    world.act(reviews.delete, content.id)

    assert world.held() == {}
    assert beside not in world.free()


def test_what_was_moved_and_deleted_cannot_be_moved_back(world: World) -> None:
    (content,) = world.scheduled(1)
    world.act(calendar.move, content.id, to=grid(5)[4])
    world.act(reviews.delete, content.id)

    with pytest.raises(ConflictError, match="since"):
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
                return world.act(reviews.delete, content_id)
            with world.database.transaction() as session:
                return publications.claim(session, ids[content_id], limits=_LIMITS, now=NOW)
        except ConflictError as refused:
            return refused

    with ThreadPoolExecutor(12) as pool:
        results = list(pool.map(act, range(12)))

    for number, content in enumerate(contents):
        claimed, deleted = results[2 * number], results[2 * number + 1]
        assert (claimed is None) != isinstance(deleted, ConflictError)
        assert _is_there(world, content.id) == (claimed is not None)
