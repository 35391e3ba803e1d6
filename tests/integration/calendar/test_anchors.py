"""Slots follow their wall times when a newer release of the zones' rules is installed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from pipeline.core.calendar import WallTime, tzdata_version
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import CalendarSlot, Publication, SiteCalendar
from pipeline.services import calendar
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.integration.calendar.conftest import World

_AN_HOUR = timedelta(hours=1)
_OLD = "2000a"


def _made_by_old_rules(world: World) -> None:
    """As if an old release had known no winter time: everything that stands is an hour early."""
    with world.database.transaction() as session:
        for slot in world.slots(session):
            of_slot = (CalendarSlot.site_id == slot.site_id, CalendarSlot.slot_at == slot.slot_at)
            early = slot.slot_at - _AN_HOUR
            session.execute(update(CalendarSlot).where(*of_slot).values(slot_at=early, tzdata=_OLD))
            of_content = Publication.content_id == slot.content_id
            session.execute(update(Publication).where(of_content).values(slot_at=early, due_at=early))
        session.execute(update(SiteCalendar).values(tzdata=_OLD))


def _re_anchor(world: World, *, now: datetime = NOW) -> Sequence[calendar.Move]:
    with world.database.transaction() as session:
        return calendar.re_anchor(session, world.site.id, now=now)


def _outdated(world: World) -> Sequence[int]:
    with world.database.reading() as session:
        return [each.site_id for each in calendar.outdated(session, limit=10)]


def test_items_and_free_slots_return_to_their_wall_times(world: World) -> None:
    contents = world.scheduled(4)
    world.act(calendar.unschedule, contents[1].id)
    _made_by_old_rules(world)
    assert _outdated(world) == [world.site.id]

    moves = _re_anchor(world)

    first, second, third, fourth, fifth = grid(5)
    assert world.held() == {first: contents[0].id, third: contents[2].id, fourth: contents[3].id}
    assert world.free()[:2] == [second, fifth]
    assert [(move.was_at, move.now_at) for move in moves] == [(at - _AN_HOUR, at) for at in (first, third, fourth)]
    assert world.publication(contents[3].id).due_at == fourth
    assert world.slot_of(contents[3].id).tzdata == tzdata_version()
    assert _outdated(world) == []


def test_a_pin_stays_at_the_instant_that_a_person_was_told(world: World) -> None:
    pinned, other = world.scheduled(2)
    world.act(calendar.pin, pinned.id, to=WallTime(date(2026, 11, 5), "11:17"))
    _made_by_old_rules(world)

    _re_anchor(world)

    row = world.slot_of(pinned.id)
    assert (row.slot_at, row.local_time) == (datetime(2026, 11, 5, 9, 17, tzinfo=UTC), "10:17")
    assert world.at(other.id) == grid(2)[1]


def test_what_is_being_published_stays(world: World) -> None:
    content, other = world.scheduled(2)
    _made_by_old_rules(world)
    with world.database.transaction() as session:
        row = update(Publication).where(Publication.content_id == content.id)
        session.execute(row.values(status=PublicationStatus.PUBLISHING))

    _re_anchor(world)

    assert world.held() == {grid(1)[0] - _AN_HOUR: content.id, grid(2)[1]: other.id}


def test_a_wall_time_that_is_taken_gives_its_item_the_next_slot(world: World) -> None:
    content, _ = world.scheduled(2)
    _made_by_old_rules(world)
    (pinned,) = world.approve(1)
    with world.database.transaction() as session:
        session.add(
            CalendarSlot(
                site_id=world.site.id, slot_at=grid(1)[0], content_id=pinned.id, local_date=date(2026, 11, 4),
                local_time="14:00", zone="Europe/Berlin", tzdata=_OLD, pinned=True,
            )
        )  # fmt: skip
        session.add(Publication(account_id=world.site.account_id, site_id=world.site.id, content_id=pinned.id))
        session.get_one(type(pinned), pinned.id).status = "scheduled"

    _re_anchor(world)

    assert world.at(pinned.id) == grid(1)[0]
    assert world.at(content.id) == grid(3)[2]


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "free"])
def test_where_the_site_has_no_slots_an_item_keeps_its_instant_unless_another_one_has_got_it(
    world: World, *, taken: bool
) -> None:
    """The first item's wall time has passed; the second one's is the instant that the first stands at."""
    first, second = world.scheduled(2)
    world.save(follow=calendar.Follow.KEEP, publish_days=[])
    at = grid(1)[0]
    second_at = at + (timedelta() if taken else _AN_HOUR)
    with world.database.transaction() as session:
        for content, stood, wall in ((first, at, at - timedelta(days=30)), (second, at - _AN_HOUR, second_at)):
            local = wall.astimezone(ZoneInfo("Europe/Berlin"))
            row = update(CalendarSlot).where(CalendarSlot.content_id == content.id)
            session.execute(row.values(slot_at=stood, local_date=local.date(), local_time=f"{local:%H:%M}"))
            plan = update(Publication).where(Publication.content_id == content.id)
            session.execute(plan.values(slot_at=stood, due_at=stood))
        session.execute(update(SiteCalendar).values(tzdata=_OLD))

    _re_anchor(world, now=at - 2 * _AN_HOUR)

    assert world.held() == ({at: second.id} if taken else {at: first.id, second_at: second.id})
    assert world.content(first.id).status is (ContentStatus.APPROVED if taken else ContentStatus.SCHEDULED)


def test_nothing_happens_where_the_release_is_that_of_the_slots_or_older(world: World) -> None:
    world.scheduled(2)
    with world.database.transaction() as session:
        session.execute(update(SiteCalendar).values(tzdata="9999z"))
    before = world.held(), world.free()

    assert _outdated(world) == []
    assert _re_anchor(world) == ()

    assert (world.held(), world.free()) == before
    with world.database.reading() as session:
        assert session.scalars(select(SiteCalendar.tzdata)).one() == "9999z"


def test_keeping_in_place_keeps_wall_times_of_the_rules_in_use(world: World) -> None:
    (content,) = world.scheduled(1)
    _made_by_old_rules(world)

    world.save(follow=calendar.Follow.KEEP, time_slots=["12:00"])

    assert world.at(content.id) == grid(1)[0]
