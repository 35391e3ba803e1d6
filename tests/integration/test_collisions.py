"""Two changes that meet are no database that is away: whoever is told of it saved nothing, and may try again."""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from pipeline import contract
from pipeline.cli.failures import FAILURE, sentence, tell
from pipeline.core.states import ItemStatus, PublicationStatus, RunStatus
from pipeline.db.collisions import CollisionError
from pipeline.db.session import DATABASE_AWAY, Database
from pipeline.engine import publisher
from pipeline.models import Account, Publication
from pipeline.services import publications
from scheduler.beat import PipelineScheduler
from tests.integration.scheduler.conftest import Stage
from tests.support.api import Api, api_on
from tests.support.builders import make_account
from tests.support.collisions import collide, impatient
from tests.support.worlds import make_world

if TYPE_CHECKING:
    from datetime import datetime

    from scheduler.duty import Context

TOLD = "Two changes met, and nothing of this one was saved. Try again."


def test_a_deadlock_or_a_database_that_another_one_holds_is_a_collision(database: Database) -> None:
    with pytest.raises(CollisionError) as told:
        collide(database)

    assert told.value.message == TOLD
    assert isinstance(told.value, DATABASE_AWAY)
    with database.reading() as session:
        assert session.scalar(text("SELECT 1")) == 1


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_transaction_that_sleeps_for_too_long_gives_its_locks_away(database: Database) -> None:
    with database.transaction() as session:
        account_id = make_account(session).id

    def sleep() -> None:
        with database.transaction() as session:
            assert session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "1min"
            session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '50ms'"))
            session.execute(update(Account).where(Account.id == account_id).values(name="mine"))
            # Another one waits for the row, and gets it.
            with database.transaction() as other:
                other.execute(update(Account).where(Account.id == account_id).values(name="theirs"))

    with pytest.raises(CollisionError):
        sleep()
    with database.reading() as session:
        assert session.scalar(select(Account.name).where(Account.id == account_id)) == "theirs"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_serialization_failure_is_a_collision(database: Database) -> None:
    with database.transaction() as session:
        account_id = make_account(session).id
    changed = update(Account).where(Account.id == account_id)

    def meet() -> None:
        with database.transaction() as session:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            session.scalars(select(Account.name)).all()
            with database.transaction() as other:
                other.execute(changed.values(name="theirs"))
            session.execute(changed.values(name="mine"))

    with pytest.raises(CollisionError):
        meet()


def test_what_else_a_database_says_of_itself_is_none(database: Database) -> None:
    wrong = Database("sqlite:////nowhere/at/all/igny8.db" if database.is_sqlite else f"{database.url}_nowhere")

    with pytest.raises(OperationalError) as told, wrong.transaction() as session:
        session.execute(text("SELECT 1"))

    wrong.dispose()
    assert not isinstance(told.value, CollisionError)


def test_beat_notes_a_duty_that_met_another_change_and_goes_on(database: Database) -> None:
    stage, calls = Stage(database), Counter[str]()

    def meets(_: Context) -> datetime | None:
        calls["meets"] += 1
        if calls["meets"] < 3:
            collide(database)
        return None

    def works(_: Context) -> datetime | None:
        calls["works"] += 1
        return None

    beat: PipelineScheduler = stage.beat(duties={"meets": meets, "works": works})
    with capture_logs() as logs:
        for _ in range(3):
            beat.tick()
            stage.clock.seconds += 1

    assert calls == {"meets": 3, "works": 3}
    said = [(line["event"], line["log_level"], line["duty"]) for line in logs]
    assert said == [("duty_met_another_change", "warning", "meets")] * 2


def test_a_command_says_what_to_do(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CollisionError) as told:
        collide(database)

    assert tell(told.value) == FAILURE
    assert capsys.readouterr().err == f"Error: {TOLD}\n"


def test_a_database_that_is_away_is_told_as_before() -> None:
    away = OperationalError("SELECT 1", {}, sqlite3.OperationalError("unable to open database file"))

    assert sentence(away).startswith("The database does not work: unable to open database file.")


def _save(api: Api) -> Any:
    return api.client.put(api.settings_path, json=api.client.get(api.settings_path).json())


def test_the_api_answers_with_a_problem_that_says_what_to_do(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with api_on(database) as api:
        monkeypatch.setattr("pipeline.web.api.settings.calendar.save_settings", lambda *_, **__: collide(database))
        answer = _save(api)

    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert answer.json() == {"type": "about:blank", "title": "Conflict", "status": 409, "detail": TOLD}


def test_the_api_tells_of_a_database_that_another_one_holds(sqlite_database: Database) -> None:
    with api_on(sqlite_database) as api, impatient(sqlite_database) as opened:
        api.backend.opened = opened
        with sqlite_database.transaction() as session:
            session.execute(text("SELECT 1"))
            answer = _save(api)

    assert (answer.status_code, answer.json()["detail"]) == (409, TOLD)


@pytest.mark.parametrize("stage", ["keywords_to_clusters", "ideas_to_tasks"], ids=["asking", "local"])
@pytest.mark.parametrize("name", ["ask", "keep"])
def test_a_stage_that_meets_another_change_is_done_once_and_loses_no_attempt(
    database: Database, monkeypatch: pytest.MonkeyPatch, stage: str, name: str
) -> None:
    world = make_world(database)
    world.keywords(["fine"])
    working = contract.stage(stage)
    real, met = getattr(working, name), list[str]()

    def meeting(*given: Any, **named: Any) -> Any:
        if len(met) < 2:  # A local stage begins in the transaction that takes its lane, and then anew.
            met.append(name)
            collide(database)
        return real(*given, **named)

    monkeypatch.setattr(working, name, meeting, raising=False)
    run_id = world.start()

    assert world.driver.run_to_end(run_id) is RunStatus.COMPLETED
    assert met == ([] if (stage, name) == ("ideas_to_tasks", "ask") else [name, name])
    assert set(world.volumes().values()) == {7}
    assert {(item.status, item.attempts) for n in range(1, 8) for item in world.items(run_id, n)} == {
        (ItemStatus.DONE, 0)
    }


def test_a_publication_that_meets_another_change_is_tried_again_and_given_up_by_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    (planned,) = Stage(database).plan(1)
    monkeypatch.setattr(publications, "claim", lambda *_, **__: collide(database))

    with pytest.raises(CollisionError):
        publisher.publish(database, planned)

    with database.reading() as session:
        row = session.get_one(Publication, planned)
    assert (row.status, row.error, row.due_at is None) == (PublicationStatus.PLANNED, None, False)
