"""Three beats in three processes, thousands of due rows of every kind: each is sent exactly once, whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from pipeline.core.states import LaneStatus
from pipeline.db.session import Database
from pipeline.models import Decision, Lane, Publication, Run, SiteAutomationSettings, StageRun
from tests.support import beat_world
from tests.support.sources import ROOT

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)

BEATS = 3
SITES, STAGE_RUNS, LANES, PUBLICATIONS = 2_000, 1_000, 1_000, 1_000
#: What was sent is not due again while the test runs.
RESEND_SECONDS = 3_600
#: Long enough ago to be due, not too late for a run.
DUE = timedelta(minutes=5)


@pytest.fixture
def crowded(database: Database) -> Database:
    """5,000 due rows: sites 1 to 2,000, publications 1 to 1,000, lanes of runs 1 to 1,000, stages of the next."""
    beat_world.build(database, site_count=SITES + STAGE_RUNS + LANES, running=STAGE_RUNS + LANES)
    at = datetime.now(UTC) - DUE
    with database.transaction() as session:
        starts = update(SiteAutomationSettings).where(SiteAutomationSettings.site_id <= SITES)
        session.execute(starts.values(next_run_at=at))
        session.execute(update(Publication).where(Publication.id <= PUBLICATIONS).values(due_at=at))
        has_lane = Lane.stage_run_id <= beat_world.stage_run_id(LANES, 1)
        session.execute(update(Lane).where(has_lane).values(due_at=at))
        session.execute(update(Lane).where(~has_lane).values(status=LaneStatus.CLOSED, due_at=None))
        seconds = update(StageRun).where(StageRun.run_id > LANES, StageRun.number == 2)
        session.execute(seconds.values(due_at=at))
    return database


def test_three_beats_send_five_thousand_due_rows_once_each(crowded: Database, tmp_path: Path) -> None:
    beats = [_start(crowded, tmp_path / f"{number}") for number in range(BEATS)]

    assert [beat.wait(120) for beat in beats] == [0] * BEATS

    assert _sent(tmp_path) == Counter(_expected(crowded))
    assert _runs_and_decisions(crowded) == (SITES, SITES)
    assert all((tmp_path / f"{number}").stat().st_size for number in range(BEATS))


def test_a_beat_that_is_killed_while_it_sends_loses_nothing_and_doubles_nothing(
    crowded: Database, tmp_path: Path
) -> None:
    doomed, *others = [
        _start(crowded, tmp_path / "0", "130"),
        *(_start(crowded, tmp_path / f"{number}") for number in range(1, BEATS)),
    ]
    assert doomed.wait(120) == -signal.SIGKILL
    assert [beat.wait(120) for beat in others] == [0] * len(others)

    sent, expected = _sent(tmp_path), Counter(_expected(crowded))
    assert _runs_and_decisions(crowded) == (SITES, SITES)
    lost = expected - sent
    assert sent == expected - lost
    assert 0 < lost.total() < SITES

    _let_the_pause_pass(crowded, lost)
    assert _start(crowded, tmp_path / "9").wait(120) == 0

    assert _sent(tmp_path) == expected


def _start(database: Database, file: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.support.recording_beat", database.url, str(file), *options]
    pauses = {"IGNY8_RESEND_SECONDS": str(RESEND_SECONDS), "IGNY8_RESEND_MAX_SECONDS": str(RESEND_SECONDS)}
    with file.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **pauses}, stdout=log, stderr=log)


def _sent(folder: Path) -> Counter[str]:
    files = (path for path in folder.iterdir() if path.name.isdigit())
    return Counter(line for file in files for line in file.read_text().splitlines())


def _expected(database: Database) -> list[str]:
    """A message for each row that was due."""
    with database.reading() as session:
        scheduled = select(StageRun.id).join(Run).where(Run.origin == "scheduled", StageRun.number == 1)
        firsts = session.scalars(scheduled).all()
    lanes = (beat_world.stage_run_id(run, 1) for run in range(1, LANES + 1))
    seconds = (beat_world.stage_run_id(run, 2) for run in range(LANES + 1, LANES + STAGE_RUNS + 1))
    return [
        *(f"publications.publish {number}" for number in range(1, PUBLICATIONS + 1)),
        *(f"stages.keywords_to_clusters.admit {number}" for number in firsts),
        *(f"stages.keywords_to_clusters.batch {number} 1 0" for number in lanes),
        *(f"stages.clusters_to_ideas.admit {number}" for number in seconds),
    ]


def _runs_and_decisions(database: Database) -> tuple[int, int]:
    """How many sites have exactly one run of their schedule, and exactly one decision about it."""
    with database.reading() as session:
        runs = Counter(session.scalars(select(Run.site_id).where(Run.origin == "scheduled")))
        decisions = Counter(session.scalars(select(Decision.site_id).where(Decision.kind == "started")))
    return sum(count == 1 for count in runs.values()), sum(count == 1 for count in decisions.values())


def _let_the_pause_pass(database: Database, lost: Counter[str]) -> None:
    """What was claimed and never sent is due again after its pause; that is over now."""
    words = [line.split() for line in lost]
    publications = [int(line[1]) for line in words if line[0] == "publications.publish"]
    stage_runs = [int(line[1]) for line in words if line[0].endswith(".admit")]
    lanes = [int(line[1]) for line in words if line[0].endswith(".batch")]
    at = datetime.now(UTC) - DUE
    later = datetime.now(UTC), datetime.now(UTC) + timedelta(seconds=RESEND_SECONDS)
    moved = 0
    with database.transaction() as session:
        for column, ids in ((Publication.id, publications), (StageRun.id, stage_runs), (Lane.stage_run_id, lanes)):
            waits = update(column.class_).where(column.in_(ids), column.class_.due_at.between(*later))
            moved += len(session.execute(waits.values(due_at=at).returning(column)).all())
    assert moved == lost.total()
