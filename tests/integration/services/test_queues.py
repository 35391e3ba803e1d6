"""For how long the oldest work of each queue has waited to be taken, as the rows say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from pipeline.core.matrix import SiteSettings
from pipeline.core.states import LaneStatus, PublicationStatus, RunStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.models import Lane, Publication, Run, StageRun
from pipeline.services.queues import QUEUES, oldest_seconds
from tests.support.builders import make_content, make_site

NOW = datetime(2026, 11, 4, 10, tzinfo=UTC)
NOTHING = dict.fromkeys(QUEUES, 0.0)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def make_run(session: Session, *, status: RunStatus = RunStatus.RUNNING) -> Run:
    site = make_site(session)
    settings = {"site": SiteSettings().model_dump(mode="json"), "ai_origins": {}}
    owner = {"account_id": site.account_id, "site_id": site.id}
    run = Run(**owner, status=status, settings=settings, prices={}, available=0)
    session.add(run)
    session.flush()
    return run


def make_stage_run(
    session: Session, run: Run, key: str, *, due_at: datetime | None = None, sends: int = 0, number: int = 1
) -> StageRun:
    row = StageRun(
        run_id=run.id, number=number, key=key, status=StageRunStatus.RUNNING, cap=0, due_at=due_at, sends=sends
    )
    session.add(row)
    session.flush()
    return row


def make_lane(
    session: Session, stage_run: StageRun, *, due_at: datetime, sends: int = 0, lease_until: datetime | None = None
) -> None:
    values = {"due_at": due_at, "sends": sends, "lease_until": lease_until}
    session.add(Lane(stage_run_id=stage_run.id, number=1, status=LaneStatus.OPEN, **values))


def test_where_nothing_waits_every_queue_is_told_with_zero(database: Database) -> None:
    with database.reading() as session:
        assert oldest_seconds(session, now=NOW) == NOTHING

    assert QUEUES == ("control", "image", "local", "publish", "text")


@pytest.mark.parametrize(
    ("sends", "due_in", "waited"),
    [
        (1, 30, 0),  # Sent just now.
        (1, 10, 20),
        (2, 50, 40),  # 30 s after the first sending it was sent again, and in 50 s it will be once more.
        (3, 0, 30 + 60 + 120),
        (0, -7, 7),  # Due, and not sent yet.
    ],
)
def test_what_was_sent_and_not_taken_waits_from_its_first_sending_on(
    database: Database, sends: int, due_in: float, waited: float
) -> None:
    with database.transaction() as session:
        stage_run = make_stage_run(session, make_run(session), "prompts_to_images")
        make_lane(session, stage_run, due_at=NOW + seconds(due_in), sends=sends)

    with database.reading() as session:
        assert oldest_seconds(session, now=NOW) == NOTHING | {"image": waited}


def test_each_queue_tells_its_own_oldest(database: Database) -> None:
    with database.transaction() as session:
        texts = make_stage_run(session, make_run(session), "tasks_to_content")
        make_lane(session, texts, due_at=NOW + seconds(10), sends=1)
        older = make_stage_run(session, make_run(session), "content_to_prompts")
        make_lane(session, older, due_at=NOW - seconds(90))
        local = make_stage_run(session, make_run(session), "ideas_to_tasks")
        make_lane(session, local, due_at=NOW - seconds(5))
        make_stage_run(session, make_run(session), "ideas_to_tasks", due_at=NOW + seconds(29), sends=1)
        content = make_content(session, site=make_site(session))
        planned = {"status": PublicationStatus.PLANNED, "due_at": NOW - seconds(3)}
        owner = {"account_id": content.account_id, "site_id": content.site_id, "content_id": content.id}
        session.add(Publication(**owner, **planned))

    with database.reading() as session:
        found = oldest_seconds(session, now=NOW)

    assert found == {"text": 90, "local": 5, "control": 1, "publish": 3, "image": 0}


def test_delays_paused_runs_and_lanes_in_hand_count_nowhere(database: Database) -> None:
    with database.transaction() as session:
        delayed = make_run(session)
        make_lane(session, make_stage_run(session, delayed, "tasks_to_content"), due_at=NOW + seconds(60))
        make_stage_run(session, delayed, "content_to_prompts", due_at=NOW + seconds(60), number=2)
        paused = make_run(session, status=RunStatus.PAUSED)
        make_lane(session, make_stage_run(session, paused, "tasks_to_content"), due_at=NOW - seconds(60))
        in_hand = make_stage_run(session, make_run(session), "tasks_to_content")
        make_lane(session, in_hand, due_at=NOW + seconds(20), lease_until=NOW + seconds(60))

    with database.reading() as session:
        assert oldest_seconds(session, now=NOW) == NOTHING


def test_a_lane_whose_holder_is_gone_waits_from_the_end_of_its_lease_on(database: Database) -> None:
    with database.transaction() as session:
        stage_run = make_stage_run(session, make_run(session), "tasks_to_content")
        make_lane(session, stage_run, due_at=NOW - seconds(4), lease_until=NOW - seconds(4))

    with database.reading() as session:
        assert oldest_seconds(session, now=NOW)["text"] == 4
