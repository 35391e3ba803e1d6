"""The calendar as a file: what a real iCalendar library reads in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import icalendar
import pytest
from sqlalchemy import update

from pipeline.core.calendar import parse_wall_time
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import CalendarSlot, Content, Publication, Site
from pipeline.services import calendar, publications
from tests.support.builders import make_content, make_site
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from tests.integration.calendar.conftest import World


def _bytes(world: World, *, now: datetime = NOW) -> bytes:
    with world.database.reading() as session:
        return calendar.ical(session, session.get_one(Site, world.site.id), now=now)


def _events(world: World, *, now: datetime = NOW) -> list[Any]:
    return list(icalendar.Calendar.from_ical(_bytes(world, now=now)).walk("VEVENT"))


def _fill(world: World) -> None:
    with world.database.transaction() as session:
        calendar.fill(session, world.site.id, now=NOW, limit=100)


def _retitle(world: World, content_id: int, **values: str) -> None:
    with world.database.transaction() as session:
        session.execute(update(Content).where(Content.id == content_id).values(**values))


def _put_at_site(world: World, content_id: int, *, at: datetime, url: str = "https://desks.example/a-desk/") -> None:
    values = {"status": PublicationStatus.PUBLISHED, "published_at": at, "remote_url": url}
    with world.database.transaction() as session:
        session.execute(update(Publication).where(Publication.content_id == content_id).values(**values))
        session.execute(update(Content).where(Content.id == content_id).values(status=ContentStatus.PUBLISHED))


def test_every_scheduled_item_is_one_event_at_its_instant_in_utc(world: World) -> None:
    contents = world.approve(5)
    _fill(world)

    events = _events(world)

    assert [event["dtstart"].dt for event in events] == grid(5)
    assert [str(event["uid"]) for event in events] == [
        f"content-{content.id}.site-{world.site.id}@calendar.igny8" for content in contents
    ]
    assert all(line.endswith(b"Z\r") for line in _bytes(world).split(b"\n") if line.startswith(b"DTSTART"))


def test_the_same_rows_give_the_same_bytes(world: World) -> None:
    world.approve(3)
    _fill(world)

    assert _bytes(world) == _bytes(world, now=NOW + timedelta(hours=5))


def test_no_event_repeats_and_no_zone_is_described(world: World) -> None:
    world.approve(3)
    _fill(world)

    text = _bytes(world)

    assert b"RRULE" not in text
    assert b"RDATE" not in text
    assert b"VTIMEZONE" not in text


@pytest.mark.parametrize(
    "title",
    [
        "Desks, chairs; and a back\\slash",
        "Two\nlines: BEGIN:VEVENT",
        "END:VEVENT\nEND:VCALENDAR",
        "A desk for 😀 people, 机 and ümläute " * 6,
        "x" * 300,
        '"quoted" =5:00',
    ],
)
def test_a_title_comes_back_as_it_was(world: World, title: str) -> None:
    (content,) = world.approve(1)
    _retitle(world, content.id, title=title, excerpt=title)
    _fill(world)

    (event,) = _events(world)

    assert (str(event["summary"]), str(event["description"])) == (title, title)
    assert all(len(line) <= 75 for line in _bytes(world).split(b"\r\n"))


def test_what_the_format_has_no_words_for_is_left_out_of_a_title(world: World) -> None:
    (content,) = world.approve(1)
    _retitle(world, content.id, title="A\x07 desk\r\nfor\rtwo\x7f")
    _fill(world)

    (event,) = _events(world)

    assert str(event["summary"]) == "A desk\nfor\ntwo"
    assert b"\r" not in _bytes(world).replace(b"\r\n", b"")


def test_a_pinned_item_and_a_ready_one_say_so(world: World) -> None:
    pinned, ready = world.approve(2)
    _fill(world)
    with world.database.transaction() as session:
        session.execute(update(CalendarSlot).where(CalendarSlot.content_id == pinned.id).values(pinned=True))
        session.execute(update(Content).where(Content.id == ready.id).values(status=ContentStatus.READY))

    categories = [[str(name) for name in event["categories"].cats] for event in _events(world)]

    assert categories == [["scheduled", "pinned"], ["ready"]]


def test_a_published_item_has_its_address_and_stays_at_its_slot(world: World) -> None:
    (content,) = world.approve(1)
    _fill(world)
    (slot,) = grid(1)
    _put_at_site(world, content.id, at=slot + timedelta(seconds=4))

    (event,) = _events(world, now=slot + timedelta(hours=1))

    assert (event["dtstart"].dt, str(event["url"])) == (slot, "https://desks.example/a-desk/")
    assert event["dtstamp"].dt == slot + timedelta(seconds=4)


def test_what_was_published_at_once_stands_at_the_instant_of_its_publication(world: World) -> None:
    (content,) = world.approve(1)
    with world.database.transaction() as session:
        publications.publish_now(session, session.get_one(Content, content.id), now=NOW)
    assert _events(world) == []
    _put_at_site(world, content.id, at=NOW)

    (event,) = _events(world)

    assert event["dtstart"].dt == NOW


def test_an_address_that_is_none_is_left_out(world: World) -> None:
    (content,) = world.approve(1)
    _fill(world)
    _put_at_site(world, content.id, at=NOW, url="https://desks.example/\r\nRRULE:FREQ=DAILY")

    (event,) = _events(world)

    assert "url" not in event
    assert "rrule" not in event


def test_what_was_published_is_shown_for_ninety_days(world: World) -> None:
    (content,) = world.approve(1)
    _fill(world)
    (slot,) = grid(1)
    _put_at_site(world, content.id, at=slot)

    assert len(_events(world, now=slot + timedelta(days=90))) == 1
    assert _events(world, now=slot + timedelta(days=90, seconds=1)) == []


def test_a_moved_item_says_when_it_was_moved_and_nothing_else_does(world: World) -> None:
    moved, other = world.approve(2)
    _fill(world)
    before = {str(event["uid"]): event["dtstamp"].dt for event in _events(world)}
    later = NOW + timedelta(hours=1)
    with world.database.transaction() as session:
        calendar.move(
            session, session.get_one(Content, moved.id), to=parse_wall_time("2026-11-06 11:17"), actor="test", now=later
        )

    after = {str(event["uid"]): event["dtstamp"].dt for event in _events(world)}

    uids = [f"content-{content.id}.site-{world.site.id}@calendar.igny8" for content in (moved, other)]
    assert before == dict.fromkeys(uids, NOW)
    assert after == {uids[0]: later, uids[1]: NOW}


def test_an_item_planned_anew_says_when(world: World) -> None:
    (content,) = world.approve(1)
    _fill(world)
    later = NOW + timedelta(hours=1)
    with world.database.transaction() as session:
        calendar.free_slot(session, session.get_one(Content, content.id), hold_back=False, now=NOW)
    with world.database.transaction() as session:
        calendar.fill(session, world.site.id, now=later, limit=100)

    (event,) = _events(world)

    assert event["dtstamp"].dt == later
    assert "last-modified" not in event


def test_a_moved_item_keeps_its_uid_and_its_sequence_rises(world: World) -> None:
    world.approve(1)
    _fill(world)
    (before,) = _events(world)
    world.settings(publish_time_slots=["12:00"])
    with world.database.transaction() as session:
        calendar.reflow(session, session.get_one(Site, world.site.id), now=NOW)

    (after,) = _events(world)

    assert after["uid"] == before["uid"]
    assert after["dtstart"].dt == grid(1, time_slots=["12:00"])[0]
    assert int(after["sequence"]) > int(before["sequence"])


def test_only_what_is_planned_or_published_at_this_site_is_in_it(world: World) -> None:
    with world.database.transaction() as session:
        other = make_site(session)
        for status in (ContentStatus.DRAFT, ContentStatus.REVIEW, ContentStatus.REJECTED):
            make_content(session, site=world.site, status=status)
    (taken_off,) = world.approve(1)
    world.approve(1, site=other)
    _fill(world)
    with world.database.transaction() as session:
        calendar.fill(session, other.id, now=NOW, limit=10)
        calendar.free_slot(session, session.get_one(Content, taken_off.id), hold_back=True, now=NOW)

    assert _events(world) == []


def test_a_site_without_items_is_an_empty_calendar_with_its_name(world: World) -> None:
    found = icalendar.Calendar.from_ical(_bytes(world))

    assert (str(found["version"]), str(found["x-wr-calname"])) == ("2.0", world.site.name)
    assert found.walk("VEVENT") == []
