"""What a change of settings or zone does to a calendar: previewed, followed or not, without back-fire."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from pipeline.core.calendar import WallTime, tzdata_version
from pipeline.core.errors import InvalidValueError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import CalendarSlot, Publication, Site, SiteAutomationSettings, UndoRecord
from pipeline.services import calendar, settings
from pipeline.services.calendar import Follow
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.integration.calendar.conftest import World

BESIDE = WallTime(date(2026, 11, 5), "11:17")


def _preview(
    world: World, *, follow: Follow = Follow.REFLOW, timezone: str | None = None, **publishing: object
) -> Sequence[calendar.Move]:
    with world.database.reading() as session:
        site = session.get_one(Site, world.site.id)
        values = settings.load(session, site).model_dump()
        new = settings.checked({**values, "publishing": {**values["publishing"], **publishing}})
        return calendar.preview(session, site, follow=follow, now=NOW, settings=new, timezone=timezone)


class TestPreview:
    @pytest.mark.parametrize(
        "publishing",
        [
            {"time_slots": ["12:00"]},
            {"publish_days": ["sat"]},
            {"skip_dates": [date(2026, 11, 4)]},
            {"publish_days": []},
            {"time_slots": []},
        ],
    )
    def test_what_is_shown_is_what_a_save_does_and_showing_changes_nothing(
        self, world: World, publishing: dict[str, object]
    ) -> None:
        pinned, *_ = world.scheduled(5)
        world.act(calendar.pin, pinned.id, to=None)
        before = world.held()

        shown = _preview(world, **publishing)
        assert world.held() == before
        done = world.save(**publishing)

        assert [(move.content_id, move.was_at, move.now_at) for move in shown] == [
            (move.content_id, move.was_at, move.now_at) for move in done.moves
        ]
        assert shown

    def test_keeping_in_place_moves_nothing(self, world: World) -> None:
        world.scheduled(3)

        assert not _preview(world, follow=Follow.KEEP, time_slots=["12:00"])

    def test_a_new_zone_is_previewed_with_its_pins(self, world: World) -> None:
        pinned, other = world.scheduled(2)
        world.act(calendar.pin, pinned.id, to=BESIDE)

        shown = _preview(world, timezone="America/New_York")

        assert {move.content_id: move.now_at for move in shown} == {
            pinned.id: datetime(2026, 11, 5, 16, 17, tzinfo=UTC),
            other.id: grid(1, timezone="America/New_York")[0],
        }


class TestZone:
    def test_slots_and_pins_keep_their_wall_time(self, world: World) -> None:
        pinned, other = world.scheduled(2)
        world.act(calendar.pin, pinned.id, to=BESIDE)

        world.set_timezone("America/New_York")

        row = world.slot_of(pinned.id)
        assert row.slot_at == datetime(2026, 11, 5, 16, 17, tzinfo=UTC)
        assert (row.local_time, row.zone, row.pinned) == ("11:17", "America/New_York", True)
        assert world.publication(pinned.id).due_at == row.slot_at
        assert world.at(other.id) == grid(1, timezone="America/New_York")[0]
        assert "site.timezone_changed" in world.audited()

    def test_keeping_in_place_moves_pins_only_and_tells_all_in_the_new_zone(self, world: World) -> None:
        pinned, other = world.scheduled(2)
        world.act(calendar.pin, pinned.id, to=BESIDE)

        world.set_timezone("America/New_York", follow=Follow.KEEP)

        row = world.slot_of(other.id)
        assert world.at(pinned.id) == datetime(2026, 11, 5, 16, 17, tzinfo=UTC)
        assert (row.slot_at, row.local_date, row.local_time) == (grid(2)[1], date(2026, 11, 4), "12:00")
        assert world.free()[0] == grid(1, timezone="America/New_York")[0]

    def test_a_pin_whose_wall_time_has_passed_there_stays_at_its_instant(self, world: World) -> None:
        (pinned,) = world.scheduled(1)
        world.act(calendar.pin, pinned.id, to=None)

        world.set_timezone("Asia/Tokyo")

        row = world.slot_of(pinned.id)
        assert (row.slot_at, row.local_time) == (grid(1)[0], "22:00")

    def test_a_pin_whose_date_is_left_out_there_stays_at_its_instant(self, world: World) -> None:
        with world.database.transaction() as session:
            session.get_one(Site, world.site.id).timezone = "Pacific/Pago_Pago"
        now = datetime(2011, 12, 20, tzinfo=UTC)
        (content,) = world.approve(1)
        world.act(calendar.pin, content.id, to=WallTime(date(2011, 12, 30), "09:00"), now=now)
        was = world.at(content.id)

        with world.database.transaction() as session:
            site = session.get_one(Site, world.site.id)
            calendar.set_timezone(session, site, "Pacific/Apia", follow=Follow.REFLOW, actor="ada", now=now)

        assert world.at(content.id) == was

    def test_two_pins_that_would_meet_stay_apart(self, world: World) -> None:
        with world.database.transaction() as session:
            session.get_one(Site, world.site.id).timezone = "UTC"
        first, second = world.approve(2)
        # In Berlin the clock skips from 02:00 to 03:00 that day: both would be at 03:30.
        gap = [WallTime(date(2027, 3, 28), at) for at in ("02:30", "03:30")]
        for content, at in zip((first, second), gap, strict=True):
            world.act(calendar.pin, content.id, to=at)

        world.set_timezone("Europe/Berlin")

        assert {world.at(first.id), world.at(second.id)} == {
            datetime(2027, 3, 28, 2, 30, tzinfo=UTC),
            datetime(2027, 3, 28, 3, 30, tzinfo=UTC),
        }

    def test_the_next_run_is_computed_in_the_new_zone(self, world: World) -> None:
        world.settings(automation_enabled=True, automation_time="02:00")

        world.set_timezone("Australia/Lord_Howe")

        with world.database.reading() as session:
            row = session.scalars(select(SiteAutomationSettings)).one()
        assert row.next_run_at == datetime(2026, 11, 4, 15, tzinfo=UTC)

    def test_the_same_zone_is_no_action(self, world: World) -> None:
        world.scheduled(1)

        assert world.set_timezone("Europe/Berlin").undo_id is None

    def test_an_unknown_zone_is_refused(self, world: World) -> None:
        with pytest.raises(InvalidValueError, match="not a known time zone"):
            world.set_timezone("Europe/Berln")


class TestOrder:
    def test_moved_items_keep_their_order_over_all_slots_removed_and_restored(self, world: World) -> None:
        first, second, third = world.scheduled(3)
        world.act(calendar.swap, first.id, third.id)
        world.save(publish_days=[])
        (late,) = world.approve(1)
        world.save(publish_days=["mon"])

        with world.database.transaction() as session:
            calendar.fill(session, world.site.id, now=NOW, limit=10)

        order = [third.id, second.id, first.id, late.id]
        assert world.held() == dict(zip(grid(4, days=["mon"]), order, strict=True))

    def test_what_lost_its_slot_last_comes_before_what_waits_since_before(self, world: World) -> None:
        first, second = world.scheduled(2)
        world.save(time_slots=[])
        world.act(calendar.schedule, second.id, to=BESIDE)
        world.save(time_slots=["09:00"])
        world.act(calendar.unpin, second.id)
        world.save(time_slots=[])

        with world.database.reading() as session:
            waiting = calendar.unscheduled(session, world.site)

        assert [item.content_id for item in waiting] == [second.id, first.id]


class TestAutoPublish:
    """Off: what comes to its slot becomes ready. On again: nothing of it goes out by itself."""

    def _switched(self, world: World, *, enabled: bool, now: datetime) -> None:
        world.save(now=now, auto_publish_enabled=enabled)

    def test_switching_it_on_again_fires_no_burst(self, world: World) -> None:
        contents = world.scheduled(4)
        self._switched(world, enabled=False, now=NOW)
        later = grid(3)[2] + timedelta(minutes=1)

        self._switched(world, enabled=True, now=later)

        rows = [world.content(content.id).status for content in contents]
        assert rows == [*[ContentStatus.READY] * 3, ContentStatus.SCHEDULED]
        assert [world.publication(content.id).due_at for content in contents] == [None, None, None, grid(4)[3]]

    def test_what_is_ready_is_scheduled_anew_by_a_person(self, world: World) -> None:
        (content,) = world.scheduled(1)
        self._switched(world, enabled=False, now=NOW)
        later = grid(1)[0] + timedelta(minutes=1)
        self._switched(world, enabled=True, now=later)

        world.act(calendar.schedule, content.id, to=None, now=later)

        assert world.held() == {grid(2)[1]: content.id}
        assert world.publication(content.id).status is PublicationStatus.PLANNED

    def test_what_was_tried_already_goes_on(self, world: World) -> None:
        (content,) = world.scheduled(1)
        with world.database.transaction() as session:
            session.execute(update(Publication).values(attempts=1))
        self._switched(world, enabled=False, now=NOW)

        self._switched(world, enabled=True, now=grid(1)[0] + timedelta(minutes=1))

        assert world.content(content.id).status is ContentStatus.SCHEDULED

    def test_it_moves_nothing_and_cannot_be_undone(self, world: World) -> None:
        world.scheduled(1)

        self._switched(world, enabled=False, now=NOW)

        with world.database.reading() as session:
            assert session.scalars(select(UndoRecord)).all() == []


def test_a_slot_says_by_which_zone_and_rules_it_was_made(world: World) -> None:
    world.scheduled(1)

    with world.database.reading() as session:
        found = set(session.execute(select(CalendarSlot.zone, CalendarSlot.tzdata)).all())

    assert found == {("Europe/Berlin", tzdata_version())}


def test_half_an_hour_of_summer_time_is_noted_where_a_slot_moves(world: World) -> None:
    world.save(publish_days=["sun"], time_slots=["02:15"])
    world.set_timezone("Australia/Lord_Howe")

    with world.database.reading() as session:
        site = session.get_one(Site, world.site.id)
        (day,) = calendar.entries(session, site, now=NOW, start=date(2027, 10, 3), days=1)

    assert [entry.note for entry in day.entries] == ["3 Oct: 02:15 will publish at 02:45"]


def test_a_clock_that_jumps_back_gives_no_slot_twice(world: World) -> None:
    world.approve(3)
    for minutes in (10, -10, 0, -10, 10):
        (late,) = world.approve(1)
        with world.database.transaction() as session:
            calendar.fill(session, world.site.id, now=NOW + timedelta(minutes=minutes), limit=10)
        world.act(calendar.unschedule, late.id, now=NOW - timedelta(minutes=minutes))
        world.act(calendar.schedule, late.id, to=None, now=NOW + timedelta(minutes=minutes))

    assert list(world.held()) == grid(8)
