"""Downtime, pauses and what comes after them: nothing lost, nothing twice, no burst, the order kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from pipeline.core.calendar import Slot
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import AuditEvent, CalendarSlot, Content, Publication
from pipeline.services import calendar, publications
from pipeline.services.calendar import overdue, rows
from pipeline.services.calendar.dealing import Item
from pipeline.services.calendar.spots import Spot
from tests.integration.publishing.conftest import LIMITS
from tests.support.publishing import NOW, grid
from tests.support.sites import FakeSite

if TYPE_CHECKING:
    from tests.integration.publishing.conftest import Line, World

ALL_DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
AN_HOUR = timedelta(hours=1)
A_WEEK = timedelta(days=7)


def _daily(count: int, *, after: datetime = NOW) -> list[datetime]:
    return grid(count, days=ALL_DAYS, after=after)


#: Nine slots passed, the last of them three hours ago.
BACK = _daily(9)[-1] + 3 * AN_HOUR


@pytest.fixture(autouse=True)
def _every_day(world: World) -> None:
    world.settings(publish_days=ALL_DAYS)


def _pin(world: World, publication: Publication) -> None:
    with world.database.transaction() as session:
        session.execute(
            update(CalendarSlot).where(CalendarSlot.content_id == publication.content_id).values(pinned=True)
        )


def _slots(world: World, planned: list[Publication]) -> list[datetime | None]:
    return [world.publication(publication.content_id).slot_at for publication in planned]


def _put_back(world: World, *, now: datetime = BACK) -> overdue.PutBack:
    with world.database.transaction() as session:
        return overdue.put_back(session, world.site.id, now=now, grace=LIMITS.grace)


def _standing(content_id: int, slot: Slot) -> Item:
    return Item(content_id, "", Spot(slot), zone="UTC", tzdata="", locked=False, may_be_seen=False)


def test_three_days_of_downtime_end_in_no_burst_with_the_order_kept_and_each_once(world: World, line: Line) -> None:
    ids, site, appeared_at = [publication.content_id for publication in world.schedule(12)], FakeSite(), []
    site.before("publish", lambda: appeared_at.append(line.now))
    line.now = BACK

    line.play(site, until=A_WEEK)

    assert site.appeared == ids
    assert appeared_at == _daily(12, after=BACK)
    assert len(site.posts) == 12
    assert {world.content(content_id).status for content_id in ids} == {ContentStatus.PUBLISHED}


def test_what_is_a_little_late_goes_out_at_once_and_older_ones_take_the_next_slots(world: World, line: Line) -> None:
    planned, site = world.schedule(3), FakeSite()
    line.now = _daily(3)[-1] + AN_HOUR

    line.play(site, until=timedelta())

    assert site.appeared == [planned[2].content_id]
    assert _slots(world, planned[:2]) == _daily(2, after=line.now)


def test_late_ones_within_the_grace_keep_their_order_and_their_distance(world: World, line: Line) -> None:
    world.settings(publish_time_slots=["14:00", "14:05", "14:10", "14:15"])
    ids, site, appeared_at = [publication.content_id for publication in world.schedule(4)], FakeSite(), []
    site.before("publish", lambda: appeared_at.append(line.now))
    line.now = NOW.replace(hour=14)

    line.play(site, until=3 * AN_HOUR)

    assert site.appeared == ids
    assert min(later - earlier for earlier, later in pairwise(appeared_at)) >= timedelta(minutes=15)


def test_a_message_that_overtook_another_waits_for_the_earlier_slot(world: World) -> None:
    world.settings(publish_time_slots=["14:00", "14:10"])
    first, second = world.schedule(2)
    back = NOW.replace(hour=14)

    assert world.claim(second, now=back) is None
    assert world.claim(first, now=back) is not None
    assert world.publication(second.content_id).due_at == back + LIMITS.spacing


def test_one_that_is_a_little_late_does_not_wait_for_those_that_are_put_back(world: World) -> None:
    planned = world.schedule(3)

    assert world.claim(planned[2], now=_daily(3)[-1] + AN_HOUR) is not None


def test_a_hole_in_the_calendar_takes_what_is_pushed_and_nothing_behind_it_moves(world: World) -> None:
    planned = world.schedule(6)
    # What stands on the fourth slot leaves; the rest keep theirs.
    with world.database.transaction() as session:
        calendar.free_slot(session, session.get_one(Content, planned[3].content_id), hold_back=True, now=NOW)
    back = _daily(2)[-1] - timedelta(minutes=1)

    _put_back(world, now=back)

    second, third, fourth, *rest = _daily(6)[1:]
    assert _slots(world, planned[:3]) == [second, third, fourth]
    assert _slots(world, planned[4:]) == rest


def test_pinned_ones_that_are_too_late_are_missed_and_a_person_decides(world: World) -> None:
    missed, other = world.schedule(2)
    _pin(world, missed)

    decided = _put_back(world)

    assert decided.missed == [missed.content_id]
    row = world.publication(missed.content_id)
    assert (row.status, row.due_at, row.error) == (PublicationStatus.MISSED, None, overdue.MISSED)
    assert world.content(missed.content_id).status is ContentStatus.NEEDS_ATTENTION
    assert world.publication(other.content_id).slot_at == _daily(1, after=BACK)[0]


def test_what_was_missed_can_be_published_at_once(world: World) -> None:
    (missed,) = world.schedule()
    _pin(world, missed)
    _put_back(world)

    again = world.publish_now(world.content(missed.content_id), now=BACK)

    assert (again.status, again.due_at, again.error) == (PublicationStatus.PLANNED, BACK, None)
    assert world.slot_of(missed.content_id) is None


def test_what_was_missed_can_be_scheduled_again(world: World) -> None:
    (missed,) = world.schedule()
    _pin(world, missed)
    _put_back(world)

    with world.database.transaction() as session:
        slot_at = calendar.schedule_next(session, session.get_one(Content, missed.content_id), now=BACK)

    assert slot_at == world.slot_of(missed.content_id) == _daily(1, after=BACK)[0]
    assert world.statuses(missed.content_id) == (ContentStatus.SCHEDULED, PublicationStatus.PLANNED)


def test_a_pin_ahead_keeps_its_instant_and_those_behind_go_around_it(world: World) -> None:
    planned = world.schedule(4)
    _pin(world, planned[2])
    back = _daily(2)[-1] - timedelta(minutes=1)

    _put_back(world, now=back)

    slots = _daily(6)
    assert _slots(world, planned) == [slots[1], slots[3], slots[2], slots[4]]


def test_without_slots_what_is_overdue_is_approved_again(world: World) -> None:
    (publication,) = world.schedule()
    world.settings(publish_time_slots=[])

    _put_back(world)

    assert world.statuses(publication.content_id) == (ContentStatus.APPROVED, PublicationStatus.WITHDRAWN)
    assert world.slot_of(publication.content_id) is None


def test_what_began_to_appear_is_not_moved_but_ended(world: World) -> None:
    (publication,) = world.schedule()
    with world.database.transaction() as session:
        session.execute(update(Publication).values(remote_id="post-1", attempts=1))
        session.execute(update(Content).where(Content.id == publication.content_id).values(status="publishing"))

    assert world.claim(publication, now=BACK) is not None


def test_a_retry_that_downtime_delayed_takes_a_later_slot_like_the_others(world: World) -> None:
    (publication,) = world.schedule()
    with world.database.transaction() as session:
        session.execute(update(Publication).values(attempts=1))
        session.execute(update(Content).where(Content.id == publication.content_id).values(status="publishing"))

    assert world.claim(publication, now=BACK) is None

    assert world.statuses(publication.content_id) == (ContentStatus.SCHEDULED, PublicationStatus.PLANNED)
    assert world.slot_of(publication.content_id) == _daily(1, after=BACK)[0]


def test_a_site_switched_off_with_items_scheduled_and_on_again_publishes_none_of_them_by_itself(
    world: World, line: Line
) -> None:
    planned, site = world.schedule(5), FakeSite()
    world.auto_publish(enabled=False)
    line.play(site, until=BACK)
    world.auto_publish(enabled=True)

    line.play(site, until=A_WEEK)

    assert site.asked == []
    assert {world.content(publication.content_id).status for publication in planned} == {ContentStatus.READY}


def test_a_site_switched_off_and_on_while_the_system_was_down_has_no_burst_either(world: World, line: Line) -> None:
    ids, site, appeared_at = [publication.content_id for publication in world.schedule(5)], FakeSite(), []
    site.before("publish", lambda: appeared_at.append(line.now))
    world.auto_publish(enabled=False)
    world.auto_publish(enabled=True)
    line.now = BACK

    line.play(site, until=A_WEEK)

    assert site.appeared == ids
    assert appeared_at == _daily(5, after=BACK)


def test_a_retry_is_left_to_people_when_the_site_was_switched_off_meanwhile(world: World) -> None:
    (publication,) = world.schedule()
    claim = world.claim(publication, now=_daily(1)[0])
    assert claim is not None
    with world.database.transaction() as session:
        publications.try_later(session, claim, "It is away.", limits=LIMITS, pause=None, now=_daily(1)[0])
    world.auto_publish(enabled=False)

    assert world.claim(publication, now=_daily(1)[0] + timedelta(minutes=1)) is None

    assert world.content(publication.content_id).status is ContentStatus.READY


def test_many_publishers_that_come_back_at_once_decide_together(world: World) -> None:
    planned = world.schedule(14)
    with world.database.transaction() as session:
        session.execute(update(Publication).values(sends=1))

    def claim(number: int) -> object:
        with world.database.transaction() as session:
            return publications.claim(session, planned[number % 9].id, limits=LIMITS, now=BACK)

    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(claim, range(27)))

    assert claims == [None] * 27
    assert _slots(world, planned) == _daily(14, after=BACK)
    with world.database.reading() as session:
        held = select(CalendarSlot.content_id).where(CalendarSlot.content_id.is_not(None))
        assert session.scalars(held.order_by(CalendarSlot.slot_at)).all() == [row.content_id for row in planned]


def test_people_and_fill_beside_the_decision_leave_every_item_on_one_slot(world: World) -> None:
    planned = world.schedule(12)
    world.approve(6)

    def act(number: int) -> None:
        with world.database.transaction() as session:
            if number % 3 == 0:
                overdue.put_back(session, world.site.id, now=BACK, grace=LIMITS.grace)
            elif number % 3 == 1:
                calendar.fill(session, world.site.id, now=BACK, limit=2)
            else:
                content = session.get_one(Content, planned[number].content_id)
                calendar.free_slot(session, content, hold_back=True, now=BACK)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(12)))
    _put_back(world)

    with world.database.reading() as session:
        held = dict(session.execute(select(CalendarSlot.content_id, CalendarSlot.slot_at)).all())
        rows = session.scalars(select(Publication).where(Publication.status == PublicationStatus.PLANNED)).all()
    assert {row.content_id: row.slot_at for row in rows} == {key: at for key, at in held.items() if key is not None}
    kept = [row.content_id for row in sorted(rows, key=lambda row: row.slot_at or NOW)]
    assert [content_id for content_id in kept if content_id <= planned[-1].content_id] == [
        publication.content_id for number, publication in enumerate(planned) if number % 3 != 2
    ]
    assert min(row.slot_at for row in rows if row.slot_at) > BACK


def test_the_next_allocation_stands_behind_what_was_pushed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "CHUNK", 1)
    planned = world.schedule(3)

    _put_back(world)
    (other,) = world.schedule(now=BACK)

    assert [*_slots(world, planned), other.slot_at] == _daily(4, after=BACK)


def test_the_decision_is_in_the_audit_trail(world: World) -> None:
    first, pinned = world.schedule(2)
    _pin(world, pinned)

    world.claim(first, now=BACK)

    with world.database.reading() as session:
        event = session.scalars(select(AuditEvent)).one()
    assert (event.action, event.subject_id) == ("calendar.put_back", world.site.id)
    assert event.details == {"moved": 1, "missed": [pinned.content_id]}


def test_nobody_moves_forward_and_the_first_hole_ends_the_pushing() -> None:
    start = NOW
    slots = [Slot(start + number * AN_HOUR, start.date(), "") for number in range(6)]
    ahead = [_standing(number, slots[number]) for number in (0, 1, 3, 4)]
    late = [_standing(9, Slot(start - AN_HOUR, start.date(), ""))]

    dealt = overdue.deal(late, ahead, grid=iter(slots))

    assert dealt == {9: Spot(slots[0]), 0: Spot(slots[1]), 1: Spot(slots[2])}
