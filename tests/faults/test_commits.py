"""A process dies after a commit and before it has sent what follows from it: there is exactly one effect."""

from __future__ import annotations

import json
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from pipeline.core.roles import Role
from pipeline.local.web import web_url
from pipeline.models import SiteAutomationSettings
from pipeline.services import api_keys
from tests.faults.conftest import EVERYWHERE
from tests.faults.harness.campaign import Campaign, running_campaign
from tests.faults.harness.sites import MadeSite, run_of

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module", params=EVERYWHERE)
def campaign(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    """The processes under fault, after an undisturbed run."""
    with (
        tempfile.TemporaryDirectory(prefix="igny8-", dir="/tmp") as name,
        running_campaign(Path(name), on=request.param, variants=("one lane",)) as campaign,
    ):
        yield campaign


def test_an_api_killed_after_its_commit_has_started_one_run(campaign: Campaign) -> None:
    processes, made = campaign.processes, campaign.make("one lane")
    with campaign.database.transaction() as session:
        key = api_keys.make_key(session, account_id=made.account_id, role=Role.OWNER, now=campaign.database.now()).key
    processes.arm("web", "run.committed:1:kill")
    processes.start("web")
    processes.wait_ready("web")

    with pytest.raises((OSError, HTTPException)):
        run_now(campaign, made, key=key)
    processes.wait_killed("web")
    processes.arm("web", None)
    processes.restart("web")
    processes.wait_ready("web")
    again = run_now(campaign, made, key=key)

    processes.kill("web")
    processes.forget("web")
    with campaign.database.reading() as session:
        site = run_of(session, made)
    assert again["run_id"] == site.run_id
    campaign.wait_at_rest([site])
    assert campaign.complaints([site]) == []


@pytest.mark.extended
def test_a_beat_killed_after_it_started_a_due_run_has_started_one(campaign: Campaign) -> None:
    processes, made = campaign.processes, campaign.make("one lane")
    processes.kill("beat")
    processes.arm("beat", "runs.committed:1:kill")
    with campaign.database.transaction() as session:
        mine = update(SiteAutomationSettings).where(SiteAutomationSettings.site_id == made.site_id)
        session.execute(mine.values(automation_enabled=True, next_run_at=campaign.database.now()))

    processes.restart("beat")
    processes.wait_killed("beat")
    processes.arm("beat", None)
    processes.restart("beat")

    with campaign.database.reading() as session:
        site = run_of(session, made)
    campaign.wait_at_rest([site])
    assert campaign.complaints([site]) == []


def run_now(campaign: Campaign, made: MadeSite, *, key: str) -> dict[str, Any]:
    """What the API answers who presses Run Now: the same request each time, under one idempotency key."""
    request = urllib.request.Request(  # noqa: S310 - our own, on loopback
        f"{web_url(campaign.processes.config.home)}/api/v1/sites/{made.site_id}/runs",
        method="POST",
        headers={"Authorization": f"Bearer {key}", "Idempotency-Key": f"run-{made.site_id}"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - the same
        told: dict[str, Any] = json.loads(answer.read())
    return told
