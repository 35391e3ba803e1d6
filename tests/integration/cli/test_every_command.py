"""Every command, found by walking the tree of commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from pipeline.cli.app import app

ISSUED = {
    "init", "up", "demo", "doctor", "db upgrade", "worker", "beat", "flower", "site add", "site list", "site show",
    "keywords import", "keywords add", "keywords list", "settings show", "settings set", "run", "runs", "run-show",
    "pause", "resume", "cancel", "retry", "schedule show", "schedule pause",
    "settings preset", "settings reset", "account add", "api-keys create", "api-keys list", "api-keys revoke", "web",
    "schedule resume", "decisions", "content list", "content show", "content approve",
    "content reject", "content edit", "content withdraw", "content delete", "publish", "credits show",
    "credits grant",
    "site test", "site sync", "notifications list", "notifications read", "webhooks add",
    "webhooks list", "webhooks remove", "webhooks test", "webhooks deliveries", "webhooks redeliver",
    "models list", "models set", "models retire",
    "models catalogue", "models add-from-catalogue", "providers list", "providers set", "providers test", "keys rotate",
    "account-settings show", "account-settings set", "system-settings show", "system-settings set",
    "credits refund", "report", "prompts list", "prompts show", "prompts set", "prompts reset",
    "calendar show", "calendar move", "calendar pin", "calendar unpin", "calendar swap",
    "users add", "users list", "users disable", "users enable", "users password", "users sites", "users role",
    "users totp-reset",
    "api-keys rotate", "calendar feed", "account export", "account erase",
    "calendar unschedule", "calendar schedule", "calendar undo", "site set",
    "site delete", "site restore", "backup", "restore",
    "content versions", "content restore", "keywords delete", "credits entries",
    "preferences show", "preferences set",
    "author-profiles list", "author-profiles show", "author-profiles add", "author-profiles edit",
    "keyword-library list", "keyword-library show", "keyword-library take", "keyword-library import",
    "keyword-library remove", "plans list", "plans set", "plans give", "credit-packages list", "credit-packages set",
    "credit-packages book",
    "author-profiles delete", "author-profiles restore", "author-profiles choose",
}  # fmt: skip


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from _commands(child, (*path, name))
    else:
        yield " ".join(path), command


COMMANDS = dict(_commands(get_command(app)))


def test_every_command_of_the_issue_is_there() -> None:
    assert set(COMMANDS) == ISSUED


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_json(name: str) -> None:
    assert "--json" in {option for parameter in COMMANDS[name].params for option in parameter.opts}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_parameter_is_explained(name: str) -> None:
    command = COMMANDS[name]

    assert command.help
    assert all(parameter.help for parameter in command.params if "--help" not in parameter.opts)
