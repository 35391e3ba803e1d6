"""Who is let in: known keys that reach so far, and nobody anywhere else."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.routing import Mount, Route

from pipeline.core.roles import Role, Scope
from pipeline.models import ApiKey
from pipeline.services import api_keys
from pipeline.web.app import PUBLIC_PATHS
from pipeline.web.pages import STATIC
from tests.support.api import Api, make_key, the_app
from tests.support.console import page_paths

CREDITS = "/api/v1/credits"
#: What only owners see.
OF_OWNERS = tuple(f"/api/v1/{noun}" for noun in ("api-keys", "users", "audit", "reports", "webhooks", "deliveries"))
#: What is the platform's and no account's.
OF_THE_PLATFORM = ("/api/v1/models", "/api/v1/providers", "/api/v1/system-settings")


def _paths(routes: Any, prefix: str = "") -> set[str]:
    """Every address that the app answers at all, found where it looks them up."""
    found: set[str] = set()
    for route in routes:
        if isinstance(route, Route):
            found.add(prefix + route.path)
        elif isinstance(route, Mount):
            found.add(route.path)
        else:
            found |= _paths(route.original_router.routes, prefix + route.include_context.prefix)
    return found


def test_nothing_answers_without_a_key_but_what_is_listed_as_public(sqlite_api: Api) -> None:
    client = sqlite_api.client
    client.headers.pop("Authorization")
    described = {
        (method.upper(), path) for path, operations in sqlite_api.schema["paths"].items() for method in operations
    }
    there = _paths(the_app().routes)

    answers = {
        (method, path): client.request(method, re.sub(r"\{\w+\}", "1", path)).status_code for method, path in described
    }

    # What the app has is what it describes, the description itself, figures for machines, and pages for people.
    others = {"/api/v1/openapi.json", "/metrics", STATIC, *page_paths(), "/automation/runs/{run_id}/events"}
    assert there == {path for _, path in described} | others
    assert client.get("/metrics").status_code == 401
    assert {path for (_, path), status in answers.items() if status != 401} == PUBLIC_PATHS - {"/api/v1/openapi.json"}
    assert client.get("/api/v1/openapi.json").status_code == 200


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic {key}", "{key}", "Bearer igny8_wrong", "Bearer \xe9", "Bearer {key}x"],
)
def test_without_a_key_that_is_known_nothing_is_told(sqlite_api: Api, header: str | None) -> None:
    sqlite_api.client.headers.pop("Authorization")
    headers = {} if header is None else {"Authorization": header.format(key=sqlite_api.mine.key).encode("latin-1")}

    answer = sqlite_api.client.get(CREDITS, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert "igny8 api-keys create" in answer.json()["detail"]


def test_the_scheme_may_be_written_in_any_case(sqlite_api: Api) -> None:
    answer = sqlite_api.client.get(CREDITS, headers={"Authorization": f"bearer {sqlite_api.mine.key}"})

    assert answer.status_code == 200


def test_a_key_is_refused_from_the_instant_it_is_revoked(api: Api) -> None:
    headers = api.key()
    before = api.client.get(CREDITS, headers=headers).status_code

    with api.database.transaction() as session:
        newest = session.scalars(select(ApiKey).order_by(ApiKey.id.desc()).limit(1)).one()
        api_keys.revoke(session, account_id=api.mine.account_id, key_id=newest.id, now=api.database.now())

    assert (before, api.client.get(CREDITS, headers=headers).status_code) == (200, 401)


def test_a_key_is_refused_from_the_instant_it_expires(api: Api) -> None:
    headers = api.key(expires_days=1)
    before = api.client.get(CREDITS, headers=headers).status_code

    with api.database.transaction() as session:
        newest = session.scalars(select(ApiKey).order_by(ApiKey.id.desc()).limit(1)).one()
        newest.expires_at = api.database.now()

    assert (before, api.client.get(CREDITS, headers=headers).status_code) == (200, 401)


def test_the_key_itself_is_kept_nowhere(api: Api) -> None:
    made = make_key(api.database, api.mine.account_id)

    with api.database.reading() as session:
        row = session.get_one(ApiKey, made.row.id)

    kept = {str(getattr(row, column.name)) for column in row.__table__.columns}
    assert made.key.startswith(row.prefix)
    assert len(made.key) - len(row.prefix) >= 32
    assert not any(made.key[len(row.prefix) :] in text for text in kept)
    assert made.key not in repr(made)


def test_use_is_marked_once_a_minute(api: Api) -> None:
    headers = api.key(is_used=False)

    def marks() -> Any:
        api.client.get(CREDITS, headers=headers)
        with api.database.reading() as session:
            return session.scalars(select(ApiKey.last_used_at).order_by(ApiKey.id.desc()).limit(1)).one()

    first, second = marks(), marks()
    with api.database.transaction() as session:
        newest = session.scalars(select(ApiKey).order_by(ApiKey.id.desc()).limit(1)).one()
        newest.last_used_at = first - timedelta(minutes=1)
    third = marks()

    assert first is not None
    assert second == first
    assert third >= first


def _status(api: Api, method: str, path: str, headers: dict[str, str]) -> int:
    body = {"name": "Another", "timezone": "UTC"} if path == "/api/v1/sites" and method == "POST" else None
    filled = re.sub(r"\{\w+\}", "999999", path.replace("{by}", "model").replace("{stage}", "tasks_to_content"))
    return int(api.client.request(method, filled, json=body, headers=headers).status_code)


def test_who_only_looks_changes_nothing(sqlite_api: Api) -> None:
    headers = sqlite_api.key(Role.VIEWER)
    statuses = {
        (method, path): _status(sqlite_api, method.upper(), path, headers)
        for path, operations in sqlite_api.schema["paths"].items()
        for method, operation in operations.items()
        if "security" in operation
    }

    # Everybody's own, without a body here; not a key's.
    factor = "/api/v1/me/second-factor"
    own = [("post", f"{factor}{end}") for end in ("", "/confirm", "/recovery-codes", "/off")]
    own += [("post", "/api/v1/me/password"), ("put", "/api/v1/preferences")]
    assert {statuses.pop(operation) for operation in own} == {422}
    assert statuses.pop(("get", factor)) == 403
    closed = {(method, path) for method, path in statuses if path.startswith((*OF_OWNERS, *OF_THE_PLATFORM))}
    looks = {(method, path) for method, path in statuses if method == "get" or path.endswith("/preview")} - closed
    assert {status for operation, status in statuses.items() if operation not in looks} == {403}
    assert {status for operation, status in statuses.items() if operation in looks} <= {200, 404, 409, 422}


def test_what_an_owner_decides_takes_an_owner(sqlite_api: Api) -> None:
    operations = [
        (method.upper(), path)
        for path, of_path in sqlite_api.schema["paths"].items()
        for method in of_path
        if path.startswith(OF_OWNERS)
    ]

    editor, owner = sqlite_api.key(Role.EDITOR), sqlite_api.key(Role.OWNER)
    assert {_status(sqlite_api, *operation, editor) for operation in operations} == {403}
    assert {_status(sqlite_api, *operation, owner) for operation in operations} <= {200, 404, 422}


def test_an_editor_does_what_is_to_be_done(sqlite_api: Api) -> None:
    assert _status(sqlite_api, "POST", "/api/v1/sites", sqlite_api.key(Role.EDITOR)) == 201


def test_a_key_reaches_the_parts_of_its_scopes_alone(sqlite_api: Api) -> None:
    headers = sqlite_api.key(scopes=(Scope.CREDITS, Scope.SITES))
    operations = [
        (operation["tags"][0], method.upper(), path)
        for path, of_path in sqlite_api.schema["paths"].items()
        for method, operation in of_path.items()
        if "security" in operation
    ]
    reached = {scope for scope, method, path in operations if _status(sqlite_api, method, path, headers) != 403}

    assert {scope for scope, _, _ in operations} == {scope.value for scope in Scope}
    assert reached == {Scope.CREDITS, Scope.SITES}


def test_who_is_not_known_learns_nothing_of_what_is_wrong(sqlite_api: Api) -> None:
    client, site = sqlite_api.client, {"name": 7}

    known = client.post("/api/v1/sites", json=site)
    viewer = client.post("/api/v1/sites", json=site, headers=sqlite_api.key(Role.VIEWER))
    client.headers.pop("Authorization")
    unknown = client.post("/api/v1/sites", json=site)

    assert (known.status_code, viewer.status_code, unknown.status_code) == (422, 403, 401)
