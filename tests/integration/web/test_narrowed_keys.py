"""Keys that are narrowed down, or expire: they hand out no more than themselves, whatever their role is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from pipeline.core.alerts import NotificationKind
from pipeline.core.roles import Role, Scope
from pipeline.models import CalendarFeed, Webhook
from pipeline.services import deliveries, notifications
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


def test_what_an_expiring_key_makes_ends_with_it(api: Api) -> None:
    feed_path = f"/api/v1/sites/{api.mine.site_id}/calendar/feed"
    headers = api.key(Role.OWNER, expires_days=1)
    feed = api.client.post(feed_path, headers=headers).json()["path"]
    added = api.client.post("/api/v1/webhooks", json={"url": "https://hooks.example/"}, headers=headers).json()
    ends = [added["ends_at"], api.client.get(feed_path).json()["ends_at"]]
    before = api.client.get(feed).status_code

    later = api.database.now() + timedelta(days=1, minutes=1)
    with api.database.transaction() as session:
        for model in (CalendarFeed, Webhook):
            ended = update(model).where(model.ends_at.is_not(None))
            session.execute(ended.values(ends_at=api.database.now() - timedelta(minutes=1)))
        told = notifications.tell(
            session, NotificationKind.RUN_FAILED, account_id=api.mine.account_id, state_id=9, about=("account", 1),
            message="Look.", now=api.database.now(),
        )  # fmt: skip
        told_to = [way.webhook_id for way in deliveries.of_notifications(session, [told or 0])]

    assert all(datetime.fromisoformat(at) < later for at in ends)
    assert (before, api.client.get(feed).status_code) == (200, 404)
    assert told_to == [api.mine.webhook_id]


def test_what_a_key_that_stays_makes_stays(sqlite_api: Api) -> None:
    added = sqlite_api.client.post("/api/v1/webhooks", json={"url": "https://hooks.example/"}).json()

    assert added["ends_at"] is None
