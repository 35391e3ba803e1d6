from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.config import Config, load_config
from pipeline.core.errors import NotReadyError
from pipeline.core.providers import ProviderName
from pipeline.db.migrate import upgrade
from pipeline.db.session import Database
from pipeline.engine.app import app, connect_to
from pipeline.local import doctor
from pipeline.local.doctor import Check, run_checks
from pipeline.local.locks import StackLock
from pipeline.models import Account, Heartbeat
from pipeline.secrets import ENCRYPTION_KEY, FILE_NAME, encrypted, make_key
from pipeline.services.providers import ProviderChange, access_of, set_provider
from tests.support.builders import make_site
from tests.support.ports import free_port


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    return load_config({"IGNY8_HOME": str(tmp_path / "home")})


@pytest.fixture
def installed(settings: Config) -> Iterator[Database]:
    settings.home.mkdir(exist_ok=True)
    database = Database(settings.database_url)
    upgrade(database)
    yield database
    database.dispose()


@pytest.fixture
def old_stack(settings: Config) -> Iterator[None]:
    """A stack that says it runs since long ago."""
    lock = StackLock(settings.home)
    lock.acquire(now=datetime(2026, 1, 1, tzinfo=UTC))
    yield
    lock.release()


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_installation_at_rest_is_healthy(settings: Config, installed: Database) -> None:
    checks = run_checks(settings)

    assert [check.name for check in checks if not check.ok] == []
    assert [check.name for check in checks] == [name for name, _ in doctor.PROBES]


def test_folder_without_a_database_is_told_to_init_and_nothing_is_made(settings: Config) -> None:
    checks = by_name(run_checks(settings))

    assert (checks["database"].ok, checks["database"].remedy) == (False, "Run `igny8 init`.")
    assert not settings.home.exists()


def test_database_without_tables_is_told_to_init(settings: Config) -> None:
    settings.home.mkdir()
    (settings.home / "igny8.db").touch()

    check = by_name(run_checks(settings))["migrations"]

    assert not check.ok
    assert "igny8 init" in check.detail


def test_a_database_without_tables_behind_a_broker_of_its_own_is_told_in_a_sentence(settings: Config) -> None:
    """There, processes may run on other machines: their signs of life are asked for."""
    settings.home.mkdir()
    Database(settings.database_url).engine.connect().close()
    elsewhere = settings.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"})

    found = by_name(run_checks(elsewhere))["heartbeats"]

    assert (found.ok, found.detail) == (False, "There is no IGNY8 database here yet. Run `igny8 init` first.")


def test_database_that_does_not_answer_is_told_without_its_password(settings: Config) -> None:
    url = f"postgresql+psycopg://me:geheim@127.0.0.1:{free_port()}/x"
    gone = settings.model_copy(update={"database_url": url})

    check = by_name(run_checks(gone))["database"]

    assert not check.ok
    assert "IGNY8_DATABASE_URL" in check.remedy
    assert "geheim" not in check.detail


def test_a_database_that_does_not_answer_is_told_once(settings: Config) -> None:
    url = f"postgresql+psycopg://me:geheim@127.0.0.1:{free_port()}/x"
    gone = settings.model_copy(update={"database_url": url})

    checks = run_checks(gone)

    refused = [check.name for check in checks if "Connection refused" in check.detail]
    left = {check.name: (check.detail, check.remedy) for check in checks if not check.ok and check.name != "database"}
    assert refused == ["database"]
    assert set(left) == {"migrations", "books", "secrets", "providers", "due"}
    assert set(left.values()) == {("not looked at: the database does not work", "")}


def test_broker_that_does_not_answer_is_told(settings: Config) -> None:
    gone = settings.model_copy(update={"broker_url": f"redis://127.0.0.1:{free_port()}/0"})
    before = app.conf.broker_url
    try:
        check = by_name(run_checks(gone))["broker"]
    finally:
        connect_to(before)

    assert not check.ok
    assert "IGNY8_BROKER_URL" in check.remedy


