"""`schedule show|pause|resume` and `decisions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from pipeline.db.session import Database
from pipeline.models import AuditEvent

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Igny8


def _switch_on(igny8: Igny8) -> None:
    assert igny8("settings", "set", "Desks", "automation.enabled=true", "automation.frequency=weekly").code == 0


def test_a_schedule_that_is_off_is_shown_as_such(igny8: Igny8, ready: Database) -> None:
    shown = igny8("schedule", "show", "Desks", "--json").json

    assert (shown["enabled"], shown["next_run_at"], shown["live_run_id"]) == (False, None, None)
    assert "Next run: none: automation.enabled is false" in igny8("schedule", "show", "Desks").out


def test_people_read_when_a_site_runs(igny8: Igny8, ready: Database) -> None:
    _switch_on(igny8)

    shown = igny8("schedule", "show", "Desks").out

    assert "Desks (site 1): weekly on mon at 02:00, times of Europe/Berlin." in shown
    assert "Next run: Mon 20" in shown


def test_an_hourly_schedule_is_told_by_its_minute(igny8: Igny8, ready: Database) -> None:
    igny8("settings", "set", "Desks", "automation.enabled=true", "automation.frequency=hourly", "automation.time=9:07")

    assert "hourly at minute 07" in igny8("schedule", "show", "Desks").out


def test_a_live_run_is_named(igny8: Igny8, ready: Database) -> None:
    igny8("keywords", "add", "Desks", "desk")
    igny8("run", "Desks")

    assert igny8("schedule", "show", "Desks", "--json").json["live_run_id"] == 1
    assert "Run 1 is live" in igny8("schedule", "show", "Desks").out


def test_run_now_while_a_run_is_live_names_it(igny8: Igny8, ready: Database) -> None:
    igny8("keywords", "add", "Desks", "desk")
    igny8("run", "Desks")

    again = igny8("run", "Desks")

    assert again.code == 1
    assert "already has a live run (1)" in again.err


def test_a_schedule_is_paused_and_resumed(igny8: Igny8, ready: Database) -> None:
    _switch_on(igny8)

    paused = igny8("schedule", "pause", "Desks", "--json").json
    said = [igny8(command, "show", "Desks").out for command in ("schedule", "site", "settings")]
    resumed = igny8("schedule", "resume", "Desks", "--json").json

    assert (paused["next_run_at"], paused["paused_reason"]) == (None, "a person paused it")
    assert all("(a person paused it). igny8 schedule resume 1 goes on" in text for text in said)
    assert resumed["next_run_at"] is not None
    assert resumed["paused_at"] is None
    with ready.reading() as session:
        actions = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert actions[-2:] == ["schedule.paused", "schedule.resumed"]


def test_people_read_what_pausing_and_resuming_did(igny8: Igny8, ready: Database) -> None:
    _switch_on(igny8)

    assert "Next run of Desks: none: paused since" in igny8("schedule", "pause", "Desks").out
    assert "Next run of Desks: Mon 20" in igny8("schedule", "resume", "Desks").out


def test_a_schedule_that_is_off_cannot_be_paused(igny8: Igny8, ready: Database) -> None:
    refused = igny8("schedule", "pause", "Desks")

    assert refused.code == 1
    assert refused.err.startswith("Error: The schedule of Desks is off")


def test_decisions_are_listed_the_newest_first(igny8: Igny8, ready: Database) -> None:
    igny8("run", "Desks")
    igny8("keywords", "add", "Desks", "desk")
    igny8("run", "Desks")

    listed = igny8("decisions", "Desks", "--json").json

    assert [(row["kind"], row["run_id"], row["scheduled_for"]) for row in listed] == [
        ("started", 1, None),
        ("skipped", None, None),
    ]
    assert "nothing is waiting" in igny8("decisions", "Desks").out
    assert len(igny8("decisions", "Desks", "--limit", "1", "--json").json) == 1


def test_a_site_without_decisions_says_so(igny8: Igny8, ready: Database) -> None:
    assert igny8("decisions", "Desks", "--json").json == []
    assert "No run of this site has been decided yet." in igny8("decisions", "Desks").out
