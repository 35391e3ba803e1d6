"""Whatever people type wrong: one clear sentence, the right exit code, no traceback, nothing written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, text

from pipeline.config import load_config, use_config
from pipeline.db.session import Database
from pipeline.models import Base, Heartbeat
from pipeline.services.runs import Started

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Igny8

USAGE, FAILURE = 2, 1
SET = ("settings", "set", "Desks")

WRONG: list[tuple[tuple[str, ...], int, str]] = [
    (("site", "add", "--name", "X", "--timezone", "Berlin"), USAGE, "Did you mean Europe/Berlin?"),
    (("site", "add", "--name", "Desks", "--timezone", "UTC"), USAGE, "already. Choose another name."),
    (("site", "add", "--name", "", "--timezone", "UTC"), USAGE, "a site's name has 1 to 100 characters"),
    (("site", "add", "--name", "X"), USAGE, "Missing option '--timezone'."),
    (("site", "add", "--name", "X", "--timezone", "UTC", "--account", "no"), FAILURE, "Accounts here: default."),
    (("site", "show", "Chairs"), FAILURE, "There is no site 'Chairs'. Sites here: Desks."),
    (("run", "Chairs"), FAILURE, "There is no site 'Chairs'."),
    (("keywords", "import", "Desks", "nowhere.csv"), FAILURE, "There is no file nowhere.csv."),
    (("keywords", "import", "Chairs", "nowhere.csv"), FAILURE, "There is no site 'Chairs'."),
    (("keywords", "add", "Desks", ""), USAGE, "a keyword must not be empty."),
    (("keywords", "list", "Desks", "--limit", "0"), USAGE, "Invalid value for '--limit'"),
    (("keywords", "list", "Desks", "--status", "old"), USAGE, "Invalid value for '--status'"),
    ((*SET, "stages.4.budget_pct=100"), USAGE, "add up to 160 %; at most 100 % is allowed"),
    ((*SET, "stages.4.per_run_limit=-1"), USAGE, "Use a whole number from 0 to 100,000."),
    ((*SET, "stages.9.enabled=true"), USAGE, "Use a stage from 1 to 7."),
    ((*SET, "stages.3.use_testing=true"), USAGE, "use_testing does not apply to stage 3"),
    ((*SET, "delays.within_stge=1"), USAGE, "Did you mean delays.within_stage"),
    ((*SET, "delays.within_stage"), USAGE, "a change is KEY=VALUE"),
    ((*SET, "delays.within_stage=1", "delays.within_stage=2"), USAGE, "Give every key once."),
    ((*SET, "publishing.time_slots=24:00"), USAGE, "Use HH:MM, from 00:00 to 23:59."),
    (("credits", "grant", "many"), USAGE, "Give a number such as 250 or 12.5."),
    (("credits", "grant", "0"), USAGE, "above 0"),
    (("credits", "grant", "1e40"), USAGE, "at most twelve digits"),
    (("credits", "grant", "0.0000001"), USAGE, "six decimals"),
    (("credits", "grant", "1", "--key", "x" * 81), USAGE, "1 to 80 characters"),
    (("run-show", "99"), FAILURE, "There is no run 99."),
    (("run-show", "one"), USAGE, "Invalid value for 'RUN'"),
    (("run-show", "9" * 30), USAGE, "Invalid value for 'RUN'"),
    (("pause", "99"), FAILURE, "There is no run 99."),
    (("retry", "99"), FAILURE, "There is no run 99."),
    (("content", "show", "99"), FAILURE, "There is no content 99"),
    (("content", "show", "99", "--lineage"), FAILURE, "There is no content 99"),
    (("publish", "99", "--now"), FAILURE, "There is no content 99"),
    (("publish", "99"), USAGE, "Say --now"),
    (("calendar", "Desks", "--days", "0"), USAGE, "Invalid value for '--days'"),
    (("calendar",), USAGE, "Missing argument 'SITE'"),
    (("calendar", "Dekss"), FAILURE, "There is no site 'Dekss'. Sites here: Desks."),
    (("calendar", "move", "99", "--to", "2027-01-01 09:00"), FAILURE, "There is no content 99"),
    (("calendar", "move", "1", "--to", "tomorrow"), USAGE, "Use YYYY-MM-DD HH:MM"),
    (("calendar", "move", "1", "--to", "2027-02-30 09:00"), USAGE, "Use YYYY-MM-DD HH:MM"),
    (("calendar", "move", "1", "--to", "2027-01-01 24:00"), USAGE, "Use YYYY-MM-DD HH:MM"),
    (("calendar", "move", "1"), USAGE, "Missing option '--to'"),
    (("calendar", "pin", "99"), FAILURE, "There is no content 99"),
    (("calendar", "swap", "99", "98"), FAILURE, "There is no content 99"),
    (("calendar", "swap", "99"), USAGE, "Missing argument 'OTHER'"),
    (("calendar", "undo", "Desks"), FAILURE, "There is nothing to undo on the calendar of Desks."),
    ((*SET, "publishing.time_slots=9:00", "--calendar", "shuffle"), USAGE, "Invalid value for '--calendar'"),
    (("site", "set", "Desks", "--timezone", "Europe/Berln"), USAGE, "Did you mean Europe/Berlin"),
    (("site", "set", "Desks", "--timezone", "Europe/Berln", "--preview"), USAGE, "Did you mean Europe/Berlin"),
    (("content", "delete", "99"), FAILURE, "There is no content 99"),
    (("demo", "--keywords", "nowhere.csv"), FAILURE, "There is no file nowhere.csv."),
    (("runs", "--unknown"), USAGE, "No such option: --unknown."),
    (("rnu", "Desks"), USAGE, "Did you mean 'run'"),
]


def test_a_group_without_a_command_says_so(igny8: Igny8) -> None:
    failed = igny8("site")

    assert (failed.code, failed.out) == (USAGE, "")
    assert failed.err == "Error: Missing command. `igny8 site --help` shows how it is used.\n"


def _counts(database: Database) -> dict[str, int]:
    with database.reading() as session:
        tables = Base.metadata.sorted_tables
        return {table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


@pytest.mark.parametrize("as_json", [False, True], ids=["people", "json"])
@pytest.mark.parametrize(("arguments", "code", "sentence"), WRONG, ids=[" ".join(case[0])[:60] for case in WRONG])
def test_wrong_input_is_told_in_a_sentence_and_writes_nothing(
    igny8: Igny8, ready: Database, arguments: tuple[str, ...], code: int, sentence: str, *, as_json: bool
) -> None:
    before = _counts(ready)

    failed = igny8(*arguments, *(["--json"] if as_json else []))

    assert (failed.code, failed.out) == (code, ""), failed.err
    assert sentence in failed.err
    assert all(line.startswith("Error: ") for line in failed.err.splitlines())
    assert "Traceback" not in failed.err
    assert _counts(ready) == before


COMMANDS_THAT_NEED_A_DATABASE: list[tuple[str, ...]] = [
    ("site", "list"),
    ("site", "add", "--name", "X", "--timezone", "UTC"),
    ("site", "show", "1"),
    ("keywords", "import", "1", "words.csv"),
    ("keywords", "add", "1", "word"),
    ("keywords", "list", "1"),
    ("settings", "show", "1"),
    ("settings", "set", "1", "delays.within_stage=0"),
    ("run", "1"),
    ("run", "1", "--wait"),
    ("runs",),
    ("run-show", "1"),
    ("pause", "1"),
    ("resume", "1"),
    ("cancel", "1"),
    ("retry", "1"),
    ("calendar", "1"),
    ("calendar", "move", "1", "--to", "2027-01-01 09:00"),
    ("calendar", "swap", "1", "2"),
    ("calendar", "undo", "1"),
    ("site", "set", "1", "--timezone", "UTC"),
    ("content", "delete", "1"),
    ("content", "list", "1"),
    ("content", "show", "1"),
    ("publish", "1", "--now"),
    ("credits", "show"),
    ("credits", "grant", "1"),
    ("db", "upgrade"),
    ("worker",),
    ("beat",),
    ("flower",),
    ("web",),
    ("settings", "preset", "1", "balanced"),
    ("settings", "reset", "1"),
    ("account", "add", "Another"),
    ("api-keys", "create", "--role", "owner"),
    ("api-keys", "list"),
    ("api-keys", "revoke", "1"),
]


@pytest.mark.parametrize("arguments", COMMANDS_THAT_NEED_A_DATABASE, ids=" ".join)
def test_without_a_database_every_command_says_to_run_init(
    igny8: Igny8, home: Path, arguments: tuple[str, ...]
) -> None:
    failed = igny8(*arguments)

    assert (failed.code, failed.out) == (FAILURE, "")
    assert failed.err == "Error: There is no IGNY8 database here yet. Run `igny8 init` first.\n"
    assert not home.exists()


@pytest.mark.parametrize("arguments", [*COMMANDS_THAT_NEED_A_DATABASE, ("init",), ("up",), ("demo",)], ids=" ".join)
def test_a_database_of_a_newer_version_is_left_alone(igny8: Igny8, ready: Database, arguments: tuple[str, ...]) -> None:
    with ready.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        session.execute(text("UPDATE schema_floor SET revision = '9999'"))
    before = _counts(ready)

    failed = igny8(*arguments)

    assert (failed.code, failed.out) == (FAILURE, "")
    assert "made by a newer version of IGNY8 Pipeline than this one" in failed.err
    assert "Traceback" not in failed.err
    assert _counts(ready) == before


@pytest.mark.parametrize("command", ["worker", "beat", "flower"])
def test_a_broker_that_is_not_there_is_told(igny8: Igny8, ready: Database, home: Path, command: str) -> None:
    use_config(load_config({"IGNY8_HOME": str(home), "IGNY8_BROKER_URL": "redis://:secret@127.0.0.1:1/0"}))

    failed = igny8(command)

    assert (failed.code, failed.out) == (FAILURE, "")
    assert "does not answer" in failed.err
    assert "secret" not in failed.err


def test_a_second_run_of_a_site_is_refused_while_one_is_live(igny8: Igny8, ready: Database) -> None:
    igny8("keywords", "add", "Desks", "desk")
    igny8("run", "Desks")
    alone = igny8("run", "Desks")
    with ready.transaction() as session:
        session.add_all(Heartbeat(name=f"{name}:host:1", at=ready.now()) for name in ("beat", "worker"))

    beside_a_stack = igny8("run", "Desks", "--wait")

    for failed in (alone, beside_a_stack):
        assert failed.code == FAILURE
        assert "already has a live run (1)" in failed.err
    assert "killed just now, this is known 15 s later" in beside_a_stack.err


def test_a_live_run_that_nobody_works_on_is_gone_on_with(
    igny8: Igny8, ready: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int | None] = []

    def see_through(_: Database, started: Started, *, as_json: bool) -> dict[str, Any]:
        seen.append(started.run_id)
        return {"status": "completed"}

    monkeypatch.setattr("pipeline.cli.run.see_through", see_through)
    igny8("keywords", "add", "Desks", "desk")
    igny8("run", "Desks")

    taken_up = igny8("run", "Desks", "--wait", "--json")
    igny8("pause", "1")
    paused = igny8("run", "Desks", "--wait")

    assert (taken_up.code, taken_up.json, seen) == (0, {"status": "completed"}, [1])
    assert "Run 1 of this site is live, and nobody works on it: going on with that one." in taken_up.err
    assert (paused.code, "Resume it: igny8 resume 1." in paused.err) == (FAILURE, True)


def test_a_database_that_cannot_be_reached_is_told_without_its_password(igny8: Igny8, home: Path) -> None:
    url = "postgresql+psycopg://me:secret@127.0.0.1:1/igny8"
    use_config(load_config({"IGNY8_HOME": str(home), "IGNY8_DATABASE_URL": url}))

    failed = igny8("site", "list")

    assert failed.code == FAILURE
    assert "Check IGNY8_DATABASE_URL" in failed.err
    assert len(failed.err.splitlines()) == 1
    assert "secret" not in failed.err


def test_a_file_that_is_no_database_is_told(igny8: Igny8, home: Path) -> None:
    home.mkdir()
    (home / "igny8.db").write_bytes(b"not a database, but long enough to be looked at" * 50)

    failed = igny8("site", "list")

    assert failed.code == FAILURE
    assert "file is not a database" in failed.err
    assert len(failed.err.splitlines()) == 1


def test_a_wrong_environment_is_a_usage_error(igny8: Igny8, monkeypatch: pytest.MonkeyPatch) -> None:
    use_config(None)
    monkeypatch.setenv("IGNY8_LEASE_SECONDS", "soon")

    failed = igny8("site", "list")

    assert failed.code == USAGE
    assert "IGNY8_LEASE_SECONDS" in failed.err
    assert "Traceback" not in failed.err


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_traceback_is_shown_with_debug_wherever_it_stands(igny8: Igny8, place: int) -> None:
    words = ["site", "list"]
    words.insert(place, "--debug")

    failed = igny8(*words)

    assert failed.code == FAILURE
    assert "Traceback" in failed.err
    assert "NotReadyError" in failed.err


@pytest.mark.parametrize("arguments", [("run", "Desks", "--wait"), ("demo",)], ids=" ".join)
def test_waiting_on_a_broker_that_is_not_there_writes_nothing(
    igny8: Igny8, ready: Database, home: Path, arguments: tuple[str, ...]
) -> None:
    igny8("keywords", "add", "Desks", "desk")
    before = _counts(ready)
    use_config(load_config({"IGNY8_HOME": str(home), "IGNY8_BROKER_URL": "redis://127.0.0.1:1/0"}))

    failed = igny8(*arguments)

    assert (failed.code, failed.out) == (FAILURE, "")
    assert "does not answer" in failed.err
    assert _counts(ready) == before


def test_a_home_that_cannot_be_made_is_told(igny8: Igny8, home: Path) -> None:
    home.write_text("a file")

    failed = igny8("init")

    assert (failed.code, failed.out) == (FAILURE, "")
    assert str(home) in failed.err
    assert len(failed.err.splitlines()) == 1


def test_a_reader_that_has_enough_gets_no_traceback(ready: Database, home: Path) -> None:
    command = f"{sys.executable} -m pipeline.cli settings show Desks --json | head -c 1"

    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env={**os.environ, "IGNY8_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("{", "")


def test_a_terminal_without_arrows_is_served(ready: Database, home: Path) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "IGNY8_HOME": str(home)}

    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "settings", "show", "Desks", "--json"],
        env={**os.environ, **plain},
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["stages"][0]["name"] == "Keywords → Clusters"
