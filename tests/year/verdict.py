"""Owns the judgement of a simulated year: what the oracle expects beside what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from pipeline.core.calendar import parse_timezone
from pipeline.models import Decision, Run
from tests.support import walltime_oracle as oracle
from tests.year.driver import Journal
from tests.year.world import EVERY_DAY, SiteCase, World

#: An item that comes later than this after its slot was not published at its slot.
_ON_TIME = timedelta(seconds=2)


@dataclass(frozen=True)
class Count:
    """Instants that should have been, and those that were."""

    expected: int
    happened: int
    #: Beyond one at each expected instant: a second one, or one where none should have been.
    doubles: int
    lost: int

    @property
    def is_right(self) -> bool:
        """Whether everything happened once."""
        return self.expected == self.happened and not self.doubles and not self.lost


@dataclass(frozen=True)
class Verdict:
    """What became of one site."""

    case: SiteCase
    slots: Count
    runs: Count
    #: Other things that should not be: a late item, an article placed twice, a decision that is no start.
    faults: tuple[str, ...]
    #: What the clocks of the zone did, as a person sees it.
    nights: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """Whether the site had its year."""
        return self.slots.is_right and self.runs.is_right and not self.faults


def judge(world: World, journal: Journal, case: SiteCase, *, start: datetime, end: datetime) -> Verdict:
    """Compare a site's year with the oracle's."""
    site_id = world.site_ids[case.name]
    placed = journal.placed[site_id]
    with world.database.reading() as session:
        runs = session.scalars(select(Run.scheduled_for).where(Run.site_id == site_id)).all()
        others = session.execute(
            select(Decision.kind, Decision.scheduled_for).where(Decision.site_id == site_id, Decision.kind != "started")
        ).all()
    return Verdict(
        case,
        _count(_expected_slots(case, start, end), [dated for _, dated, _ in placed]),
        _count(_expected_runs(case, start, end), [at for at in runs if at is not None]),
        (
            *(
                f"content {content} came at {came}, for {dated}"
                for content, dated, came in placed
                if _late(dated, came)
            ),
            *(f"content {content} was placed {times} times" for content, times in _twice(each[0] for each in placed)),
            *(f"the run of {at} was {kind}" for kind, at in others),
        ),
        tuple(_nights(case, start, end)),
    )


def _expected_slots(case: SiteCase, start: datetime, end: datetime) -> list[datetime]:
    zone = parse_timezone(case.zone)
    return oracle.slots_between(zone, days=case.days, time_slots=case.time_slots, after=start, until=end)


def _expected_runs(case: SiteCase, start: datetime, end: datetime) -> list[datetime]:
    zone = parse_timezone(case.zone)
    if case.frequency == "hourly":
        return oracle.minutes_between(zone, minute=int(case.run_at[-2:]), after=start, until=end)
    days = EVERY_DAY if case.frequency == "daily" else (case.weekday,)
    return oracle.slots_between(zone, days=days, time_slots=(case.run_at,), after=start, until=end)


def _count(expected: Sequence[datetime], happened: Sequence[datetime]) -> Count:
    met = set(expected) & set(happened)
    return Count(len(expected), len(happened), doubles=len(happened) - len(met), lost=len(expected) - len(met))


def _late(dated: datetime, came: datetime) -> bool:
    return not dated <= came <= dated + _ON_TIME


def _twice(content_ids: Iterable[int]) -> list[tuple[int, int]]:
    return [(content_id, times) for content_id, times in Counter(content_ids).items() if times > 1]


def _nights(case: SiteCase, start: datetime, end: datetime) -> Iterable[str]:
    """What a person sees of each clock change."""
    for expected, came in oracle.clock_changes(parse_timezone(case.zone), after=start, until=end):
        yield f"{came:%d %b} {expected:%H:%M}→{came:%H:%M}"