def test_misspelled_setting_is_told(settings: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGNY8_LEASE_SECOND", "1")

    check = by_name(run_checks(settings))["settings"]

    assert check.detail == "unknown: IGNY8_LEASE_SECOND (did you mean IGNY8_LEASE_SECONDS?)"


@pytest.mark.usefixtures("old_stack")
def test_silent_worker_of_a_running_stack_is_told(settings: Config, installed: Database) -> None:
    now = datetime.now(UTC)
    with installed.transaction() as session:
        session.add(Heartbeat(name="beat:host:1", at=now))
        session.add(Heartbeat(name="worker:host:2", at=now - timedelta(minutes=10)))

    check = by_name(run_checks(settings))["heartbeats"]

    assert not check.ok
    assert re.match(r"worker 60\d s ago", check.detail)


@pytest.mark.usefixtures("old_stack")
def test_living_worker_and_beat_are_healthy(settings: Config, installed: Database) -> None:
    now = datetime.now(UTC)
    with installed.transaction() as session:
        session.add(Heartbeat(name="beat:host:1", at=now))
        session.add(Heartbeat(name="worker:host:2", at=now))

    assert by_name(run_checks(settings))["heartbeats"].ok


@pytest.mark.usefixtures("old_stack")
@pytest.mark.parametrize(("minutes", "ok"), [(14, True), (16, False)])
def test_worker_that_lives_and_executes_nothing_is_told(
    settings: Config, installed: Database, *, minutes: int, ok: bool
) -> None:
    now = datetime.now(UTC)
    executed = {"executed_at": (now - timedelta(minutes=minutes)).isoformat(), "began_at": None}
    with installed.transaction() as session:
        session.add(Heartbeat(name="beat:host:1", at=now))
        session.add(Heartbeat(name="worker:host:2", at=now, details=executed))

    check = by_name(run_checks(settings))["heartbeats"]

    assert check.ok is ok
    assert ("no worker executed anything of late" in check.detail) is not ok


@pytest.mark.usefixtures("old_stack")
@pytest.mark.parametrize(("running", "ok"), [(7, False), (8, True)])
def test_worker_that_leaves_its_own_canary_is_told_unless_its_hands_are_full(
    settings: Config, installed: Database, *, running: int, ok: bool
) -> None:
    now = datetime.now(UTC)
    told = {"executed_at": now.isoformat(), "asked_at": (now - timedelta(seconds=61)).isoformat(), "at_once": 8}
    with installed.transaction() as session:
        session.add(Heartbeat(name="beat:host:1", at=now))
        session.add(Heartbeat(name="worker:host:2", at=now, details={"executed_at": now.isoformat()}))
        session.add(Heartbeat(name="worker:host:3", at=now, details=told | {"running": running}))

    check = by_name(run_checks(settings))["heartbeats"]

    assert (check.ok, "worker:host:3 takes nothing" in check.detail) == (ok, not ok)


def _add_due_work(database: Database, *, age: timedelta) -> None:
    with database.transaction() as session:
        make_site(session).next_check_at = datetime.now(UTC) - age


def _add_beat(database: Database, *, waits: timedelta, age: timedelta = timedelta()) -> None:
    with database.transaction() as session:
        details = {"oldest_due_seconds": waits.total_seconds(), "broker_answers": True}
        session.add(Heartbeat(name="beat:host:1", at=datetime.now(UTC) - age, details=details))


@pytest.mark.usefixtures("old_stack")
@pytest.mark.parametrize(("minutes", "ok"), [(0, True), (9, True), (11, False)])
def test_due_work_that_gets_no_turn_is_told(settings: Config, installed: Database, *, minutes: int, ok: bool) -> None:
    _add_beat(installed, waits=timedelta(minutes=minutes))

    check = by_name(run_checks(settings))["due"]

    assert check.ok is ok
    assert check.detail == (f"the oldest due work has waited for {minutes} min" if minutes else "nothing waits")
    assert ("restart beat" in check.remedy) is not ok


@pytest.mark.usefixtures("old_stack")
def test_due_work_is_looked_for_where_no_beat_says_anything(settings: Config, installed: Database) -> None:
    _add_beat(installed, waits=timedelta(), age=timedelta(minutes=5))
    _add_due_work(installed, age=timedelta(hours=3))

    check = by_name(run_checks(settings))["due"]

    assert (check.ok, check.detail) == (False, "the oldest due work has waited for 3 h")


def test_a_stack_that_has_just_started_is_given_time_for_what_is_due(settings: Config, installed: Database) -> None:
    lock = StackLock(settings.home)
    lock.acquire(now=datetime.now(UTC))
    _add_beat(installed, waits=timedelta(hours=3))

    check = by_name(run_checks(settings))["due"]
    lock.release()

    assert (check.ok, check.remedy) == (True, "")


@pytest.mark.parametrize("beat_told_lately", [True, False])
def test_due_work_of_a_stopped_stack_is_no_fault_and_is_noted(
    settings: Config, installed: Database, *, beat_told_lately: bool
) -> None:
    if beat_told_lately:
        _add_beat(installed, waits=timedelta())
    _add_due_work(installed, age=timedelta(hours=3))

    check = by_name(run_checks(settings))["due"]

    assert (check.ok, check.detail) == (True, "the oldest due work has waited for 3 h")
    assert "igny8 up" in check.remedy


def test_probe_that_breaks_is_a_finding_and_hides_no_other(settings: Config) -> None:
    def break_down(_config: Config) -> Check:
        raise ZeroDivisionError("no")

    def refuse(_config: Config) -> Check:
        raise NotReadyError("Run something first.")

    checks = run_checks(settings, [("a", break_down), ("b", refuse), ("c", doctor.check_disk)])

    assert [(check.ok, check.detail) for check in checks[:2]] == [
        (False, "ZeroDivisionError: no"),
        (False, "Run something first."),
    ]
    assert checks[2].ok


def test_versions_name_what_matters(settings: Config) -> None:
    check = doctor.check_versions(settings)

    assert check.ok
    assert f"Python {sys.version.split()[0]}" in check.detail
    assert "celery 5.6." in check.detail


def test_a_ledger_that_does_not_add_up_is_told(settings: Config, installed: Database) -> None:
    with installed.transaction() as session:
        session.add(Account(name="cooked", balance=1))

    books = by_name(run_checks(settings))["books"]

    assert not books.ok
    assert "balance" in books.detail


def test_secrets_of_another_key_are_told_by_whose_they_are(settings: Config, installed: Database) -> None:
    with installed.transaction() as session:
        site = make_site(session)
        site.name, site.credentials = "Desks", encrypted("password", home=settings.home)
        change = ProviderChange(api_key="sk-planted-0123456789")
        set_provider(session, ProviderName.OPENAI, change, home=settings.home, now=installed.now())
    assert by_name(run_checks(settings))["secrets"].detail == "2 kept, each can be decrypted"
    (settings.home / FILE_NAME).write_text(f"{ENCRYPTION_KEY}={make_key()}\n")

    found = by_name(run_checks(settings))["secrets"]

    assert not found.ok
    assert "provider openai" in found.detail
    assert "site Desks" in found.detail
    with installed.reading() as session, pytest.raises(NotReadyError, match="The key of openai cannot be read"):
        access_of(session, ProviderName.OPENAI, home=settings.home)
