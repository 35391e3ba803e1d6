"""Secrets are planted, used rightly and wrongly, and looked for: no dump, log, task, answer or error has one."""

from __future__ import annotations

import inspect
import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import select
from starlette.testclient import TestClient

from pipeline import logs
from pipeline.config import config
from pipeline.core.roles import Role
from pipeline.engine.app import app as celery
from pipeline.models import Base, Site
from pipeline.secrets import encrypted
from pipeline.services import log_ins, passwords, users, webhooks
from tests.support.api import Api, the_app

PASSWORD = "planted-password-of-bob"  # noqa: S105 - to be looked for
NEXT = "planted-password-that-follows"
WRONG = "planted-password-that-is-wrong"
CREDENTIAL = "planted-credential-of-the-site"


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the process writes, every line of every level, but for those of the test's own HTTP client."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    logs.configure_logs(log_format="json", log_level="DEBUG")
    # What is remembered now would still write here in later tests.
    structlog.configure(cache_logger_on_first_use=False)
    root.handlers[0].addFilter(lambda record: not record.name.startswith(("httpx", "httpcore")))
    yield written
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _plant(api: Api) -> list[str]:
    """Everything that is secret, each used once."""
    now = api.database.now()
    with api.database.transaction() as session:
        account_id = api.mine.account_id
        users.add(
            session,
            account_id=account_id,
            email="bob@example.com",
            role=Role.OWNER,
            password_hash=passwords.hashed(PASSWORD),
            now=now,
        )
        hook = webhooks.add(
            session, account_id=account_id, url="https://hooks.example/x", kinds=[], home=config().home, now=now
        )
        site = session.get_one(Site, api.mine.site_id)
        site.username, site.credentials = "bob", encrypted(CREDENTIAL, home=config().home)
    browser = TestClient(the_app(), raise_server_exceptions=False)
    csrf = browser.post("/api/v1/login", json={"email": "bob@example.com", "password": PASSWORD}).json()["csrf_token"]
    headers = {"X-CSRF-Token": csrf}
    key = browser.post("/api/v1/api-keys", json={"role": "owner"}, headers=headers).json()["key"]
    feed = browser.post(f"/api/v1/sites/{api.mine.site_id}/calendar/feed", headers=headers).json()["path"]
    added = browser.post("/api/v1/users", json={"email": "eve@example.com", "role": "viewer"}, headers=headers).json()
    change = {"old_password": PASSWORD, "new_password": NEXT}
    assert browser.post("/api/v1/me/password", json=change, headers=headers).status_code == 204
    assert browser.get(feed).status_code == 200
    token = feed.removeprefix("/feeds/").removesuffix(".ics")
    return [PASSWORD, NEXT, WRONG, CREDENTIAL, hook.secret, browser.cookies["igny8_log_in"], key, token,
            added["password"]]  # fmt: skip


def _wrong_uses(api: Api, secrets: list[str]) -> list[str]:
    """What is answered where a secret stands where it does not belong, or is no longer good."""
    client = api.client
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/api/v1/login", {"json": {"email": "bob@example.com", "password": WRONG}}),
        ("POST", "/api/v1/login", {"json": {"email": "bob@example.com", "password": PASSWORD}}),
        ("POST", "/api/v1/login", {"json": {"email": "bob@example.com", "password": [WRONG]}}),
        ("POST", "/api/v1/login", {"json": {"email": "bob@example.com", "password": WRONG, "more": WRONG}}),
        ("POST", "/api/v1/login", {"content": f'{{"password": "{WRONG}"'}),
        ("POST", "/api/v1/login", {"json": {"email": "bob@example.com", "password": WRONG * 20}}),
        *(("GET", "/api/v1/me", {"headers": {"Authorization": f"Bearer {secret}x"}}) for secret in secrets),
        *(("GET", f"/feeds/{secret}x.ics", {}) for secret in secrets),
        *(("GET", "/api/v1/me", {"headers": {"Authorization": "", "Cookie": f"igny8_log_in={s}x"}}) for s in secrets),
    ]
    answers = [client.request(method, path, **more) for method, path, more in asked]
    assert {answer.status_code for answer in answers} == {401, 404, 422}
    return [answer.text for answer in answers]


def _fail(credentials: dict[str, str]) -> None:
    """A request that breaks while it holds a secret; it is logged as the server does it."""
    try:
        TestClient(the_app()).post("/api/v1/login", json=credentials)
    except ZeroDivisionError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")


def _dump(api: Api) -> str:
    """Every cell of every table."""
    with api.database.reading() as session:
        rows = [row for table in Base.metadata.sorted_tables for row in session.execute(select(table)).all()]
    return "\n".join(
        cell.decode("latin-1") if isinstance(cell, bytes) else json.dumps(cell, default=str)
        for row in rows
        for cell in row
    )


def _files(api: Api) -> str:
    """The database's own files, where it has some."""
    if not api.database.is_sqlite:
        return ""
    file = Path(api.database.url.removeprefix("sqlite:///"))
    return "".join(path.read_bytes().decode("latin-1") for path in file.parent.glob(f"{file.name}*"))


def _answers(api: Api) -> str:
    """All that can be read over HTTP by who may read everything."""
    headers = api.key(Role.PLATFORM_ADMIN)
    paths = [path for path, operations in the_app().openapi()["paths"].items() if "get" in operations]
    return "\n".join(
        api.client.get(path.format(**api.mine.in_paths), headers=headers).text
        for path in paths
        if "{token}" not in path
    )


def test_a_planted_secret_is_found_nowhere(api: Api, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = _plant(api)
    told = _wrong_uses(api, secrets)
    with monkeypatch.context() as broken:
        broken.setattr(log_ins, "begin", lambda *_, **__: 1 / 0)
        _fail({"email": "bob@example.com", "password": NEXT})

    places = {
        "database": _dump(api),
        "files": _files(api),
        "answers": _answers(api),
        "errors": "\n".join(told),
        "log": logged.getvalue(),
    }

    assert "bob@example.com" in places["database"]
    assert "ZeroDivisionError" in places["log"]
    assert len(set(secrets)) == 9
    assert [(place, secret) for place, text in places.items() for secret in secrets if secret in text] == []


def test_what_is_sent_to_the_queue_and_shown_by_flower_are_ids_alone() -> None:
    celery.loader.import_default_modules()
    own = {name: task for name, task in celery.tasks.items() if task.__module__.startswith(("pipeline.", "stages."))}

    kinds = {
        f"{name}({parameter.name})": parameter.annotation
        for name, task in own.items()
        for parameter in inspect.signature(task.run, eval_str=True).parameters.values()
    }

    assert {name for name, kind in kinds.items() if kind is not int} == set()
    assert len(kinds) >= 20
