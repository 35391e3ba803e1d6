"""People, their passwords, and secret addresses of calendars: what an operator does for them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from pipeline.cli import account_end
from pipeline.cli.app import app
from pipeline.config import config
from pipeline.core.errors import NotReadyError
from pipeline.db.session import Database
from pipeline.models import ApiKey, AuditEvent, User
from pipeline.secrets import encrypted
from pipeline.services import account_export, accounts, feeds, log_ins, passwords, sites, users, webhooks
from pipeline.services.users import Known
from tests.integration.cli.conftest import Igny8

PASSWORD = "correct horse battery"  # noqa: S105 - a test's


def _known(database: Database, email: str) -> Known:
    with database.reading() as session:
        found = users.known(session, email)
    assert found is not None
    return found


def _lets_in(database: Database, email: str, password: str) -> bool:
    return passwords.is_right(_known(database, email).password_hash, password)


def test_a_person_is_added_with_a_password_that_is_shown_once(ready: Database, igny8: Igny8) -> None:
    made = igny8("users", "add", " Ann@Example.com ", "--role", "viewer", "--name", "Ann", "--json").json

    assert (made["email"], made["role"], made["site_ids"]) == ("ann@example.com", "viewer", None)
    assert _lets_in(ready, "ann@example.com", made["password"])
    listed = igny8("users", "list", "--json")
    assert [each["email"] for each in listed.json] == ["owner@localhost", "ann@example.com"]
    assert made["password"] not in listed.out
    assert "ann@example.com" in igny8("users", "list").out


def test_a_password_may_come_from_stdin_and_is_shown_nowhere(ready: Database) -> None:
    arguments = ["users", "add", "bob@example.com", "--password-stdin"]

    outcome = CliRunner().invoke(app, arguments, input=f"{PASSWORD}\n")

    assert outcome.exit_code == 0
    assert PASSWORD not in outcome.output
    assert _lets_in(ready, "bob@example.com", PASSWORD)


def test_another_password_ends_every_log_in(ready: Database, igny8: Igny8) -> None:
    made = igny8("users", "add", "ann@example.com", "--json").json
    with ready.transaction() as session:
        opened = log_ins.begin(session, session.get_one(User, made["id"]), now=ready.now())

    other = igny8("users", "password", "ann@example.com", "--json").json

    assert _lets_in(ready, "ann@example.com", other["password"])
    assert not _lets_in(ready, "ann@example.com", made["password"])
    with ready.reading() as session, pytest.raises(Exception, match="log in"):
        log_ins.caller_of(session, opened.token, now=ready.now())


def test_a_person_is_disabled_and_enabled_but_never_the_only_owner(ready: Database, igny8: Igny8) -> None:
    igny8("users", "add", "ann@example.com")

    disabled = igny8("users", "disable", "ann@example.com", "--json").json
    enabled = igny8("users", "enable", str(disabled["id"]), "--json").json
    refused = igny8("users", "disable", "owner@localhost")

    assert (disabled["disabled_at"] is None, enabled["disabled_at"]) == (False, None)
    assert (refused.code, "the only owner" in refused.err) == (1, True)


def test_a_person_is_narrowed_down_to_sites_and_widened_again(ready: Database, igny8: Igny8) -> None:
    made = igny8("users", "add", "ann@example.com", "--site", "Desks", "--json").json

    widened = igny8("users", "sites", "ann@example.com", "--json").json
    narrowed = igny8("users", "sites", "ann@example.com", "--site", "Desks", "--json").json

    assert (made["site_ids"], widened["site_ids"], narrowed["site_ids"]) == ([1], None, [1])


def test_a_person_is_given_another_role(ready: Database, igny8: Igny8) -> None:
    igny8("users", "add", "ann@example.com", "--role", "viewer")

    changed = igny8("users", "role", "ann@example.com", "owner", "--json").json
    refused = igny8("users", "role", "ann@example.com", "king")

    assert (changed["role"], refused.code) == ("owner", 2)
    assert "viewer" in igny8("users", "role", "ann@example.com", "viewer").out


def test_people_of_another_account_are_not_there(ready: Database, igny8: Igny8) -> None:
    igny8("account", "add", "Another one")
    igny8("users", "add", "eve@example.com", "--account", "Another one")

    outcome = igny8("users", "password", "eve@example.com")

    assert (outcome.code, "There is no user" in outcome.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("users", "add", "nobody"), "no e-mail address"),
        (("users", "add", "owner@localhost"), "somebody has this address already"),
        (("users", "add", "ann@example.com", "--role", "king"), "king"),
        (("calendar", "feed", "Desks", "--new", "--revoke"), "one of them"),
    ],
)
def test_what_was_typed_wrong_is_usage(ready: Database, igny8: Igny8, arguments: tuple[str, ...], says: str) -> None:
    outcome = igny8(*arguments)

    assert (outcome.code, says in outcome.err) == (2, True)


def test_a_short_password_is_refused(ready: Database) -> None:
    arguments = ["users", "add", "bob@example.com", "--password-stdin"]

    outcome = CliRunner().invoke(app, arguments, input="short\n")

    assert (outcome.exit_code, "12 to 200 characters" in outcome.stderr) == (2, True)


def test_the_first_log_in_is_made_and_shown_once(igny8: Igny8) -> None:
    first = igny8("init", "--json").json
    second = igny8("init", "--json").json
    third = igny8("init")

    assert first["first_log_in"]["email"] == "owner@localhost"
    assert len(first["first_log_in"]["password"]) == 20
    assert second["first_log_in"] is None
    assert "First log-in" not in third.out + third.err


def test_the_first_log_in_lets_in_and_runs_the_installation(igny8: Igny8) -> None:
    said = igny8("init")
    password = said.out.split("password ")[1].split()[0]

    from pipeline.db.session import database

    assert password not in said.err
    assert _lets_in(database(), "owner@localhost", password)
    assert igny8("users", "list", "--json").json[0]["role"] == "platform_admin"


def _last_action(database: Database) -> Any:
    with database.reading() as session:
        return session.scalars(select(AuditEvent.action).order_by(AuditEvent.id.desc()).limit(1)).one()


def test_a_key_is_replaced_and_the_old_one_refused(ready: Database, igny8: Igny8) -> None:
    old = igny8("api-keys", "create", "--role", "viewer", "--name", "p", "--scope", "runs", "--site", "Desks", "--json")

    new = igny8("api-keys", "rotate", str(old.json["id"]), "--json").json

    assert {name: new[name] for name in ("role", "name", "scopes", "site_ids")} == {
        "role": "viewer",
        "name": "p",
        "scopes": ["runs"],
        "site_ids": [1],
    }
    with ready.reading() as session:
        assert session.get_one(ApiKey, old.json["id"]).revoked_at is not None
    assert _last_action(ready) == "api_key.rotated"
    assert igny8("api-keys", "rotate", str(old.json["id"])).code == 1


def test_a_calendars_address_is_shown_once_and_revoked(ready: Database, igny8: Igny8) -> None:
    before = igny8("calendar", "feed", "Desks").out
    url = igny8("calendar", "feed", "Desks", "--new").out.strip()
    token = url.rpartition("/")[2].removesuffix(".ics")
    with ready.reading() as session:
        found = feeds.site_of(session, token, now=ready.now()).name

    asked = igny8("calendar", "feed", "Desks", "--json")
    igny8("calendar", "feed", "Desks", "--revoke")

    assert "has no feed" in before
    assert (found, asked.json["url"], token in asked.out) == ("Desks", None, False)
    assert igny8("calendar", "feed", "Desks", "--json").json["created_at"] is None


def test_an_account_is_exported_into_a_file_of_its_own(ready: Database, igny8: Igny8, tmp_path: Any) -> None:
    file = tmp_path / "out.jsonl"

    told = igny8("account", "export", "default", str(file), "--json").json
    again = igny8("account", "export", "default", str(file))
    nobodys = igny8("account", "export", "nobody", str(tmp_path / "other.jsonl"))

    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert {"table": "sites", "name": "Desks"} in [
        {"table": line["table"], "name": line["row"].get("name")} for line in lines
    ]
    assert sum(told["rows"].values()) == len(lines)
    assert file.stat().st_mode & 0o077 == 0
    assert (again.code, nobodys.code, (tmp_path / "other.jsonl").exists()) == (2, 1, False)


def test_an_account_with_credentials_and_a_webhook_is_exported_without_them(
    database: Database, igny8: Igny8, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, now, home = tmp_path / "out.jsonl", database.now(), config().home
    with database.transaction() as session:
        accounts.init_installation(session, now=now)
        own = accounts.find_account(session, "default").id
        site = sites.add_site(session, account_id=own, name="Desks", timezone="UTC", now=now)
        site.credentials = encrypted("open sesame", home=home)
        webhooks.add(session, account_id=own, url="https://example.com/hook", kinds=[], home=home, now=now)
    monkeypatch.setattr(account_end, "ready_database", lambda: database)

    outcome = igny8("account", "export", "default", str(file))

    rows = {line["table"]: line["row"] for line in map(json.loads, file.read_text("utf-8").splitlines())}
    assert (outcome.code, outcome.err) == (0, "")
    assert rows["webhooks"]["url"] == "https://example.com/hook"
    assert "secret" not in rows["webhooks"]
    assert "credentials" not in rows["sites"]


def test_nothing_stays_of_an_export_that_broke(
    ready: Database, igny8: Igny8, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def _breaks(*_: Any, **__: Any) -> Any:
        yield {"id": 1}
        seen.append((tmp_path / "out.jsonl").exists())
        raise NotReadyError("The database went away.")

    monkeypatch.setattr(account_export, "rows_of", _breaks)

    outcome = igny8("account", "export", "default", str(tmp_path / "out.jsonl"))

    assert (outcome.code, seen, list(tmp_path.glob("*out.jsonl*"))) == (1, [False], [])


def test_an_account_is_erased_only_by_who_says_yes(ready: Database, igny8: Igny8) -> None:
    igny8("account", "add", "Another one")

    refused = igny8("account", "erase", "Another one")
    done = igny8("account", "erase", "Another one", "--yes", "--json").json

    assert (refused.code, "cannot be undone" in refused.err) == (2, True)
    assert done["name"] == f"erased-{done['id']}"
