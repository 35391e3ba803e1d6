from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus
from pipeline.models import Content, Site
from pipeline.services import calendar, publications
from tests.support.approved import add_approved
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from tests.integration.calendar.conftest import World

TIMES = ["08:00", "14:00", "20:00"]


@pytest.mark.parametrize("each", [50, pytest.param(250, marks=pytest.mark.extended)])
def test_sixteen_writers_get_the_first_slots_of_the_generator_each_once(world: World, each: int) -> None:
    if world.database.is_sqlite:
        each //= 10  # One writes at a time there.
    with world.database.transaction() as session:
        ids = add_approved(session, session.get_one(Site, world.site.id), 16 * each, now=NOW)

    def write(number: int) -> list[datetime | None]:
        got = []
        for content_id in ids[number::16]:
            with world.database.transaction() as session:
                got.append(calendar.schedule_next(session, session.get_one(Content, content_id), now=NOW))
        return got

    with ThreadPoolExecutor(16) as pool:
        got = [slot_at for slots in pool.map(write, range(16)) for slot_at in slots]

    assert sorted(slot_at for slot_at in got if slot_at is not None) == grid(16 * each)
    assert list(world.held()) == grid(16 * each)


def test_a_reflow_among_writers_leaves_everything_on_the_new_slots(world: World) -> None:
    contents = world.approve(40)

    def act(number: int) -> None:
        if number == 20:
            world.settings(publish_time_slots=TIMES)
        with world.database.transaction() as session:
            if number % 10 == 0:
                calendar.reflow(session, session.get_one(Site, world.site.id), now=NOW)
            calendar.schedule_next(session, session.get_one(Content, contents[number].id), now=NOW)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(40)))
    with world.database.transaction() as session:
        calendar.reflow(session, session.get_one(Site, world.site.id), now=NOW)

    assert list(world.held()) == grid(40, time_slots=TIMES)


def test_people_who_want_different_things_of_one_item_leave_it_whole(world: World) -> None:
    contents = world.approve(12)
    with world.database.transaction() as session:
        calendar.fill(session, world.site.id, now=NOW, limit=12)

    def act(number: int) -> None:
        try:
            with world.database.transaction() as session:
                content = session.get_one(Content, contents[number // 2].id)
                if number % 2:
                    calendar.free_slot(session, content, hold_back=True, now=NOW)
                else:
                    publications.publish_now(session, content, now=NOW)
        except ConflictError:
            pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(12)))

    held = world.held()
    for content in contents[:6]:
        row, publication = world.content(content.id), world.publication(content.id)
        assert row.status in {ContentStatus.APPROVED, ContentStatus.PUBLISHING}
        assert (publication.due_at is not None) == (row.status is ContentStatus.PUBLISHING)
    assert set(held.values()) == {content.id for content in contents[6:]}
