"""What a person does with one item: move, pin, unpin, swap, unschedule, schedule."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from pipeline.core.calendar import WallTime
from pipeline.core.errors import ConflictError, InvalidValueError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Content, Publication, Site
from pipeline.services import calendar
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from tests.integration.calendar.conftest import World

THURSDAY = date(2026, 11, 5)
#: No slot of the site.
BESIDE = WallTime(THURSDAY, "11:17")
BESIDE_AT = datetime(2026, 11, 5, 10, 17, tzinfo=UTC)


def _publishing(world: World, content_id: int) -> None:
    with world.database.transaction() as session:
        session.get_one(Content, content_id).status = ContentStatus.PUBLISHING
        row = update(Publication).where(Publication.content_id == content_id)
        session.execute(row.values(status=PublicationStatus.PUBLISHING))


class TestMove:
    def test_an_item_moves_to_a_free_slot_and_leaves_its_own_free(self, world: World) -> None:
        (content,) = world.scheduled(1)
        first, *_, fifth = grid(5)

        world.act(calendar.move, content.id, to=fifth)

        publication = world.publication(content.id)
        assert world.held() == {fifth: content.id}
        assert (publication.slot_at, publication.due_at, publication.sends) == (fifth, fifth, 0)
        assert world.free()[0] == first
        assert fifth not in world.free()
        assert world.audited() == ["calendar.moved"]

    def test_a_slot_may_be_named_by_its_wall_time(self, world: World) -> None:
        (content,) = world.scheduled(1)

        action = world.act(calendar.move, content.id, to=WallTime(THURSDAY, "14:00"))

        assert world.at(content.id) == datetime(2026, 11, 5, 13, tzinfo=UTC)
        assert not action.moves[0].now.pinned

    def test_a_wall_time_beside_the_slots_is_pinned(self, world: World) -> None:
        (content,) = world.scheduled(1)

        world.act(calendar.move, content.id, to=BESIDE)

        row = world.slot_of(content.id)
        assert (row.slot_at, row.local_time, row.pinned) == (BESIDE_AT, "11:17", True)

    def test_a_slot_beyond_those_that_were_made_is_not_made_twice(self, world: World) -> None:
        (content,) = world.scheduled(1)
        far = grid(250)[249]
        world.act(calendar.move, content.id, to=far)

        world.scheduled(260)

        held = world.held()
        assert held[far] == content.id
        assert list(held) == grid(261)

    def test_five_years_ahead_is_not_too_far(self, world: World) -> None:
        (content,) = world.scheduled(1)

        world.act(calendar.move, content.id, to=WallTime(date(2031, 11, 4), "23:59"))

        assert world.at(content.id) == datetime(2031, 11, 4, 22, 59, tzinfo=UTC)

    def test_on_a_leap_day_the_last_is_the_28th(self, world: World) -> None:
        now = datetime(2028, 2, 29, 12, tzinfo=UTC)
        (content,) = world.approve(1)

        with pytest.raises(InvalidValueError, match="Choose a date up to 2033-02-28"):
            world.act(calendar.schedule, content.id, to=WallTime(date(2033, 3, 1), "09:00"), now=now)

    @pytest.mark.parametrize(
        ("to", "sentence"),
        [
            (WallTime(date(2026, 11, 4), "09:00"), "Wed 2026-11-04 09:00 has passed"),
            (NOW, "Wed 2026-11-04 10:30 has passed"),
            (WallTime(date(2031, 11, 5), "09:00"), "Wed 2031-11-05 09:00 is too far ahead.*up to 2031-11-04"),
            (datetime(2031, 11, 5, 8, tzinfo=UTC), "Wed 2031-11-05 09:00 is too far ahead.*up to 2031-11-04"),
            (datetime.max.replace(tzinfo=UTC), "Fri 9999-12-31 23:59 is too far ahead.*up to 2031-11-04"),
            (datetime.min.replace(tzinfo=UTC), "has passed at the site"),
            (WallTime(date(2026, 12, 25), "09:00"), "Fri 2026-12-25 09:00 is on a date that the site skips"),
        ],
    )
    def test_what_has_passed_or_is_skipped_is_refused(
        self, world: World, to: WallTime | datetime, sentence: str
    ) -> None:
        world.settings(skip_dates=["2026-12-25"])
        (content,) = world.scheduled(1)

        with pytest.raises(InvalidValueError, match=sentence):
            world.act(calendar.move, content.id, to=to)

        assert world.held() == {grid(1)[0]: content.id}

    def test_a_date_that_the_site_does_not_have_is_refused(self, world: World) -> None:
        with world.database.transaction() as session:
            session.get_one(Site, world.site.id).timezone = "Pacific/Apia"
        now = datetime(2011, 12, 20, tzinfo=UTC)
        (content,) = world.approve(1)

        with pytest.raises(InvalidValueError, match="2011-12-30 09:00 does not exist in Pacific/Apia"):
            world.act(calendar.schedule, content.id, to=WallTime(date(2011, 12, 30), "09:00"), now=now)

    def test_a_taken_slot_names_its_holder(self, world: World) -> None:
        first, second = world.scheduled(2)

        with pytest.raises(ConflictError, match=f"taken by content {second.id}, '{second.title}'. Swap the two"):
            world.act(calendar.move, first.id, to=grid(2)[1])

        assert world.held() == dict(zip(grid(2), [first.id, second.id], strict=True))

    def test_a_swap_is_not_proposed_to_what_is_not_scheduled(self, world: World) -> None:
        holder, _ = world.scheduled(2)
        (content,) = world.approve(1)

        for action in (calendar.schedule, calendar.pin):
            with pytest.raises(ConflictError, match=rf"taken by content {holder.id}, '.*'\. Choose another time\.$"):
                world.act(action, content.id, to=grid(1)[0])

    def test_what_is_being_published_does_not_move(self, world: World) -> None:
        (content,) = world.scheduled(1)
        _publishing(world, content.id)

        with pytest.raises(ConflictError, match="just being published"):
            world.act(calendar.move, content.id, to=grid(5)[4])

        assert world.at(content.id) == grid(1)[0]

    def test_content_that_is_not_scheduled_does_not_move(self, world: World) -> None:
        (content,) = world.approve(1)

        with pytest.raises(ConflictError, match=r"is approved and stands on no slot\. To give it one"):
            world.act(calendar.move, content.id, to=grid(5)[4])

    def test_moving_to_where_it_stands_is_refused(self, world: World) -> None:
        (content,) = world.scheduled(1)

        with pytest.raises(ConflictError, match="stands exactly there"):
            world.act(calendar.move, content.id, to=grid(1)[0])

    def test_an_overdue_item_can_be_moved_on(self, world: World) -> None:
        (content,) = world.scheduled(1)
        first, _, third = grid(3)

        world.act(calendar.move, content.id, to=third, now=first + timedelta(minutes=5))

        assert world.held() == {third: content.id}
        assert first not in world.free()


class TestPin:
    def test_an_item_is_pinned_where_it_stands(self, world: World) -> None:
        pinned, other = world.scheduled(2)
        world.act(calendar.pin, pinned.id, to=None)

        world.save(time_slots=["12:00"])

        assert world.at(pinned.id) == grid(1)[0]
        assert world.at(other.id) == grid(1, time_slots=["12:00"])[0]

    @pytest.mark.parametrize("to", [None, BESIDE])
    def test_what_is_pinned_is_not_pinned_there_again(self, world: World, to: WallTime | None) -> None:
        (content,) = world.scheduled(1)
        world.act(calendar.pin, content.id, to=BESIDE)

        with pytest.raises(ConflictError, match=f"Content {content.id} is pinned there already"):
            world.act(calendar.pin, content.id, to=to)

        assert world.audited() == ["calendar.pinned"]

    def test_a_pin_beside_the_slots_takes_none(self, world: World) -> None:
        (content,) = world.scheduled(1)

        world.act(calendar.pin, content.id, to=BESIDE)
        others = world.scheduled(4)

        expected = dict(zip(grid(4), [other.id for other in others], strict=True))
        assert world.held() == expected | {BESIDE_AT: content.id}

    def test_approved_content_is_pinned_onto_the_calendar(self, world: World) -> None:
        (content,) = world.approve(1)

        world.act(calendar.pin, content.id, to=BESIDE)

        assert world.content(content.id).status is ContentStatus.SCHEDULED
        assert world.publication(content.id).due_at == BESIDE_AT

    def test_approved_content_cannot_be_pinned_nowhere(self, world: World) -> None:
        (content,) = world.approve(1)

        with pytest.raises(InvalidValueError, match="give the time"):
            world.act(calendar.pin, content.id, to=None)

    def test_an_unpinned_item_on_a_slot_stays_until_the_next_reflow(self, world: World) -> None:
        (content,) = world.scheduled(1)
        world.act(calendar.pin, content.id, to=None)

        world.act(calendar.unpin, content.id)

        row = world.slot_of(content.id)
        assert (row.slot_at, row.pinned) == (grid(1)[0], False)

    def test_an_unpinned_item_beside_the_slots_takes_the_next_free_one(self, world: World) -> None:
        content, _ = world.scheduled(2)
        world.act(calendar.pin, content.id, to=BESIDE)
        world.scheduled(1)

        world.act(calendar.unpin, content.id)

        assert world.at(content.id) == grid(3)[2]

    def test_what_is_not_pinned_cannot_be_unpinned(self, world: World) -> None:
        (content,) = world.scheduled(1)

        with pytest.raises(ConflictError, match="is not pinned"):
            world.act(calendar.unpin, content.id)

    def test_a_pin_in_a_gap_of_the_clock_says_so(self, world: World) -> None:
        (content,) = world.scheduled(1)
        world.act(calendar.pin, content.id, to=WallTime(date(2027, 3, 28), "02:30"))

        with world.database.reading() as session:
            (day,) = calendar.entries(session, world.site, now=NOW, start=date(2027, 3, 28), days=1)

        assert day.entries[0].at == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)
        assert day.entries[0].note == "28 Mar: 02:30 will publish at 03:30"


class TestSwap:
    def test_two_items_change_places(self, world: World) -> None:
        first, second = world.scheduled(2)

        world.act(calendar.swap, first.id, second.id)

        assert world.held() == dict(zip(grid(2), [second.id, first.id], strict=True))
        assert world.publication(first.id).due_at == grid(2)[1]
        assert world.audited() == ["calendar.swapped", "calendar.swapped"]

    def test_a_pin_goes_with_its_content_and_beside_the_slots_everything_is_pinned(self, world: World) -> None:
        first, second = world.scheduled(2)
        world.act(calendar.pin, first.id, to=BESIDE)

        world.act(calendar.swap, first.id, second.id)

        assert world.held() == {grid(2)[1]: first.id, BESIDE_AT: second.id}
        assert (world.slot_of(first.id).pinned, world.slot_of(second.id).pinned) == (True, True)

    def test_a_place_that_has_passed_is_not_given_away(self, world: World) -> None:
        first, second = world.scheduled(2)

        with pytest.raises(ConflictError, match="has passed"):
            world.act(calendar.swap, first.id, second.id, now=grid(1)[0] + timedelta(minutes=5))

    def test_what_is_being_published_is_not_swapped(self, world: World) -> None:
        first, second = world.scheduled(2)
        _publishing(world, second.id)

        with pytest.raises(ConflictError, match=f"Content {second.id} is just being published"):
            world.act(calendar.swap, first.id, second.id)

    def test_only_two_of_one_site_change_places(self, world: World) -> None:
        (first,) = world.scheduled(1)

        with pytest.raises(InvalidValueError, match="two different articles of one site"):
            world.act(calendar.swap, first.id, first.id)


class TestUnscheduleAndSchedule:
    def test_what_a_person_took_off_is_held_back_and_its_slot_is_free(self, world: World) -> None:
        content, _ = world.scheduled(2)

        world.act(calendar.unschedule, content.id)
        with world.database.transaction() as session:
            assert calendar.fill(session, world.site.id, now=NOW, limit=10) == 0

        row = world.content(content.id)
        assert (row.status, row.held_back) == (ContentStatus.APPROVED, True)
        assert world.publication(content.id).status is PublicationStatus.WITHDRAWN
        assert world.free()[0] == grid(1)[0]

    def test_scheduling_takes_the_next_free_slot(self, world: World) -> None:
        content, _ = world.scheduled(2)
        world.act(calendar.unschedule, content.id)

        world.act(calendar.schedule, content.id, to=None)

        row = world.content(content.id)
        assert (world.at(content.id), row.status, row.held_back) == (grid(1)[0], ContentStatus.SCHEDULED, False)
        assert world.publication(content.id).status is PublicationStatus.PLANNED

    def test_scheduling_at_a_slot(self, world: World) -> None:
        (content,) = world.approve(1)

        world.act(calendar.schedule, content.id, to=grid(7)[6])

        assert world.held() == {grid(7)[6]: content.id}

    def test_without_a_slot_nothing_can_be_scheduled_but_at_a_time(self, world: World) -> None:
        world.settings(publish_days=[])
        first, second = world.approve(2)

        with pytest.raises(ConflictError, match="has no slots"):
            world.act(calendar.schedule, first.id, to=None)
        world.act(calendar.schedule, second.id, to=BESIDE)

        assert world.held() == {BESIDE_AT: second.id}

    def test_what_is_scheduled_cannot_be_scheduled_again(self, world: World) -> None:
        (content,) = world.scheduled(1)

        with pytest.raises(ConflictError, match=r"is scheduled\. To have it elsewhere"):
            world.act(calendar.schedule, content.id, to=None)
