"""Beat re-anchors calendars of an older release of the zones' rules, and looks rarely."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from pipeline.core.calendar import tzdata_version
from pipeline.models import CalendarSlot, SiteCalendar
from pipeline.services import calendar
from scheduler.zones import PAUSE_SECONDS, SITES_A_TICK, ZonesDuty
from tests.support.builders import make_site
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from tests.integration.scheduler.conftest import Stage


def _make_outdated(stage: Stage, sites: int) -> None:
    """Calendars whose slots are an hour early by the rules of today."""
    with stage.database.transaction() as session:
        for _ in range(sites):
            calendar.refill(session, make_site(session), now=NOW, until_free=1)
        session.execute(update(SiteCalendar).values(tzdata="2000a"))
        session.execute(update(CalendarSlot).values(tzdata="2000a", local_time="00:00"))


def _outdated(stage: Stage) -> int:
    with stage.database.reading() as session:
        query = select(func.count()).where(SiteCalendar.tzdata != tzdata_version())
        return session.scalar(query) or 0


def test_calendars_of_an_older_release_are_made_anew(stage: Stage) -> None:
    _make_outdated(stage, 2)

    ZonesDuty(stage.clock)(stage.context())

    with stage.database.reading() as session:
        slots = session.scalars(select(CalendarSlot.slot_at).order_by(CalendarSlot.slot_at)).all()
        names = set(session.scalars(select(CalendarSlot.local_time)))
    assert _outdated(stage) == 0
    assert slots[:4] == [at for at in grid(2) for _ in range(2)]
    assert names == {"09:00", "14:00", "18:00"}


def test_many_sites_take_several_ticks(stage: Stage) -> None:
    _make_outdated(stage, SITES_A_TICK + 1)
    duty = ZonesDuty(stage.clock)

    first: datetime | None = duty(stage.context())
    left = _outdated(stage)
    duty(stage.context())

    assert (first, left, _outdated(stage)) == (NOW, 1, 0)


def test_idle_it_looks_once_a_minute(stage: Stage) -> None:
    duty = ZonesDuty(stage.clock)
    duty(stage.context())
    _make_outdated(stage, 1)

    duty(stage.context(now=NOW + timedelta(minutes=10)))
    assert _outdated(stage) == 1
    stage.clock.seconds += PAUSE_SECONDS
    duty(stage.context())

    assert _outdated(stage) == 0


def test_beat_has_the_duty(stage: Stage) -> None:
    _make_outdated(stage, 1)

    stage.beat().tick()

    assert _outdated(stage) == 0
