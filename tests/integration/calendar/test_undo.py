"""Taking back what a person did: as a whole, or not at all."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from pipeline.core.calendar import WallTime
from pipeline.core.errors import ConflictError, NotFoundError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Content, Site, SiteAutomationSettings
from pipeline.services import calendar
from pipeline.services.calendar import Follow
from tests.support.builders import make_site
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from tests.integration.calendar.conftest import World

BESIDE = WallTime(date(2026, 11, 5), "11:17")


def _as_it_is(world: World) -> object:
    """Everything that an undo has to bring back."""
    with world.database.reading() as session:
        slots = [(slot.slot_at, slot.content_id, slot.local_time, slot.pinned) for slot in world.slots(session)]
        contents = session.execute(select(Content.id, Content.status, Content.held_back).order_by(Content.id)).all()
        row = session.scalars(
            select(SiteAutomationSettings).where(SiteAutomationSettings.site_id == world.site.id)
        ).one()
        rules = (row.publish_days, row.publish_time_slots, row.skip_dates)
        zone = session.get_one(Site, world.site.id).timezone
    held = [slot for slot in slots if slot[1] is not None]
    return held, [tuple(line) for line in contents], rules, zone


def test_every_action_on_one_item_is_taken_back(world: World) -> None:
    first, second, third = world.scheduled(3)
    (fourth,) = world.approve(1)
    actions = [
        lambda: world.act(calendar.move, first.id, to=grid(7)[6]),
        lambda: world.act(calendar.pin, second.id, to=BESIDE),
        lambda: world.act(calendar.swap, first.id, second.id),
        lambda: world.act(calendar.unpin, second.id),
        lambda: world.act(calendar.unschedule, third.id),
        lambda: world.act(calendar.schedule, fourth.id, to=None),
    ]
    before = []
    for action in actions:
        before.append(_as_it_is(world))
        action()

    for state in reversed(before):
        world.undo()
        assert _as_it_is(world) == state
    world.scheduled(1)
    assert world.at(fourth.id) == grid(4)[3]


def test_a_withdrawn_publication_is_planned_again(world: World) -> None:
    (content,) = world.scheduled(1)
    world.act(calendar.unschedule, content.id)

    world.undo()

    row = world.publication(content.id)
    assert (row.status, row.due_at) == (PublicationStatus.PLANNED, grid(1)[0])


def test_a_reflow_with_its_settings_and_zone_is_taken_back(world: World) -> None:
    first, *_ = world.scheduled(5)
    world.act(calendar.pin, first.id, to=BESIDE)
    before = _as_it_is(world)
    world.set_timezone("America/New_York")
    changed = _as_it_is(world)
    world.save(publish_days=["sat"], time_slots=["07:00"], skip_dates=[date(2026, 11, 14)])

    world.undo()
    assert _as_it_is(world) == changed
    world.undo()

    assert _as_it_is(world) == before
    assert world.audited()[-2:] == ["calendar.undone", "calendar.undone"]


def test_items_that_lost_their_slots_return_to_them(world: World) -> None:
    world.scheduled(4)
    before = _as_it_is(world)
    world.save(publish_days=[])
    assert world.held() == {}

    world.undo()

    assert _as_it_is(world) == before
    assert world.free()[0] == grid(5)[4]


def test_keeping_in_place_is_taken_back_with_its_settings(world: World) -> None:
    world.scheduled(2)
    before = _as_it_is(world)
    world.save(follow=Follow.KEEP, time_slots=["12:00"])

    world.undo()

    assert _as_it_is(world) == before
    assert world.free()[0] == grid(3)[2]


@pytest.mark.parametrize("status", [ContentStatus.PUBLISHING, ContentStatus.PUBLISHED])
def test_once_one_moved_item_goes_out_nothing_is_taken_back(world: World, status: ContentStatus) -> None:
    first, *_ = world.scheduled(3)
    world.save(time_slots=["12:00"])
    after = world.held()
    with world.database.transaction() as session:
        session.get_one(Content, first.id).status = status

    with pytest.raises(ConflictError, match=f"is {status} meanwhile"):
        world.undo()

    assert world.held() == after


def test_a_later_action_is_undone_first(world: World) -> None:
    (content,) = world.scheduled(1)
    first = world.act(calendar.move, content.id, to=grid(3)[2])
    world.act(calendar.move, content.id, to=grid(5)[4])

    with pytest.raises(ConflictError, match="Undo what was done to it later first"):
        world.undo(undo_id=first.undo_id)
    world.undo()
    world.undo(undo_id=first.undo_id)

    assert world.held() == {grid(1)[0]: content.id}


def test_a_slot_that_somebody_took_since_is_not_taken_back(world: World) -> None:
    (content,) = world.scheduled(1)
    world.act(calendar.move, content.id, to=grid(3)[2])
    (other,) = world.scheduled(1)

    with pytest.raises(ConflictError, match=f"content {other.id}\\) took the slot since"):
        world.undo()


def test_nothing_returns_to_a_slot_that_has_passed(world: World) -> None:
    (content,) = world.scheduled(1)
    first, *_, fifth = grid(5)
    world.act(calendar.move, content.id, to=fifth)

    with pytest.raises(ConflictError, match="has passed"):
        world.undo(now=first + timedelta(minutes=1))


def test_settings_that_were_changed_again_are_not_taken_back(world: World) -> None:
    world.scheduled(1)
    change = world.save(time_slots=["12:00"], publish_days=["mon"])
    world.save(skip_dates=[date(2027, 1, 1)])

    with pytest.raises(ConflictError, match="changed again since"):
        world.undo(undo_id=change.undo_id)


def test_an_action_is_taken_back_once(world: World) -> None:
    (content,) = world.scheduled(1)
    world.act(calendar.move, content.id, to=grid(3)[2])
    world.undo()

    with pytest.raises(ConflictError, match="nothing to undo"):
        world.undo()


def test_nobody_undoes_what_was_done_on_another_site(world: World) -> None:
    (content,) = world.scheduled(1)
    done = world.act(calendar.move, content.id, to=grid(3)[2])
    with world.database.transaction() as session:
        other = make_site(session)

    with world.database.transaction() as session, pytest.raises(NotFoundError, match="no action"):
        calendar.undo(session, session.get_one(Site, other.id), actor="eve", now=NOW, undo_id=done.undo_id)


def test_the_next_run_follows_the_zone_back(world: World) -> None:
    world.settings(automation_enabled=True, automation_time="02:00")
    world.set_timezone("America/New_York")
    with world.database.reading() as session:
        row = session.scalars(select(SiteAutomationSettings)).one()
        assert row.next_run_at == datetime(2026, 11, 5, 7, tzinfo=UTC)

    world.undo()

    with world.database.reading() as session:
        assert session.scalars(select(SiteAutomationSettings)).one().next_run_at == datetime(2026, 11, 5, 1, tzinfo=UTC)
