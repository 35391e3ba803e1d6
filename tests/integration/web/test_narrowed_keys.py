"""Keys that are narrowed down, or expire: they hand out no more than themselves, whatever their role is."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.core.roles import Role, Scope
from tests.support.api import Api, make_key

KEYS, USERS = "/api/v1/api-keys", "/api/v1/users"
#: What a key may be held down by; each is enough.
NARROWED = pytest.mark.parametrize("narrowed", [{"scopes": (Scope.ACCESS,)}, {"expires_days": 2}])


@NARROWED
def test_a_key_that_is_held_down_makes_none_beyond_itself(sqlite_api: Api, narrowed: dict[str, Any]) -> None:
    headers = sqlite_api.key(Role.OWNER, **narrowed)
    beyond = [
        {},
        {"scopes": ["access", "credits"], "expires_days": 3},
        {"scopes": ["credits"], "expires_days": 3},
        {"scopes": ["access"]} if "expires_days" in narrowed else {"expires_days": 1},
    ]

    answers = [
        sqlite_api.client.post(KEYS, json={"role": "viewer", **new}, headers=headers).status_code for new in beyond
    ]
    within = sqlite_api.client.post(
        KEYS, json={"role": "owner", "scopes": ["access"], "expires_days": 1}, headers=headers
    )

    assert (answers, within.status_code) == ([403] * 4, 201)


@NARROWED
def test_a_key_that_is_held_down_is_given_no_copy_of_one_that_is_not(api: Api, narrowed: dict[str, Any]) -> None:
    headers = api.key(Role.OWNER, **narrowed)

    refused = api.client.post(f"{KEYS}/{api.mine.key_id}/rotate", headers=headers)

    listed = {key["id"]: key["revoked_at"] for key in api.client.get(KEYS).json()["items"]}
    assert (refused.status_code, listed[api.mine.key_id]) == (403, None)
    assert "would reach further" in refused.json()["detail"]


def test_a_key_that_is_held_down_replaces_itself_and_keeps_what_holds_it_down(api: Api) -> None:
    made = make_key(api.database, api.mine.account_id, scopes=(Scope.ACCESS,), expires_days=1)
    before = next(key for key in api.client.get(KEYS).json()["items"] if key["id"] == made.row.id)

    rotated = api.client.post(f"{KEYS}/{made.row.id}/rotate", headers={"Authorization": f"Bearer {made.key}"})

    kept = ("role", "scopes", "site_ids", "expires_at", "user_id")
    assert rotated.status_code == 201
    assert [rotated.json()[name] for name in kept] == [before[name] for name in kept]
    assert before["expires_at"] is not None


@NARROWED
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"role": "owner", "email": "eve@example.com"}),
        ("POST", "/{user}/password", None),
        ("PUT", "/{user}/role", {"role": "owner"}),
        ("PUT", "/{user}/sites", {"site_ids": None}),
        ("POST", "/{user}/enable", None),
    ],
)
def test_a_key_that_is_held_down_lets_nobody_do_more(
    sqlite_api: Api, narrowed: dict[str, Any], method: str, path: str, body: dict[str, Any] | None
) -> None:
    headers, url = sqlite_api.key(Role.OWNER, **narrowed), USERS + path.format(user=sqlite_api.mine.user_id)

    refused = sqlite_api.client.request(method, url, json=body, headers=headers)
    whole = sqlite_api.client.request(method, url, json=body)

    assert (refused.status_code, whole.status_code) == (403, 201 if path == "" else 200)
    assert "Log in, or use a key that is neither" in refused.json()["detail"]
