"""Who locks a site beside a calendar or a publication locks the site first: nobody waits for one who waits for him."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Barrier, BrokenBarrierError
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Content, Publication, Site
from pipeline.services import calendar, settings, site_health
from pipeline.services.calendar import Follow, anchors, changes, overdue, rows
from pipeline.services.calendar.rules import read_state
from pipeline.sites.port import Standing
from tests.support.publishing import NOW

if TYPE_CHECKING:
    from tests.integration.publishing.conftest import World

A_MONTH = timedelta(days=30)


class Meeting:
    """Lets two threads that hold their first lock wait for each other; where one cannot come, the other goes on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._barrier = Barrier(2)
        self._monkeypatch = monkeypatch

    def after(self, owner: Any, name: str) -> None:
        """Meet whenever this function was called."""
        called: Callable[..., Any] = getattr(owner, name)

        def met(*given: Any, **named: Any) -> Any:
            answer = called(*given, **named)
            with suppress(BrokenBarrierError):
                self._barrier.wait(timeout=0.5)
            return answer

        self._monkeypatch.setattr(owner, name, met)


@pytest.fixture
def meeting(monkeypatch: pytest.MonkeyPatch) -> Meeting:
    """A publisher that claims comes to it with its site locked."""
    meeting = Meeting(monkeypatch)
    meeting.after(overdue, "is_too_late")
    return meeting


def _save(world: World, time_slots: list[str], *, now: datetime) -> None:
    with world.database.transaction() as session:
        page = calendar.lock_settings(session, account_id=world.site.account_id, site_id=world.site.id)
        values = page.settings.model_dump()
        new = settings.checked({**values, "publishing": {**values["publishing"], "time_slots": time_slots}})
        calendar.save_settings(session, page, new, follow=Follow.REFLOW, actor="me", now=now)


def _together(*works: Callable[[], object]) -> None:
    with ThreadPoolExecutor(len(works)) as pool:
        for future in [pool.submit(work) for work in works]:
            future.result()


def test_a_change_of_zone_and_a_publisher_that_puts_items_back(world: World, meeting: Meeting) -> None:
    planned = world.schedule(4)
    meeting.after(anchors, "re_anchor")

    def change_zone() -> None:
        with world.database.transaction() as session:
            site = session.get_one(Site, world.site.id)
            calendar.set_timezone(session, site, "Asia/Tokyo", follow=Follow.REFLOW, actor="me", now=NOW + A_MONTH)

    _together(change_zone, lambda: world.claim(planned[0], now=NOW + A_MONTH))

    assert all(row.slot_at > NOW + A_MONTH for each in planned if (row := world.publication(each.content_id)).slot_at)


def test_a_check_that_finds_a_difference_and_a_publisher_that_updates(
    world: World, meeting: Meeting, monkeypatch: pytest.MonkeyPatch
) -> None:
    (planned,) = world.schedule()
    with world.database.transaction() as session:
        published = {"status": PublicationStatus.PUBLISHED, "remote_id": "post-1", "due_at": NOW}
        session.execute(update(Publication).values(published))
        session.execute(update(Content).values(status=ContentStatus.PUBLISHED))
        check = site_health.begin(session, world.site.id, most=10, lease=timedelta(minutes=1), now=NOW)
    assert check is not None
    meeting.after(site_health, "_is_news")

    def answer() -> None:
        with world.database.transaction() as session:
            site_health.answered(session, check, {planned.id: Standing.EDITED}, now=NOW)

    _together(answer, lambda: world.claim(planned, now=NOW))

    assert world.publication(planned.content_id).lease_until == NOW + timedelta(minutes=1)


@pytest.mark.parametrize("other", ["undo", "move", "claim"])
def test_a_save_of_settings_and_whoever_has_the_site(world: World, meeting: Meeting, other: str) -> None:
    planned = world.schedule(4)
    _save(world, ["12:00"], now=NOW)
    now = NOW + A_MONTH if other == "claim" else NOW
    meeting.after(changes.site_settings, "lock_page")
    if other != "claim":
        meeting.after(rows, "lock_site")

    def undo() -> None:
        with world.database.transaction() as session:
            calendar.undo(session, session.get_one(Site, world.site.id), actor="me", now=now)

    def move() -> None:
        with world.database.transaction() as session:
            content = session.get_one(Content, planned[0].content_id)
            calendar.move(session, content, to=NOW + 2 * A_MONTH, actor="me", now=now)

    others = {"undo": undo, "move": move, "claim": lambda: world.claim(planned[0], now=now)}
    _together(lambda: _save(world, ["07:00"], now=now), others[other])

    with world.database.reading() as session:
        state = read_state(session, world.site.id)
    assert state.is_current
    # An undo that comes after the save takes that back.
    assert state.wanted.time_slots in {("07:00",), ("12:00",) if other == "undo" else ("07:00",)}
