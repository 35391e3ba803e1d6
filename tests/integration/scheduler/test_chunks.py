"""Many due sites at once: a chunk costs as many statements for many as for few, and one site's trouble is its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, text

from pipeline.core.states import RunStatus
from pipeline.engine import due
from pipeline.models import Run, Site
from pipeline.services import run_starts, runs, schedules
from scheduler import calendar, publishing
from tests.support.schedules import Schedules

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from pipeline.db.session import Database
    from tests.integration.scheduler.conftest import Stage

NOON = datetime(2026, 11, 4, 12, tzinfo=UTC)
TWO = datetime(2026, 11, 5, 2, tzinfo=UTC)
A_DAY = timedelta(days=1)


@pytest.fixture
def beat(stage: Stage) -> Schedules:
    return Schedules(stage.database, stage.sender)


def _asked(database: Database, engine_name: str = "engine") -> list[str]:
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(getattr(database, engine_name), "before_cursor_execute", note)
    return asked


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_starting_many_sites_takes_as_many_statements_as_starting_few(beat: Schedules, database: Database) -> None:
    counts = []
    for many in (3, 30):
        for _ in range(many):
            beat.site(now=NOON)
        asked = _asked(database)
        with database.transaction() as session:
            started = schedules.start_chunk(session, now=TWO, limit=many, queued=False)
        counts.append((len(started), len(asked)))

    assert [started for started, _ in counts] == [3, 30]
    assert counts[0][1] == counts[1][1] < 20, asked


def test_a_run_that_a_person_starts_at_the_same_moment_costs_that_site_its_turn_and_no_other(
    beat: Schedules, monkeypatch: pytest.MonkeyPatch
) -> None:
    raced, calm = beat.site(now=NOON), beat.site(now=NOON)
    look, seen = run_starts.live_runs, list[Sequence[int]]()

    def looked_too_early(session: Session, site_ids: Sequence[int]) -> dict[int, int]:
        seen.append(site_ids)
        return look(session, site_ids) if len(seen) > 1 else {}

    with beat.database.transaction() as session:
        by_hand = runs.start(session, site=session.get_one(Site, raced), now=NOON)
    monkeypatch.setattr(run_starts, "live_runs", looked_too_early)

    beat.tick(TWO)

    assert [len(site_ids) for site_ids in seen] == [2, 1, 1]
    assert beat.decided(raced) == [("started", None), ("skipped", TWO)]
    assert beat.decisions(raced)[1].reason == f"run {by_hand.run_id} was still live"
    assert beat.decided(calm) == [("started", TWO)]
    assert beat.row(raced).next_run_at == beat.row(calm).next_run_at == TWO + A_DAY


def test_sites_of_every_kind_in_one_chunk_get_each_their_own_answer(beat: Schedules) -> None:
    fed, hungry, late, live, waits = (
        beat.site(now=NOON),
        beat.site(now=NOON, waits=False),
        beat.site(now=NOON - 2 * A_DAY, changes={"time": "14:00"}),
        beat.site(now=NOON),
        beat.site(now=NOON, changes={"overlap": "queue"}),
    )
    with beat.database.transaction() as session:
        for site in (live, waits):
            runs.start(session, site=session.get_one(Site, site), now=NOON)

    beat.tick(TWO)

    assert beat.decided(fed) == [("started", TWO)]
    assert beat.decided(hungry) == [("skipped", TWO)]
    assert beat.decided(late) == [("missed", NOON - 2 * A_DAY + timedelta(hours=2))]
    assert beat.decided(live) == [("started", None), ("skipped", TWO)]
    assert beat.decided(waits) == [("started", None)]
    assert beat.row(waits).queued_for == TWO
    with beat.database.reading() as session:
        (run,) = session.query(Run).filter_by(site_id=fed)
    assert (run.status, run.settings["ai_origins"]["temperature"]) == (RunStatus.QUEUED, "system")
    assert run.prices.keys() == {"1", "2", "4", "5", "6"}
    assert run.available == 10_000_000_000


def test_what_a_tick_looks_at_is_served_by_indexes(sqlite_database: Database) -> None:
    asked = _asked(sqlite_database, "reader")
    with sqlite_database.reading() as session:
        schedules.next_due(session, now=NOON)
        due.outlook(session, now=NOON)
        calendar._sites_that_wait(session, after=0)
        publishing.ROWS.next_due(session)

    looks = [statement for statement in asked if statement.startswith("SELECT")]
    assert len(looks) == 4
    with sqlite_database.reading() as session:
        steps = [row.detail for look in looks for row in session.execute(text(f"EXPLAIN QUERY PLAN {_literal(look)}"))]
    scans = [step for step in steps if step.startswith("SCAN") and " USING " not in step]
    assert all(re.fullmatch(r"SCAN (CONSTANT ROW|anon_\d+)", step) for step in scans), scans


def _literal(statement: str) -> Any:
    """A statement with a number for each of its parameters: its plan is the same."""
    return statement.replace("?", "1")
