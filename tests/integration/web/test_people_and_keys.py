"""People, keys and feeds over HTTP: made by who may, shown once, refused from the instant they are to be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from pipeline.core.errors import TooManyRequestsError
from pipeline.core.roles import Role
from pipeline.models import ApiKey, User
from pipeline.services import api_keys, users
from pipeline.web.rates import Rates
from tests.support.api import Api, the_app

KEYS, USERS, CREDITS = "/api/v1/api-keys", "/api/v1/users", "/api/v1/credits"


def _status(api: Api, key: str, path: str = CREDITS) -> int:
    return int(api.client.get(path, headers={"Authorization": f"Bearer {key}"}).status_code)


def _browser() -> TestClient:
    return TestClient(the_app(), raise_server_exceptions=False)


def _log_in(email: str, password: str) -> TestClient:
    client = _browser()
    told = client.post("/api/v1/login", json={"email": email, "password": password})
    if told.status_code == 200:
        client.headers["X-CSRF-Token"] = told.json()["csrf_token"]
    return client


def test_a_key_is_shown_when_it_is_made_and_never_again(api: Api) -> None:
    new = {"role": "viewer", "name": "planner", "scopes": ["sites"], "site_ids": [api.mine.site_id]}

    made = api.client.post(KEYS, json=new)
    listed = api.client.get(KEYS)

    assert (made.status_code, _status(api, made.json()["key"], "/api/v1/sites")) == (201, 200)
    assert made.json()["key"] not in listed.text
    assert listed.json()["items"][-1] == {name: value for name, value in made.json().items() if name != "key"}
    assert made.json() | new == made.json()


def test_a_replaced_key_is_refused_at_once_or_after_the_overlap(api: Api) -> None:
    first = api.client.post(KEYS, json={"role": "viewer"}).json()

    second = api.client.post(f"{KEYS}/{first['id']}/rotate").json()
    third = api.client.post(f"{KEYS}/{second['id']}/rotate", json={"overlap_minutes": 5}).json()
    again = api.client.post(f"{KEYS}/{first['id']}/rotate")

    assert [_status(api, made["key"]) for made in (first, second, third)] == [401, 200, 200]
    assert again.status_code == 409
    with api.database.transaction() as session:
        row = session.get_one(ApiKey, second["id"])
        assert row.expires_at is not None
        row.expires_at -= timedelta(minutes=5)
    assert [_status(api, made["key"]) for made in (second, third)] == [401, 200]


def test_a_revoked_key_is_refused(api: Api) -> None:
    made = api.client.post(KEYS, json={"role": "viewer"}).json()

    revoked = api.client.post(f"{KEYS}/{made['id']}/revoke")

    assert (revoked.status_code, revoked.json()["revoked_at"] is None, _status(api, made["key"])) == (200, False, 401)


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_only_owners_see_people_keys_and_what_was_done(sqlite_api: Api, role: Role) -> None:
    headers = sqlite_api.key(role)

    assert {sqlite_api.client.get(path, headers=headers).status_code for path in (KEYS, USERS, "/api/v1/audit")} == {
        403
    }


def test_nobody_makes_a_key_or_a_person_that_may_more_than_they_do(sqlite_api: Api) -> None:
    client, headers = sqlite_api.client, sqlite_api.key(Role.PLATFORM_ADMIN)
    admins = client.post(KEYS, json={"role": "platform_admin"}, headers=headers)
    person = client.post(USERS, json={"role": "platform_admin", "email": "root@example.com"}, headers=headers)

    refused = [
        client.post(KEYS, json={"role": "platform_admin"}),
        client.post(f"{KEYS}/{admins.json()['id']}/rotate"),
        client.post(f"{KEYS}/{admins.json()['id']}/revoke"),
        client.post(USERS, json={"role": "platform_admin", "email": "eve@example.com"}),
        client.post(f"{USERS}/{person.json()['id']}/password"),
        client.put(f"{USERS}/{person.json()['id']}/sites", json={"site_ids": []}),
        client.post(f"{USERS}/{person.json()['id']}/disable"),
    ]

    assert (admins.json()["role"], person.json()["role"]) == ("platform_admin", "platform_admin")
    assert [answer.status_code for answer in refused] == [403] * 7
    assert _status(sqlite_api, admins.json()["key"]) == 200


def test_who_is_narrowed_down_does_not_manage_the_account(sqlite_api: Api) -> None:
    headers = sqlite_api.key(Role.OWNER, site_ids=[sqlite_api.mine.site_id])

    answers = [
        sqlite_api.client.get(KEYS, headers=headers),
        sqlite_api.client.post(KEYS, json={"role": "owner"}, headers=headers),
        sqlite_api.client.post("/api/v1/sites", json={"name": "New", "timezone": "UTC"}, headers=headers),
        sqlite_api.client.get(CREDITS, headers=headers),
        sqlite_api.client.get(f"{CREDITS}/entries", headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [403] * 5


def test_a_person_is_added_with_a_password_that_is_shown_once(api: Api) -> None:
    made = api.client.post(USERS, json={"email": "Bob@example.com", "role": "editor", "site_ids": [api.mine.site_id]})
    person = made.json()

    me = _log_in("bob@example.com", person["password"]).get("/api/v1/me").json()

    assert (made.status_code, me["site_ids"], me["role"]) == (201, [api.mine.site_id], "editor")
    assert person["password"] not in api.client.get(USERS).text


def test_a_disabled_persons_keys_are_refused_until_they_are_let_in_again(api: Api) -> None:
    person = api.client.post(USERS, json={"email": "bob@example.com", "role": "owner"}).json()
    key = _log_in("bob@example.com", person["password"]).post(KEYS, json={"role": "owner"}).json()

    statuses = [_status(api, key["key"])]
    for act in ("disable", "enable"):
        api.client.post(f"{USERS}/{person['id']}/{act}")
        statuses.append(_status(api, key["key"]))

    assert (statuses, key["user_id"]) == ([200, 401, 200], person["id"])


def test_a_persons_key_may_no_more_than_they_may_by_now(api: Api) -> None:
    person = api.client.post(USERS, json={"email": "bob@example.com", "role": "owner"}).json()
    key = _log_in("bob@example.com", person["password"]).post(KEYS, json={"role": "owner"}).json()["key"]
    headers = {"Authorization": f"Bearer {key}"}

    api.client.put(f"{USERS}/{person['id']}/sites", json={"site_ids": []})
    sites = api.client.get("/api/v1/sites", headers=headers).json()["items"]
    with api.database.transaction() as session:
        session.get_one(User, person["id"]).role = "viewer"

    me = api.client.get("/api/v1/me", headers=headers).json()
    assert (sites, me["role"], me["site_ids"]) == ([], "viewer", [])


def test_another_password_of_ours_ends_their_log_ins(api: Api) -> None:
    person = api.client.post(USERS, json={"email": "bob@example.com", "role": "editor"}).json()
    client = _log_in("bob@example.com", person["password"])

    reset = api.client.post(f"{USERS}/{person['id']}/password").json()

    assert client.get("/api/v1/me").status_code == 401
    assert _log_in("bob@example.com", person["password"]).get("/api/v1/me").status_code == 401
    assert _log_in("bob@example.com", reset["password"]).get("/api/v1/me").status_code == 200


def _owner(api: Api) -> int:
    """The owner who was there from the beginning."""
    with api.database.reading() as session:
        return next(
            user.id for user in users.list_users(session, account_id=api.mine.account_id) if user.role == "owner"
        )


@pytest.mark.parametrize(
    ("method", "act", "body"),
    [
        ("POST", "disable", None),
        ("PUT", "role", {"role": "viewer"}),
        ("PUT", "sites", {"site_ids": []}),
    ],
)
def test_the_only_owner_stays(api: Api, method: str, act: str, body: dict[str, Any] | None) -> None:
    second = api.client.post(USERS, json={"email": "bob@example.com", "role": "owner"}).json()["id"]
    admin = api.key(Role.PLATFORM_ADMIN)

    statuses = [
        api.client.request(method, f"{USERS}/{user_id}/{act}", json=body, headers=admin).status_code
        for user_id in (_owner(api), second)
    ]

    assert statuses == [200, 409]


def test_of_two_owners_who_leave_at_once_one_stays(api: Api) -> None:
    second = api.client.post(USERS, json={"email": "bob@example.com", "role": "owner"}).json()["id"]
    admin, both = api.key(Role.PLATFORM_ADMIN), [_owner(api), second]

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda user_id: api.client.post(f"{USERS}/{user_id}/disable", headers=admin), both))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert {"only owner" in answer.text for answer in answers} == {True, False}


def test_a_role_holds_from_the_next_request_on(api: Api) -> None:
    person = api.client.post(USERS, json={"email": "bob@example.com", "role": "owner"}).json()
    client = _log_in("bob@example.com", person["password"])
    before = client.get(KEYS).status_code

    changed = api.client.put(f"{USERS}/{person['id']}/role", json={"role": "viewer"}).json()
    beyond = api.client.put(f"{USERS}/{person['id']}/role", json={"role": "platform_admin"}).status_code

    assert (before, changed["role"], client.get(KEYS).status_code, beyond) == (200, "viewer", 403, 403)


def test_there_are_only_so_many_keys_and_people(sqlite_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MOST_KEYS", 3)
    monkeypatch.setattr(users, "MOST_USERS", 3)

    made = [sqlite_api.client.post(KEYS, json={"role": "viewer"}) for _ in range(2)]
    people = [sqlite_api.client.post(USERS, json={"email": f"{name}@example.com", "role": "viewer"}) for name in "ab"]
    sqlite_api.client.post(f"{KEYS}/{made[0].json()['id']}/revoke")
    again = sqlite_api.client.post(KEYS, json={"role": "viewer"})

    assert [answer.status_code for answer in (*made, *people, again)] == [201, 422, 201, 422, 201]


def test_a_feed_is_read_by_its_address_until_it_is_revoked_or_replaced(api: Api) -> None:
    path, stranger = f"/api/v1/sites/{api.mine.site_id}/calendar/feed", _browser()

    first = api.client.post(path).json()["path"]
    read = stranger.get(first)
    second = api.client.post(path).json()["path"]
    statuses = [stranger.get(address).status_code for address in (first, second)]
    state = api.client.get(path)
    api.client.delete(path)

    assert (read.status_code, read.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    assert read.content == api.client.get(f"/api/v1/sites/{api.mine.site_id}/calendar.ics").content
    assert statuses == [404, 200]
    assert second not in state.text
    assert stranger.get(second).status_code == 404
    assert api.client.get(path).json()["created_at"] is None


def test_a_viewer_makes_no_feed(sqlite_api: Api) -> None:
    path = f"/api/v1/sites/{sqlite_api.mine.site_id}/calendar/feed"

    assert sqlite_api.client.post(path, headers=sqlite_api.key(Role.VIEWER)).status_code == 403


def _audit(api: Api, **query: Any) -> Any:
    return api.client.get("/api/v1/audit", params=query).json()


def test_what_was_done_is_listed_page_by_page_by_site_and_by_action(api: Api) -> None:
    second = api.client.post("/api/v1/sites", json={"name": "Lamps", "timezone": "UTC"}).json()["id"]
    api.client.post(f"/api/v1/runs/{api.mine.run_id}/pause")
    api.client.post(f"/api/v1/content/{api.mine.content_id}/unschedule")
    person = api.client.post(USERS, json={"email": "bob@example.com", "role": "owner", "name": "Bob"}).json()
    _log_in("bob@example.com", person["password"])

    whole = _audit(api)["items"]
    first = _audit(api, limit=2)
    rest = _audit(api, before=first["next"])
    actions = {event["action"] for event in _audit(api, site_id=api.mine.site_id)["items"]}

    assert [event["id"] for event in whole] == sorted((event["id"] for event in whole), reverse=True)
    assert first["items"] + rest["items"] == whole
    assert rest["next"] is None
    assert {"run.paused", "calendar.unscheduled"} <= actions
    assert [event["subject_id"] for event in _audit(api, site_id=second)["items"]] == [second]
    assert {event["action"] for event in _audit(api, action="user.added")["items"]} == {"user.added"}
    assert (whole[0]["actor"], whole[0]["actor_name"]) == (f"user {person['id']}", "Bob")


def test_what_another_account_did_is_not_listed(api: Api) -> None:
    api.client.post(f"/api/v1/runs/{api.other.run_id}/pause", headers=api.other.headers)

    assert "run.paused" not in {event["action"] for event in _audit(api)["items"]}


@pytest.fixture
def few(sqlite_api: Api) -> Any:
    """An app that answers three requests a minute, and two attempts to log in."""
    before = the_app().state.rates
    the_app().state.rates = Rates(3, log_ins_a_minute=2)
    yield sqlite_api
    the_app().state.rates = before


def test_a_caller_who_asks_too_often_is_told_to_wait_and_nobody_else(few: Api) -> None:
    another = few.key()

    answers = [few.client.get(CREDITS) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 61
    assert few.client.get(CREDITS, headers=another).status_code == 200


def test_what_is_wrong_counts_as_well(few: Api) -> None:
    statuses = [few.client.post("/api/v1/sites", json={"name": 7}).status_code for _ in range(4)]

    assert statuses == [422, 422, 422, 429]


def test_attempts_to_log_in_are_counted_by_address_whoever_they_are_for(few: Api) -> None:
    client = _browser()

    statuses = [
        client.post("/api/v1/login", json={"email": f"{name}@example.com", "password": "x"}).status_code
        for name in "abc"
    ]

    assert statuses == [401, 401, 429]


def test_any_number_is_answered_where_none_is_set() -> None:
    counted = Rates(0)

    for _ in range(10_000):
        counted.count("key 1")
    one = Rates(1)
    one.count("key 1")
    with pytest.raises(TooManyRequestsError):
        one.count("key 1")
