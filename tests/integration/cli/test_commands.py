from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import icalendar
import pytest
from sqlalchemy import func, select, update

from pipeline.db.session import Database
from pipeline.models import AuditEvent, Keyword, Site

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Igny8


def test_init_makes_the_installation_and_may_be_run_again(igny8: Igny8, home: Path) -> None:
    first, second = igny8("init", "--json"), igny8("init", "--json")

    assert first.code == second.code == 0
    made = {"home": str(home), "account": {"id": 1, "name": "default", "available": "10000"}}
    assert first.json | {"first_log_in": None} == second.json == made | {"first_log_in": None}
    assert (home / "secrets.env").stat().st_mode & 0o077 == 0


def test_a_site_is_added_listed_and_shown(igny8: Igny8, ready: Database) -> None:
    added = igny8("site", "add", "--name", "Chairs", "--timezone", "UTC", "--json")

    assert added.json["name"] == "Chairs"
    assert [site["name"] for site in igny8("site", "list", "--json").json] == ["Desks", "Chairs"]
    shown = igny8("site", "show", str(added.json["id"]), "--json").json
    assert shown["timezone"] == "UTC"
    assert shown["keywords"]["new"] == 0
    assert shown["next_run_at"] is None


def test_a_file_is_imported_and_its_rejected_rows_are_told(igny8: Igny8, ready: Database, tmp_path: Path) -> None:
    file = tmp_path / "words.csv"
    file.write_text("Keyword,Volume\ndesk,10\nDesk,20\n<b>x</b>,1\nlamp,\n", encoding="utf-8")

    done = igny8("keywords", "import", "Desks", str(file), "--json")

    assert done.code == 0
    assert (done.json["read"], done.json["imported"], done.json["duplicates"]) == (4, 2, 1)
    assert [row["line"] for row in done.json["rejected"]] == [4]
    assert all(row["reason"] for row in done.json["rejected"])
    words = igny8("keywords", "list", "Desks", "--json").json
    assert [(word["text"], word["volume"]) for word in words] == [("desk", 10), ("lamp", None)]


def test_people_read_rejected_rows_on_stderr(igny8: Igny8, ready: Database, tmp_path: Path) -> None:
    file = tmp_path / "words.csv"
    file.write_text("desk\n<b>x</b>\n", encoding="utf-8")

    done = igny8("keywords", "import", "Desks", str(file))

    assert "1 keyword imported" in done.out
    assert "Line 2:" in done.err


def test_keywords_are_added_by_hand(igny8: Igny8, ready: Database) -> None:
    done = igny8("keywords", "add", "Desks", "desk", "desk lamp", "--json")

    assert done.json == {"read": 2, "imported": 2, "duplicates": 0, "rejected": []}


def test_settings_are_changed_and_shown(igny8: Igny8, ready: Database) -> None:
    changed = igny8(
        *("settings", "set", "Desks", "stages.4.per_run_limit=5", "stages.6.use_testing=true"),
        *("delays.within_stage=0", "publishing.time_slots=14:00,9:00", "--json"),
    )

    shown = igny8("settings", "show", "Desks", "--json")
    assert changed.code == 0
    assert shown.json == changed.json
    assert shown.json["stages"][3]["per_run_limit"] == 5
    assert shown.json["stages"][5]["use_testing"] is True
    assert shown.json["stages"][2]["budget_pct"] is None
    assert shown.json["delays"]["within_stage"] == 0
    assert shown.json["publishing"]["time_slots"] == ["09:00", "14:00"]
    assert shown.json["publishing"]["daily_capacity"] == 2
    assert shown.json["available_models"]["text"] == {"testing": "Offline writer (testing)", "live": "Offline writer"}


def test_slots_are_emptied_by_nothing_after_the_sign(igny8: Igny8, ready: Database) -> None:
    changed = igny8("settings", "set", "Desks", "publishing.time_slots=", "--json")

    assert changed.json["publishing"]["time_slots"] == []
    assert changed.json["publishing"]["weekly_capacity"] == 0


def test_a_site_without_slots_has_an_empty_calendar(igny8: Igny8, ready: Database) -> None:
    igny8("settings", "set", "Desks", "publishing.time_slots=")

    shown = igny8("calendar", "Desks", "--days", "3", "--json")

    assert shown.code == 0
    assert [day["slots"] for day in shown.json["days"]] == [[], [], []]


def test_a_calendar_shows_its_free_slots(igny8: Igny8, ready: Database) -> None:
    shown = igny8("calendar", "Desks", "--days", "7", "--json").json

    assert shown["timezone"] == "Europe/Berlin"
    assert len(shown["days"]) == 7
    assert {slot["local_time"] for day in shown["days"] for slot in day["slots"]} == {"09:00", "14:00", "18:00"}


def test_a_calendar_leaves_as_a_file_with_nothing_around_it(igny8: Igny8, ready: Database) -> None:
    printed = igny8("calendar", "Desks", "--ical")

    assert (printed.code, printed.err) == (0, "")
    assert str(icalendar.Calendar.from_ical(printed.out)["x-wr-calname"]) == "Desks"


def test_a_calendar_has_one_form_at_a_time(igny8: Igny8, ready: Database) -> None:
    refused = igny8("calendar", "Desks", "--ical", "--json")

    assert (refused.code, refused.out) == (2, "")
    assert "Give one of them." in refused.err


def test_credits_are_granted_once_a_key(igny8: Igny8, ready: Database) -> None:
    for _ in range(2):
        granted = igny8("credits", "grant", "12.5", "--key", "april", "--json")

    assert granted.json == {"balance": "10012.5", "held": "0", "available": "10012.5"}
    assert igny8("credits", "show", "--json").json == granted.json


