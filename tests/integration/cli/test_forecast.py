"""`run --dry-run`: what a run would do, cost and last, for people and as JSON; and a run that misses something."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update

from pipeline.cli.eta import clock
from pipeline.db.session import Database
from pipeline.models import AiModel, Base, Run
from tests.integration.cli.conftest import Igny8

pytestmark = pytest.mark.usefixtures("seven_stages")


def _count(database: Database) -> list[int | None]:
    with database.reading() as session:
        return [session.scalar(select(func.count()).select_from(table)) for table in Base.metadata.sorted_tables]


def test_a_dry_run_tells_stages_credits_time_and_slots_and_writes_nothing(ready: Database, igny8: Igny8) -> None:
    igny8("keywords", "add", "Desks", "standing desk", "desk lamp")
    before = _count(ready)

    told, said = igny8("run", "Desks", "--dry-run"), igny8("run", "Desks", "--dry-run", "--json").json

    assert _count(ready) == before
    assert told.code == 0
    assert "Keywords → Clusters" in told.out
    assert "Nothing was spent." in told.out
    assert "(Europe/Berlin)" in told.out
    assert [stage["inputs"]["taken"] for stage in said["stages"]] == [2, 1, 3, 3, 3, 9, 3]
    assert said["slots"]["articles"] == 3
    assert said["seconds"]["worst"] > 1_000 > said["seconds"]["expected"]
    assert f"and {clock(said['seconds']['worst'])} if every call were slow" in " ".join(told.out.split())
    assert said["reason"] is None


def test_with_nothing_waiting_a_dry_run_says_there_would_be_none(ready: Database, igny8: Igny8) -> None:
    outcome = igny8("run", "Desks", "--dry-run")

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("There would be no run: nothing is waiting")


def test_a_dry_run_is_nothing_to_wait_for(ready: Database, igny8: Igny8) -> None:
    assert igny8("run", "Desks", "--dry-run", "--wait").code == 2


def test_what_a_run_would_miss_is_told_whole_and_nothing_starts(ready: Database, igny8: Igny8) -> None:
    igny8("keywords", "add", "Desks", "standing desk")
    with ready.transaction() as session:
        session.execute(update(AiModel).values(tokens_per_credit=None, credits_per_image=None))

    for outcome in (igny8("run", "Desks"), igny8("run", "Desks", "--dry-run")):
        lines = outcome.err.splitlines()
        assert outcome.code == 1
        assert [line.partition(": ")[2].partition(":")[0] for line in lines] == [
            "Keywords → Clusters", "Clusters → Ideas", "Tasks → Content", "Content → Prompts", "Prompts → Images",
        ]  # fmt: skip
        assert all("has no price" in line for line in lines)
    with ready.reading() as session:
        assert session.scalar(select(func.count()).select_from(Run)) == 0
