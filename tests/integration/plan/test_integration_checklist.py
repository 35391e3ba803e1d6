"""The plan's Part 7, "Integration Tests": each test is a box of that list, in its words.

What is saved by the one PUT is what runs, the calendar and AI calls go by.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from pipeline.core.catalog import ModelType
from pipeline.core.states import ContentStatus, RunStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.engine import publisher
from pipeline.models import AiCall, Content, Publication, Run, StageRun
from pipeline.services import calendar
from pipeline.services.model_changes import ModelChange
from pipeline.services.model_registry import set_model
from scheduler import runs as schedule_duty
from scheduler.duty import Context
from tests.support.api import FakeBackend, make_key, the_app
from tests.support.builders import make_content
from tests.support.worlds import World, make_world

Change = Callable[[dict[str, Any]], Any]


class Site:
    """A world with counting stages, and the API on it."""

    def __init__(self, database: Database) -> None:
        self.world: World = make_world(database)
        the_app().state.backend = FakeBackend(database)
        key = make_key(database, self.world.account_id).key
        headers = {"Authorization": f"Bearer {key}"}
        self.client = TestClient(the_app(), raise_server_exceptions=False, headers=headers)
        self.path = f"/api/v1/sites/{self.world.site_id}"

    def save(self, change: Change) -> dict[str, Any]:
        """Read all settings, change some, save all."""
        document = self.client.get(f"{self.path}/unified-settings/").json()
        for row in document["stages"]:
            row["per_run_limit"] = 0
        change(document)
        saved = self.client.put(f"{self.path}/unified-settings/", json=document)
        assert saved.status_code == 200, saved.text
        found: dict[str, Any] = saved.json()
        return found


@pytest.fixture
def site(database: Database) -> Site:
    return Site(database)


def test_automation_runs_use_new_unified_settings(site: Site) -> None:
    world, now = site.world, site.world.driver.clock.at

    def change(document: dict[str, Any]) -> None:
        document["automation"] |= {"enabled": True, "frequency": "daily", "time": "13:30"}
        document["delays"] = {"within_stage": 7, "between_stage": 40}
        document["stages"][0] |= {"batch_size": 2, "per_run_limit": 3}
        document["stages"][2]["enabled"] = False

    site.save(change)
    world.keywords(f"fine {number}" for number in range(5))
    due = now.replace(hour=13, minute=30)

    def tick(at: datetime) -> None:
        nobody = SimpleNamespace(may_send=False)
        schedule_duty.start_due_runs(Context(world.database, nobody, at))  # type: ignore[arg-type] - no broker is there

    tick(due - timedelta(minutes=1))
    with world.database.reading() as session:
        assert session.scalars(select(Run)).all() == []
    world.driver.clock.at = due
    tick(due)
    with world.database.reading() as session:
        run = session.scalars(select(Run)).one()
    # The next save is the next run's: this one keeps what it began with.
    site.save(lambda document: document["stages"][0].update(per_run_limit=0))
    world.driver.run_to_end(run.id)

    stages = world.stages(run.id)
    assert (run.origin, run.scheduled_for) == ("scheduled", due)
    assert [len(world.items(run.id, number)) for number in (1, 2)] == [3, 5]
    assert (stages[3].status, stages[3].reason) == (StageRunStatus.SKIPPED, "switched off")
    assert sorted(len(texts) for texts in world.provider.journal[:2]) == [1, 2]
    # A delay within the first stage, and one before each that follows.
    batches = [at for at, (name, ids) in world.driver.ran if name == "batch" and ids[0] == stages[1].id]
    assert max(batches) - min(batches) >= 7
    assert world.driver.clock.at - due >= timedelta(seconds=7 + 5 * 40)
    world.assert_sound()


@pytest.mark.parametrize(("publishes", "status"), [(True, ContentStatus.PUBLISHED), (False, ContentStatus.READY)])
def test_publishing_uses_new_settings(site: Site, publishes: bool, status: ContentStatus) -> None:  # noqa: FBT001 - a case
    world = site.world

    def change(document: dict[str, Any]) -> None:
        document["publishing"] |= {"publish_days": ["tue", "sat"], "time_slots": ["06:15"]}
        document["publishing"] |= {"skip_dates": ["2026-11-03"], "auto_publish_enabled": publishes}

    document = site.save(change)
    with world.database.transaction() as session:
        rows = [
            make_content(session, site=world.site(session), title=title, status=ContentStatus.REVIEW)
            for title in ("one", "two")
        ]

    told = [site.client.post(f"/api/v1/content/{row.id}/approve").json() for row in rows]
    with world.database.transaction() as session:
        calendar.fill(session, world.site_id, now=world.driver.clock.at, limit=10)
    with world.database.transaction() as session:
        planned = session.scalars(select(Publication).order_by(Publication.id)).all()
        first = planned[0]
        # As beat does when it sends the message.
        first.sends, world.driver.clock.at = 1, first.due_at or first.slot_at
    publisher.publish(world.database, first.id, sleep=lambda _: None)

    assert [document["publishing"][f"{period}_capacity"] for period in ("daily", "weekly", "monthly")] == [1, 2, 9]
    assert [each["publishes_by_itself"] for each in told] == [publishes] * 2
    # It is Monday 12:00, and the first Tuesday is skipped: each takes the next slot that is free.
    slots = [datetime(2026, 11, 7, 6, 15, tzinfo=UTC), datetime(2026, 11, 10, 6, 15, tzinfo=UTC)]
    assert [row.slot_at for row in planned] == slots
    with world.database.reading() as session:
        assert [session.get_one(Content, row.id).status for row in rows] == [status, ContentStatus.SCHEDULED]


def test_credit_budget_stage_pct_works_correctly(site: Site) -> None:
    world = site.world
    world.set_balance("300")

    def change(document: dict[str, Any]) -> None:
        for number, pct in ((1, 50), (2, 1), (4, 10), (5, 10), (6, 29)):
            document["stages"][number - 1]["budget_pct"] = pct

    site.save(change)
    world.keywords(f"fine {number}" for number in range(8))

    run_id = world.run()

    stages, before = world.stages(run_id), 300_000_000
    assert world.driver.status(run_id) is RunStatus.BUDGET_EXHAUSTED
    assert stages[2].cap == before // 100
    assert stages[2].status is StageRunStatus.BUDGET_EXHAUSTED
    assert "of this stage's budget" in (stages[2].reason or "")
    # The others spend theirs, and go on with what waits for them.
    assert [stages[number].status for number in (1, 3, 4, 5, 6, 7)] == [StageRunStatus.COMPLETED] * 6
    assert all(row.spent <= row.cap for row in stages.values())
    world.assert_sound()


def test_testing_live_model_selection_works_in_ai_calls(site: Site) -> None:
    world = site.world
    changes = {
        "cheap": ModelChange(provider="fake", model_type=ModelType.TEXT, is_testing=True, tokens_per_credit=10_000),
        "sketch": ModelChange(provider="fake", model_type=ModelType.IMAGE, is_testing=True, is_free=True),
    }
    with world.database.transaction() as session:
        for name, added in changes.items():
            set_model(session, name, added, now=world.driver.clock.at)
    chosen = {1: True, 2: False, 4: True, 5: False, 6: True}

    def change(document: dict[str, Any]) -> None:
        for number, use_testing in chosen.items():
            document["stages"][number - 1]["use_testing"] = use_testing

    document = site.save(change)
    world.keywords(["desk", "lamp"])
    run_id = world.run()

    with world.database.reading() as session:
        query = select(StageRun.number, AiCall.price).join(StageRun, StageRun.id == AiCall.stage_run_id).distinct()
        asked = {number: price["model"] for number, price in session.execute(query)}
    assert document["available_models"] == {
        "text": {"testing": "cheap", "live": "fake-text"},
        "image": {"testing": "sketch", "live": "fake-image"},
    }
    assert world.driver.status(run_id) is RunStatus.COMPLETED
    assert asked == {1: "cheap", 2: "fake-text", 4: "cheap", 5: "fake-text", 6: "sketch"}
    assert {model for model, _ in world.provider.asked} == {"cheap", "fake-text"}
    world.assert_sound()