def test_a_run_is_accepted_although_no_stack_runs(igny8: Igny8, ready: Database) -> None:
    igny8("keywords", "add", "Desks", "desk")

    accepted = igny8("run", "Desks", "--json")

    assert accepted.code == 0
    assert accepted.json == {"run_id": 1, "status": "queued"}
    assert "igny8 up" in accepted.err


def test_a_run_with_nothing_to_do_says_why(igny8: Igny8, ready: Database) -> None:
    for arguments in (("run", "Desks", "--json"), ("run", "Desks", "--wait", "--json")):
        accepted = igny8(*arguments)

        assert accepted.code == 0
        assert accepted.json["run_id"] is None
        assert "nothing is waiting" in accepted.json["reason"]


@pytest.mark.parametrize(
    ("before", "what", "told"),
    [
        (["cancel"], "cancel", "has ended (cancelled): only a run that is queued, running or paused can be cancelled."),
        (["cancel"], "pause", "has ended (cancelled): only a run that is queued, running or paused can be paused."),
        (["cancel"], "resume", "is cancelled, not paused: there is nothing to resume."),
        (["pause"], "pause", "is paused already. To go on with it: igny8 resume 1"),
    ],
)
def test_what_cannot_be_done_to_a_run_says_what_it_is_and_what_is_allowed(
    igny8: Igny8, ready: Database, before: list[str], what: str, told: str
) -> None:
    igny8("keywords", "add", "Desks", "desk")
    igny8("run", "Desks")
    for each in before:
        assert igny8(each, "1").code == 0

    refused = igny8(what, "1")

    assert (refused.code, told in refused.err) == (1, True), refused.err


def test_a_run_is_listed_shown_paused_resumed_and_cancelled(igny8: Igny8, ready: Database) -> None:
    igny8("keywords", "add", "Desks", "desk")
    igny8("run", "Desks")

    assert igny8("pause", "1", "--json").json == {"run_id": 1, "status": "paused"}
    assert igny8("resume", "1", "--json").json == {"run_id": 1, "status": "running"}
    assert igny8("cancel", "1", "--json").json == {"run_id": 1, "status": "cancelled"}
    assert [(run["run_id"], run["status"]) for run in igny8("runs", "Desks", "--json").json] == [(1, "cancelled")]
    report = igny8("run-show", "1", "--json").json
    assert [stage["number"] for stage in report["stages"]] == [1, 2, 3, 4, 5, 6, 7]
    assert report["credits"] == {"before": "10000", "after": "10000", "held": "0"}


def test_what_a_person_does_is_audited(igny8: Igny8, ready: Database) -> None:
    igny8("credits", "grant", "5", "--note", "thanks")
    igny8("settings", "set", "Desks", "delays.within_stage=0")

    with ready.reading() as session:
        actions = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert actions == ["user.first_password", "site.added", "credits.granted", "settings.changed"]


def test_contents_of_a_new_site_are_an_empty_list(igny8: Igny8, ready: Database) -> None:
    assert igny8("content", "list", "Desks", "--json").json == []


def test_tables_for_people_are_plain_outside_a_terminal(igny8: Igny8, ready: Database) -> None:
    shown = igny8("site", "list")

    assert shown.out.splitlines()[0].split() == ["id", "name", "time", "zone", "target", "health"]
    assert "\x1b" not in shown.out
    assert all(line == line.rstrip() for line in shown.out.splitlines())


def test_brackets_in_a_name_are_shown_as_they_are(igny8: Igny8, ready: Database) -> None:
    igny8("site", "add", "--name", "[bold]Desks[/bold]", "--timezone", "UTC")

    assert "[bold]Desks[/bold]" in igny8("site", "list").out


def test_doctor_is_content_with_a_new_installation(igny8: Igny8, ready: Database) -> None:
    found = igny8("doctor", "--json")

    assert found.code == 0, found.out
    assert found.json["ok"] is True


def test_doctor_notes_work_that_waits_while_nothing_runs(igny8: Igny8, ready: Database) -> None:
    told = []
    for due_at in (ready.now() + timedelta(hours=1), ready.now() - timedelta(hours=3)):
        with ready.transaction() as session:
            session.execute(update(Site).values(next_check_at=due_at))
        told.append(igny8("doctor"))

    before, found = told
    assert before.out.endswith("All is well.\n")
    assert found.code == 0
    assert "due: Work is due and nothing runs here: `igny8 up` does it." in found.out
    assert found.out.endswith("Nothing is wrong, but there is something to do: see above.\n")


def test_doctor_fails_where_there_is_no_installation(igny8: Igny8) -> None:
    found = igny8("doctor", "--json")

    assert found.code == 1
    assert found.json["ok"] is False


def test_the_database_is_upgraded_or_already_current(igny8: Igny8, ready: Database) -> None:
    assert igny8("db", "upgrade", "--json").json == {"before": "current", "now": "current"}


@pytest.mark.parametrize("count", [0, 1])
def test_an_import_of_nothing_useful_leaves_nothing(igny8: Igny8, ready: Database, tmp_path: Path, count: int) -> None:
    file = tmp_path / "words.csv"
    file.write_bytes([b"", b"\x89PNG\r\n\x1a\n" + bytes(100)][count])

    done = igny8("keywords", "import", "Desks", str(file), "--json")

    assert done.code == 1
    assert done.out == ""
    assert done.err.startswith("Error: words.csv is ")
    with ready.reading() as session:
        assert session.scalar(select(func.count()).select_from(Keyword)) == 0
