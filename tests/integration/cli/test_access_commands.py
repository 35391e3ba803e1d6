"""Accounts, API keys, presets: what an operator does for the API, and the same rules on the command line."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from pipeline.core.errors import UnknownCallerError
from pipeline.core.roles import Role
from pipeline.db.session import Database
from pipeline.models import AuditEvent
from pipeline.services import api_keys
from tests.integration.cli.conftest import Igny8


def _caller(database: Database, key: str) -> api_keys.Caller:
    with database.reading() as session:
        return api_keys.caller_of(session, key, now=database.now())


def test_a_key_is_shown_once_and_lets_in(ready: Database, igny8: Igny8) -> None:
    made = igny8("api-keys", "create", "--role", "editor", "--name", "planner", "--scope", "runs", "--json").json

    listed = igny8("api-keys", "list", "--json")
    caller = _caller(ready, made["key"])
    assert (caller.role, caller.scopes, made["name"]) == (Role.EDITOR, ("runs",), "planner")
    assert made["key"].startswith(made["prefix"])
    assert [key["id"] for key in listed.json] == [made["id"]]
    assert made["key"] not in listed.out
    assert made["prefix"] in igny8("api-keys", "list").out
    with ready.reading() as session:
        actions = session.execute(select(AuditEvent.action, AuditEvent.details)).all()
    assert actions[-1] == ("api_key.created", {"prefix": made["prefix"], "role": "editor"})


def test_for_people_the_key_stands_alone_on_stdout(ready: Database, igny8: Igny8) -> None:
    outcome = igny8("api-keys", "create", "--role", "viewer")

    assert _caller(ready, outcome.out.strip()).role is Role.VIEWER
    assert "it is shown only now" in outcome.err


def test_a_key_expires_after_its_days(ready: Database, igny8: Igny8) -> None:
    made = igny8("api-keys", "create", "--role", "owner", "--expires-days", "30", "--json").json

    assert made["created_at"][:10] < made["expires_at"][:10]


def test_a_revoked_key_is_refused(ready: Database, igny8: Igny8) -> None:
    made = igny8("api-keys", "create", "--role", "owner", "--json").json

    first = igny8("api-keys", "revoke", str(made["id"]), "--json").json
    second = igny8("api-keys", "revoke", str(made["id"]), "--json").json

    assert first["revoked_at"] == second["revoked_at"] is not None
    with pytest.raises(UnknownCallerError):
        _caller(ready, made["key"])


def test_a_key_belongs_to_its_account(ready: Database, igny8: Igny8) -> None:
    account = igny8("account", "add", "Another one", "--json").json
    made = igny8("api-keys", "create", "--account", "Another one", "--role", "owner", "--json").json

    refused = igny8("api-keys", "revoke", str(made["id"]))

    assert _caller(ready, made["key"]).account_id == account["id"]
    assert igny8("api-keys", "list", "--json").json == []
    assert (refused.code, refused.err.startswith("Error: There is no API key")) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("api-keys", "create"), "--role"),
        (("api-keys", "create", "--role", "king"), "king"),
        (("api-keys", "create", "--role", "owner", "--expires-days", "0"), "--expires-days"),
        (("api-keys", "create", "--role", "owner", "--name", "x" * 101), "at most 100 characters"),
        (("api-keys", "create", "--role", "owner", "--scope", "all"), "all"),
        (("account", "add", ""), "1 to 100 characters"),
        (("account", "add", "default"), "Choose another name."),
        (("settings", "preset", "Desks", "bold"), "bold"),
    ],
)
def test_what_was_typed_wrong_is_usage(ready: Database, igny8: Igny8, arguments: tuple[str, ...], says: str) -> None:
    outcome = igny8(*arguments)

    assert outcome.code == 2
    assert says in outcome.err


def _limits(document: Any) -> list[int]:
    return [row["per_run_limit"] for row in document["stages"]]


def test_a_preset_sets_limits_and_is_shown_by_its_name(ready: Database, igny8: Igny8) -> None:
    before = igny8("settings", "show", "Desks").out

    outcome = igny8("settings", "preset", "Desks", "balanced")

    assert "Per-run limits: Custom" in before
    assert outcome.out.splitlines()[0] == "stages.4.per_run_limit = 10"
    assert "Per-run limits: Balanced" in igny8("settings", "show", "Desks").out
    assert _limits(igny8("settings", "preset", "Desks", "aggressive", "--json").json) == [0, 10, 0, 0, 0, 0, 0]


def test_reset_gives_every_setting_its_default(ready: Database, igny8: Igny8) -> None:
    before = igny8("settings", "show", "Desks", "--json").json
    igny8("settings", "set", "Desks", "content.tone=dry", "publishing.time_slots=07:00", "delays.within_stage=9")

    outcome = igny8("settings", "reset", "Desks")

    assert (outcome.code, outcome.out) == (0, "Every setting has its default now.\n")
    assert igny8("settings", "show", "Desks", "--json").json == before
