"""Secrets are planted in a stack that runs, its provider and its site fail, and then every place is looked at.

A place is what somebody may be shown or handed: files of the home with database and logs, what the broker holds, pages
of Flower, answers of the API, what commands print, an account's export, the lists of processes.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import psutil
import pytest
import redis

from pipeline.local.flower import USER
from pipeline.secrets import FLOWER_PASSWORD, METRICS_TOKEN, read_secrets
from tests.support.processes import environ_of_home, wait_until
from tests.support.receivers import Hooks, Mailbox, hooks, mailbox

PROVIDER_KEY = "sk-planted-key-of-the-provider"
SITE_PASSWORD = "planted-password-of-the-site"  # noqa: S105 - to be looked for
SMTP_PASSWORD = "planted-password-of-the-mailer"  # noqa: S105 - the same
_PATIENCE_SECONDS = 120
_LIVE = {"queued", "running", "cancelling"}


@dataclass
class Stack:
    """`igny8 up` with everything it may start, and all that it and its commands printed."""

    home: Path
    environ: dict[str, str]
    told: dict[str, Any]
    hook: Hooks
    provider: Hooks
    box: Mailbox
    printed: list[str] = field(default_factory=list)

    def igny8(self, *arguments: str, given: str | None = None) -> str:
        """A command of the same home; what it printed is kept."""
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *arguments],
            env=self.environ, input=given, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False,
        )  # fmt: skip
        self.printed += [done.stdout, done.stderr]
        return done.stdout

    def client(self, **headers: str) -> httpx2.Client:
        """The API, asked with these headers."""
        return httpx2.Client(base_url=self.told["web"]["url"], headers=headers, timeout=_PATIENCE_SECONDS)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    home = tmp_path / "home"
    with hooks() as hook, hooks() as provider, mailbox() as box:
        url = box.url.replace("smtp://", f"smtp://mailer:{SMTP_PASSWORD}@")
        more = {"IGNY8_SMTP_URL": url, "IGNY8_ALLOW_PRIVATE_SITES": "1", "IGNY8_LOG_LEVEL": "DEBUG"}
        environ = environ_of_home(home) | more
        command = [sys.executable, "-m", "pipeline.cli", "up", "--json"]
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as up:
            found = Stack(home, environ, _document(up), hook, provider, box)
            try:
                yield found
            finally:
                up.terminate()
                # What it prints at its end is looked at by whoever takes the last look.
                up.communicate(timeout=_PATIENCE_SECONDS)


def _document(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or lines[-1].rstrip() != "}":
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
    found: dict[str, Any] = json.loads("".join(lines))
    return found


def _plant(stack: Stack) -> tuple[httpx2.Client, int, list[str]]:
    """Who asks, the site, and every secret, each where it belongs."""
    first = stack.told["first_log_in"]
    with stack.client() as person:
        csrf = {"X-CSRF-Token": person.post("/api/v1/login", json=first).json()["csrf_token"]}
        made = person.post("/api/v1/api-keys", json={"role": "platform_admin"}, headers=csrf).json()
    client = stack.client(Authorization=f"Bearer {made['key']}")
    address = stack.provider.url.partition("?")[0]
    client.put("/api/v1/providers", json={"name": "openai", "api_key": PROVIDER_KEY, "base_url": address})
    for name, kind in (("planted-writer", "text"), ("planted-painter", "image")):
        model = {"name": name, "provider": "openai", "type": kind, "is_testing": True, "is_free": True}
        assert client.put("/api/v1/models", json=model).status_code == 200
    hook = client.post("/api/v1/webhooks", json={"url": stack.hook.url}).json()
    site_id = client.post("/api/v1/sites", json={"name": "Desks", "timezone": "UTC"}).json()["id"]
    known = {"username": "ann", "credentials": SITE_PASSWORD}
    assert client.patch(f"/api/v1/sites/{site_id}", json=known).status_code == 200
    token = client.post(f"/api/v1/sites/{site_id}/calendar/feed").json()["path"].removeprefix("/feeds/")
    secrets = [PROVIDER_KEY, SITE_PASSWORD, SMTP_PASSWORD, made["key"], hook["secret"], first["password"]]
    return client, site_id, [*secrets, token.removesuffix(".ics")]


def _fail(stack: Stack, client: httpx2.Client, site_id: int) -> list[str]:
    """A provider that refuses and repeats the key, a site that takes nothing, a webhook and a mailer that fail."""
    echo = json.dumps({"error": {"message": f"Incorrect API key provided: {PROVIDER_KEY}.", "code": "invalid_api_key"}})
    stack.provider.answers += [(401, {"Content-Type": "application/json"}, echo.encode())] * 40
    stack.hook.answers += [(500, {}, b"It is broken.")] * 40
    (stack.home / "sites").mkdir(exist_ok=True)
    (stack.home / "sites" / f"{site_id}-desks").write_text("no folder", encoding="utf-8")
    document = client.get(f"/api/v1/sites/{site_id}/unified-settings/").json()
    document["delays"] = {"within_stage": 0, "between_stage": 0}
    document["stages"][3]["use_testing"] = True
    client.put(f"/api/v1/sites/{site_id}/unified-settings/", json=document)
    client.post(f"/api/v1/sites/{site_id}/keywords", json={"keywords": ["standing desk", "desk lamp"]})

    statuses = [_run(client, site_id)]
    document["stages"][3]["use_testing"] = False
    client.put(f"/api/v1/sites/{site_id}/unified-settings/", json=document)
    statuses.append(_run(client, site_id))
    article = client.get(f"/api/v1/sites/{site_id}/content").json()["items"][0]["id"]
    stack.igny8("publish", str(article), "--now")
    stack.igny8("site", "test", "Desks")
    return statuses


def _run(client: httpx2.Client, site_id: int) -> str:
    run_id = client.post(f"/api/v1/sites/{site_id}/runs").json()["run_id"]

    def over() -> str | None:
        status = client.get(f"/api/v1/runs/{run_id}").json()["status"]
        return None if status in _LIVE else str(status)

    return wait_until(over, seconds=_PATIENCE_SECONDS) or ""


def _misuse(stack: Stack, secrets: list[str]) -> Iterator[str]:
    """What is answered and printed where a secret is sent wrongly."""
    with stack.client() as stranger:
        for secret in secrets:
            yield stranger.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}?"}).text
            yield stranger.post("/api/v1/login", json={"email": "a@b.example", "password": [secret]}).text
            yield stranger.get(f"/feeds/{secret}?.ics").text
    stack.igny8("providers", "set", "openai", "--api-key-stdin", given=f"{PROVIDER_KEY}\nand more")


def _pages(stack: Stack) -> Iterator[str]:
    """What Flower shows to whoever has its password."""
    password = read_secrets(stack.home)[FLOWER_PASSWORD]
    with httpx2.Client(base_url=stack.told["flower"]["url"], auth=(USER, password), timeout=60) as flower:
        names = flower.get("/api/workers", params={"refresh": 1}).json()
        paths = ["/", "/tasks", "/broker", "/metrics", "/api/tasks", "/api/queues/length", "/tasks/datatable"]
        paths += [f"/worker/{name}" for name in names]
        tasks = flower.get("/api/tasks", params={"limit": 200}).json()
        assert tasks
        paths += [f"/task/{task}" for task in list(tasks)[:50]]
        for path in paths:
            yield flower.get(path).text


def _held(stack: Stack) -> Iterator[str]:
    """Everything that the broker holds, with what it knows of who is connected."""
    address = (stack.home / "broker" / "socket").read_text("utf-8").strip()
    with redis.Redis(unix_socket_path=address) as broker:
        for key in broker.scan_iter():
            yield f"{key!r} {broker.dump(key)!r}"
        yield repr(broker.client_list())
        yield repr(broker.config_get("*"))


def _answers(stack: Stack, client: httpx2.Client) -> Iterator[str]:
    """Everything that can be read over HTTP, of the first of each noun."""
    first = {"stage": "tasks_to_content", "by": "model", "position": "0", "version": "1"}
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    for path, operations in paths.items():
        if "get" in operations and not path.startswith("/feeds"):
            filled = path.replace("{", "{0[").replace("}", "]}").format(_Ones(first))
            yield client.get(filled).text
    yield client.get("/metrics", headers={"Authorization": f"Bearer {read_secrets(stack.home)[METRICS_TOKEN]}"}).text


class _Ones(dict[str, str]):
    """The id of whatever is not named is 1."""

    def __missing__(self, _: str) -> str:
        return "1"


def _commands(stack: Stack) -> None:
    for words in ("doctor", "providers list", "webhooks list", "site show Desks", "notifications list", "run-show 1"):
        stack.igny8(*words.split(), "--json")
    stack.igny8("account", "export", "default", str(stack.home.parent / "export.jsonl"))


def _files(folder: Path) -> dict[str, str]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes().decode("latin-1") for path in found}


def _written(secret: str) -> set[str]:
    """The secret as it may stand somewhere: plain, for an address, for a header, in hexadecimal digits."""
    pairs = [secret, *(f"{user}:{secret}" for user in ("ann", "mailer", "openai"))]
    encoded = {base64.b64encode(text.encode()).decode().rstrip("=") for text in pairs}
    return {secret, quote(secret, safe=""), secret.encode().hex(), *encoded}


@pytest.mark.extended
def test_a_planted_secret_is_found_nowhere_around_a_stack_whose_provider_and_site_fail(stack: Stack) -> None:
    client, site_id, secrets = _plant(stack)
    with closing(client):
        statuses = _fail(stack, client, site_id)
        wait_until(lambda: len(stack.hook.posted) >= 1, seconds=_PATIENCE_SECONDS)
        errors = list(_misuse(stack, secrets))
        _commands(stack)
        places = {
            "errors": "\n".join(errors),
            "answers": "\n".join(_answers(stack, client)),
            "broker": "\n".join(_held(stack)),
            "flower": "\n".join(_pages(stack)),
            "processes": "\n".join(
                " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])
            ),
        }
    places |= {"commands": "\n".join(stack.printed), **_files(stack.home), **_files(stack.home.parent)}

    # It failed, and everything that is looked at is there.
    assert statuses[0] != "completed"
    assert client.is_closed
    assert {"export.jsonl", "igny8.db", "secrets.env", "logs/worker.log", "logs/web.log", "logs/flower.log"} <= set(
        places
    )
    assert "planted-writer" in places["answers"]
    assert "run.failed" in places["answers"] or "run_failed" in places["answers"]
    assert "stages." in places["flower"]
    assert "1-desks" in places["commands"]
    assert len(set(secrets)) == 7
    found = [(place, secret) for place, text in places.items() for secret in secrets if _is_in(secret, text)]
    assert found == []


def _is_in(secret: str, text: str) -> bool:
    return any(way in text for way in _written(secret))
