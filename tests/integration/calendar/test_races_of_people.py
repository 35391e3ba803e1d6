"""People at one calendar at the same time: with each other, with fill, with a publisher, with a reflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm.attributes import set_committed_value

from pipeline.core.calendar import WallTime
from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Publication, Site
from pipeline.services import calendar, publications
from pipeline.services.calendar import Follow
from pipeline.services.publications import Limits
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from tests.integration.calendar.conftest import World

_LIMITS = Limits(lease=timedelta(minutes=1), retries=(timedelta(minutes=1),), spacing=timedelta(minutes=15))
BESIDE = WallTime(date(2026, 11, 5), "11:17")


def _at_once(*actions: Callable[[], object]) -> list[object]:
    """What each came to: the refusal of one that was refused. Any other fault fails the test."""
    barrier = Barrier(len(actions))

    def act(action: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return action()
        except ConflictError as refused:
            return refused

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(act, actions))


def _refused(results: Sequence[object]) -> int:
    return sum(isinstance(result, ConflictError) for result in results)


def _whole(world: World) -> None:
    """What is scheduled stands on exactly one slot, and its publication is planned for just that instant."""
    with world.database.reading() as session:
        rows = session.execute(select(Publication.content_id, Publication.status, Publication.slot_at)).all()
    held = {content_id: at for at, content_id in world.held().items()}
    planned = {content_id: at for content_id, status, at in rows if status is PublicationStatus.PLANNED}
    assert {content_id: held[content_id] for content_id in planned} == planned


def test_two_people_want_one_free_slot(world: World) -> None:
    first, second = world.scheduled(2)
    free = grid(5)[4]

    results = _at_once(
        lambda: world.act(calendar.move, first.id, to=free), lambda: world.act(calendar.move, second.id, to=free)
    )

    assert _refused(results) == 1
    assert world.held()[free] in {first.id, second.id}
    assert len(world.held()) == 2
    _whole(world)


def test_two_people_want_one_instant_beside_the_slots(world: World) -> None:
    first, second = world.scheduled(2)

    results = _at_once(
        lambda: world.act(calendar.pin, first.id, to=BESIDE), lambda: world.act(calendar.pin, second.id, to=BESIDE)
    )

    assert _refused(results) == 1
    assert len(world.held()) == 2
    _whole(world)


def test_swaps_of_a_ring_leave_every_slot_taken_once(world: World) -> None:
    contents = world.scheduled(6)
    pairs = [(contents[number].id, contents[(number + 1) % 6].id) for number in range(6)]

    results = _at_once(*(lambda pair=pair: world.act(calendar.swap, *pair) for pair in pairs))

    assert _refused(results) == 0
    assert list(world.held()) == grid(6)
    assert set(world.held().values()) == {content.id for content in contents}
    _whole(world)


def test_a_swap_meets_the_unscheduling_of_one_of_the_two(world: World) -> None:
    first, second = world.scheduled(2)

    _at_once(lambda: world.act(calendar.swap, first.id, second.id), lambda: world.act(calendar.unschedule, second.id))

    assert world.content(second.id).status is ContentStatus.APPROVED
    assert list(world.held().values()) == [first.id]
    _whole(world)


def test_people_move_while_beat_fills_and_writers_schedule(world: World) -> None:
    contents = world.scheduled(10)
    world.approve(30)
    far = grid(60)[50:]

    def fill() -> int:
        with world.database.transaction() as session:
            return calendar.fill(session, world.site.id, now=NOW, limit=10)

    moves = [
        (lambda content=content, at=at: world.act(calendar.move, content.id, to=at))
        for content, at in zip(contents[:6], far, strict=False)
    ]
    results = _at_once(*moves, fill, fill, fill, fill)
    # What moved after the last fill has left holes.
    world.approve(6)
    while fill():
        pass

    assert _refused(results) == 0
    held = world.held()
    assert [held[at] for at in far[:6]] == [content.id for content in contents[:6]]
    assert list(held) == [*grid(40), *far[:6]]
    _whole(world)


def test_a_person_and_the_publisher_want_one_item(world: World) -> None:
    contents = world.scheduled(8)
    first, later = grid(1)[0], grid(60)[50:]
    with world.database.transaction() as session:
        # All are due at once, and their messages are out.
        session.execute(update(Publication).values(slot_at=first, due_at=first, sends=1))

    def claim(content_id: int) -> object:
        publication_id = world.publication(content_id).id
        with world.database.transaction() as session:
            return publications.claim(session, publication_id, limits=_LIMITS, now=first)

    actions: list[Callable[[], object]] = []
    for content, at in zip(contents, later, strict=False):
        actions += [
            lambda content=content: claim(content.id),
            lambda content=content, at=at: world.act(calendar.move, content.id, to=at),
        ]
    results = _at_once(*actions)

    for number, content in enumerate(contents):
        claimed, moved = results[2 * number], results[2 * number + 1]
        assert (claimed is None) != isinstance(moved, ConflictError)
        publication, row = world.publication(content.id), world.content(content.id)
        if claimed is None:
            assert (row.status, publication.slot_at) == (ContentStatus.SCHEDULED, later[number])
            assert publication.status is PublicationStatus.PLANNED
        else:
            assert (row.status, publication.status) == (ContentStatus.PUBLISHING, PublicationStatus.PUBLISHING)


def test_a_reflow_meets_moves_and_pins(world: World) -> None:
    contents = world.scheduled(12)
    noon = grid(40, time_slots=["12:00"])

    results = _at_once(
        lambda: world.save(time_slots=["12:00"]),
        lambda: world.act(calendar.move, contents[0].id, to=grid(30)[29]),
        lambda: world.act(calendar.pin, contents[1].id, to=BESIDE),
        lambda: world.act(calendar.unschedule, contents[2].id),
        lambda: world.act(calendar.swap, contents[3].id, contents[4].id),
    )

    assert _refused(results) == 0
    held = world.held()
    loose = [at for at in held if at in set(noon)]
    beside = {at for at in held if at not in set(noon)}
    assert len(held) == 11
    assert set(loose) <= set(noon[:12])
    assert beside <= {grid(30)[29], world.at(contents[1].id)}
    _whole(world)


def test_an_undo_meets_the_publisher(world: World) -> None:
    content, _ = world.scheduled(2)
    first, fifth = grid(1)[0], grid(5)[4]
    world.act(calendar.move, content.id, to=fifth)
    with world.database.transaction() as session:
        of_content = Publication.content_id == content.id
        session.execute(update(Publication).where(of_content).values(slot_at=NOW, due_at=NOW, sends=1))

    def claim() -> object:
        with world.database.transaction() as session:
            publication_id = session.scalars(select(Publication.id).where(of_content)).one()
            return publications.claim(session, publication_id, limits=_LIMITS, now=NOW)

    claimed, undone = _at_once(claim, world.undo)

    assert (claimed is None) != isinstance(undone, ConflictError)
    expected = first if claimed is None else fifth
    assert world.at(content.id) == expected


@pytest.mark.parametrize("action", ["change", "undo"])
def test_a_zone_that_changed_while_the_lock_was_waited_for_is_not_taken_for_the_present_one(
    world: World, action: str
) -> None:
    world.scheduled(1)
    world.set_timezone("Asia/Tokyo")

    with world.database.transaction() as session:
        site = session.get_one(Site, world.site.id)
        # As it was read before the other one committed.
        set_committed_value(site, "timezone", "Europe/Berlin")
        if action == "undo":
            calendar.undo(session, site, actor="ada", now=NOW)
        else:
            calendar.set_timezone(session, site, "Europe/Berlin", follow=Follow.REFLOW, actor="ada", now=NOW)

    with world.database.reading() as session:
        assert session.get_one(Site, world.site.id).timezone == "Europe/Berlin"
    assert list(world.held()) == grid(1)


def test_two_undos_take_one_action_back(world: World) -> None:
    (content,) = world.scheduled(1)
    world.act(calendar.move, content.id, to=grid(5)[4])

    results = _at_once(world.undo, world.undo)

    assert _refused(results) == 1
    assert world.held() == {grid(1)[0]: content.id}
