"""A site that makes a duty fail keeps no other from its turn, however many stand behind it, and gets another later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, insert, select, update
from structlog.testing import capture_logs

from pipeline.core.calendar import tzdata_version
from pipeline.core.states import ContentStatus
from pipeline.models import Content, Site, SiteAutomationSettings, SiteCalendar
from pipeline.services import calendar, schedules
from pipeline.services.settings import schedule_of
from scheduler import calendar as calendar_duty
from scheduler import sick_sites
from scheduler.calendar import CalendarDuty
from scheduler.zones import PAUSE_SECONDS, ZonesDuty
from tests.support.builders import make_account, make_content, make_site
from tests.support.collisions import collide
from tests.support.publishing import NOW
from tests.support.schedules import Schedules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from pipeline.core.schedule import Schedule
    from tests.integration.scheduler.conftest import Stage

NOON = datetime(2026, 11, 4, 12, tzinfo=UTC)
TWO = datetime(2026, 11, 5, 2, tzinfo=UTC)
MANY = calendar_duty.SITES_A_TICK + 20
NOWHERE = "Mars/Olympus"


def _sites(stage: Stage, count: int, *, zone: str = "Europe/Berlin") -> list[int]:
    """Sites with an approved article each."""
    with stage.database.transaction() as session:
        account = make_account(session)
        sites = [make_site(session, account=account, timezone=zone) for _ in range(count)]
        for site in sites:
            make_content(session, site=site, status=ContentStatus.APPROVED, approved_at=NOW)
    return [site.id for site in sites]


def _cure(stage: Stage) -> None:
    with stage.database.transaction() as session:
        session.execute(update(Site).values(timezone="UTC"))


def _filled(stage: Stage) -> list[int]:
    with stage.database.reading() as session:
        query = select(Content.site_id).where(Content.status == ContentStatus.SCHEDULED).order_by(Content.site_id)
        return list(session.scalars(query))


def _outdated(stage: Stage, sites: Sequence[int]) -> int:
    with stage.database.reading() as session:
        is_old = SiteCalendar.tzdata < tzdata_version()
        return session.scalar(select(func.count()).where(is_old, SiteCalendar.site_id.in_(sites))) or 0


def test_a_sick_site_at_the_front_keeps_no_other_from_its_slots(stage: Stage) -> None:
    (sick,) = _sites(stage, 1, zone=NOWHERE)
    well = _sites(stage, 2)

    with capture_logs() as logs:
        CalendarDuty(stage.clock)(stage.context())

    assert _filled(stage) == well
    assert [line["site_id"] for line in logs if line["event"] == "site_passed_over"] == [sick]


def test_more_sick_sites_than_a_tick_takes_starve_none_behind_them(stage: Stage) -> None:
    _sites(stage, MANY, zone=NOWHERE)
    well = _sites(stage, 2)
    duty = CalendarDuty(stage.clock)

    with capture_logs():
        following = [duty(stage.context()) for _ in range(2)]

    assert following == [NOW, None]
    assert _filled(stage) == well


def test_a_sick_site_is_tried_again_later_each_time_and_filled_when_it_is_well(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    _sites(stage, 1, zone=NOWHERE)
    duty, tried = CalendarDuty(stage.clock), list[float]()
    fill, began = calendar.fill, stage.clock()

    def filling(session: Session, site_id: int, *, now: datetime, limit: int) -> int:
        tried.append(stage.clock() - began)
        return fill(session, site_id, now=now, limit=limit)

    monkeypatch.setattr(calendar, "fill", filling)
    for _ in range(120):
        duty(stage.context())
        stage.clock.seconds += 1
    _cure(stage)
    stage.clock.seconds += sick_sites.LONGEST_WAIT_SECONDS
    duty(stage.context())

    assert tried[:3] == [0, 30, 90]
    assert len(tried) == 4
    assert len(_filled(stage)) == 1


def test_a_site_that_meets_another_change_is_not_sick(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    sites = _sites(stage, 2)
    fill, met = calendar.fill, list[int]()

    def filling(session: Session, site_id: int, *, now: datetime, limit: int) -> int:
        filled = fill(session, site_id, now=now, limit=limit)
        if not met:
            met.append(site_id)
            collide(stage.database)
        return filled

    monkeypatch.setattr(calendar, "fill", filling)
    duty, ticks = CalendarDuty(stage.clock), list[list[int]]()
    for _ in range(2):
        duty(stage.context())
        ticks.append(_filled(stage))

    assert ticks == [sites[1:], sites]


def _make_outdated(stage: Stage, count: int, *, sick: bool) -> list[int]:
    sites = _sites(stage, count)
    with stage.database.transaction() as session:
        zone = NOWHERE if sick else "Europe/Berlin"
        old = {"version": 1, "zone": zone, "tzdata": "2000a", "days": ["mon"], "time_slots": ["09:00"]}
        session.execute(
            insert(SiteCalendar), [{**old, "skip_dates": [], "refilled_to": None, "site_id": site} for site in sites]
        )
    return sites


def test_more_sick_calendars_than_a_tick_takes_starve_none_behind_them(stage: Stage) -> None:
    sick, well = _make_outdated(stage, MANY, sick=True), _make_outdated(stage, 3, sick=False)
    duty, ticks = ZonesDuty(stage.clock), 0

    with capture_logs():
        while duty(stage.context()) is not None:
            ticks += 1

    assert ticks == 7
    assert (_outdated(stage, sick), _outdated(stage, well)) == (MANY, 0)


def test_a_sick_calendar_is_tried_again_and_re_anchored_when_it_is_well(stage: Stage) -> None:
    sick = _make_outdated(stage, 1, sick=True)
    duty = ZonesDuty(stage.clock)
    for _ in range(2):
        duty(stage.context())
    with stage.database.transaction() as session:
        session.execute(update(SiteCalendar).values(zone="UTC"))

    stage.clock.seconds += PAUSE_SECONDS
    duty(stage.context())

    assert _outdated(stage, sick) == 0


def test_a_schedule_that_cannot_even_be_set_aside_keeps_no_other_from_its_run(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat = Schedules(stage.database, stage.sender)
    sick, well = beat.site(now=NOON), beat.site(now=NOON)

    def rhythm(row: SiteAutomationSettings, site: Site) -> Schedule:
        if site.id == sick:
            raise ValueError("out of order")
        return schedule_of(row, site)

    monkeypatch.setattr(schedules, "schedule_of", rhythm)
    with capture_logs():
        beat.tick(TWO)

    assert beat.decided(well) == [("started", TWO)]
    assert beat.row(sick).next_run_at == TWO + timedelta(minutes=15)


def test_a_run_that_waited_and_cannot_even_be_set_aside_is_forgotten(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat = Schedules(stage.database, stage.sender)
    sick, well = (beat.site(now=NOON, changes={"overlap": "queue"}) for _ in range(2))
    with beat.database.transaction() as session:
        session.execute(update(SiteAutomationSettings).values(queued_for=NOON, next_run_at=TWO))

    def broken(*_: object, **__: object) -> None:
        raise ValueError("out of order")

    with monkeypatch.context() as patched:
        for name in ("start_chunk", "start_due", "set_aside"):
            patched.setattr(f"pipeline.services.schedules.{name}", broken)
        beat.tick(NOON)

    assert [beat.row(site).queued_for for site in (sick, well)] == [None, None]


def test_a_run_that_meets_another_change_is_due_still(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    beat = Schedules(stage.database, stage.sender)
    met, other = beat.site(now=NOON), beat.site(now=NOON)
    start = schedules._start_claimed

    def starting(session: Session, claimed: Sequence[schedules._Claimed], *, now: datetime) -> list[int]:
        started = start(session, claimed, now=now)
        if any(each.site.id == met for each in claimed):
            collide(stage.database)
        return started

    with monkeypatch.context() as patched:
        patched.setattr(schedules, "_start_claimed", starting)
        beat.tick(TWO)
    before = beat.decided(met), beat.decided(other)
    beat.tick(TWO)

    assert before == ([], [("started", TWO)])
    assert beat.decided(met) == [("started", TWO)]
