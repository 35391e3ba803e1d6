"""Log-in for pages: who is let in, until when, and that no other page can use a browser's cookie."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from pipeline.core.roles import Role
from pipeline.db.session import Database
from pipeline.models import AuditEvent, LogIn, User
from pipeline.services import log_in_attempts, log_ins, passwords, users
from pipeline.web.cookies import COOKIE, FORGERY_HEADER
from tests.support.api import Api, the_app

PASSWORD = "correct horse battery"  # noqa: S105 - a test's
WRONG = "wrong horse battery"
HASH = passwords.hashed(PASSWORD)
SITE = {"name": "Another", "timezone": "UTC"}
Browser = Callable[..., TestClient]


def _person(api: Api, role: Role = Role.EDITOR, *, email: str = "bob@example.com", **more: Any) -> int:
    with api.database.transaction() as session:
        user = users.add(
            session,
            account_id=api.mine.account_id,
            email=email,
            role=role,
            password_hash=HASH,
            now=api.database.now(),
            **more,
        )
    return user.id


def _browser(*, scheme: str = "http") -> TestClient:
    """Somebody's browser: it keeps cookies and sends no key."""
    return TestClient(the_app(), base_url=f"{scheme}://testserver", raise_server_exceptions=False)


def _log_in(client: TestClient, email: str = "bob@example.com", password: str = PASSWORD) -> Any:
    body = json.dumps({"email": email, "password": password})
    return client.post("/api/v1/login", content=body, headers={"Content-Type": "application/json"})


def _logged_in(api: Api, role: Role = Role.EDITOR, **more: Any) -> TestClient:
    _person(api, role, **more)
    client = _browser()
    client.headers[FORGERY_HEADER] = _log_in(client).json()["csrf_token"]
    return client


def _actions(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))


def test_who_logs_in_is_known_until_they_log_out(api: Api) -> None:
    user_id = _person(api)
    client = _browser()

    told = _log_in(client, " Bob@Example.COM ").json()
    me = client.get("/api/v1/me").json()
    left = client.post("/api/v1/logout", headers={FORGERY_HEADER: told["csrf_token"]})

    assert told == me
    assert (me["user_id"], me["role"], me["account_id"], me["key_id"]) == (user_id, "editor", api.mine.account_id, None)
    assert left.status_code == 204
    assert client.get("/api/v1/me").status_code == 401
    assert _actions(api.database)[-2:] == ["user.logged_in", "user.logged_out"]


def test_the_cookie_is_kept_from_scripts_and_foreign_pages(sqlite_api: Api) -> None:
    _person(sqlite_api)

    plain = _log_in(_browser()).headers["set-cookie"].lower()
    safe = _log_in(_browser(scheme="https")).headers["set-cookie"].lower()

    assert {"httponly", "samesite=lax", "path=/"} <= set(plain.split("; "))
    assert ("; secure" in plain, "; secure" in safe) == (False, True)


def test_the_token_is_kept_nowhere(api: Api) -> None:
    client = _logged_in(api)
    token = client.cookies[COOKIE]

    with api.database.reading() as session:
        row = session.scalars(select(LogIn)).one()

    assert len(token) >= 43
    assert not any(token in str(getattr(row, column.name)) for column in row.__table__.columns)


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("bob@example.com", WRONG),
        ("eve@example.com", PASSWORD),
        ("bob@example.com", ""),
        ("", PASSWORD),
    ],
)
def test_nobody_learns_which_of_the_two_was_wrong(sqlite_api: Api, email: str, password: str) -> None:
    _person(sqlite_api)
    client = _browser()

    answer = _log_in(client, email, password)

    assert (answer.status_code, answer.json()["detail"]) == (401, _log_in(client, "no@example.com").json()["detail"])
    assert COOKIE not in client.cookies


def test_somebody_without_a_password_and_a_disabled_person_are_not_let_in(sqlite_api: Api) -> None:
    user_id = _person(sqlite_api)
    with sqlite_api.database.transaction() as session:
        users.disable(session, session.get_one(User, user_id), now=sqlite_api.database.now())

    statuses = [_log_in(_browser(), email).status_code for email in ("bob@example.com", "owner@localhost")]

    assert statuses == [401, 401]
    assert _actions(sqlite_api.database)[-1] != "user.logged_in"


def test_a_disabled_persons_log_in_is_over_at_once(api: Api) -> None:
    client = _logged_in(api)
    before = client.get("/api/v1/sites").status_code

    with api.database.transaction() as session:
        users.disable(session, session.scalars(select(User).where(User.email == "bob@example.com")).one(),
                      now=api.database.now())  # fmt: skip

    assert (before, client.get("/api/v1/sites").status_code) == (200, 401)


@pytest.mark.parametrize("instant", ["expires_at", "last_seen_at"])
def test_a_log_in_is_over_at_its_end_and_after_a_day_without_use(api: Api, instant: str) -> None:
    client = _logged_in(api)

    with api.database.transaction() as session:
        row = session.scalars(select(LogIn)).one()
        ago = timedelta(0) if instant == "expires_at" else log_ins.IDLE
        setattr(row, instant, api.database.now() - ago)

    assert client.get("/api/v1/sites").status_code == 401


def test_a_change_needs_the_token_of_this_very_log_in(sqlite_api: Api) -> None:
    client = _logged_in(sqlite_api)
    own = client.headers.pop(FORGERY_HEADER)
    _person(sqlite_api, email="eve@example.com")
    anothers = _log_in(_browser(), "eve@example.com").json()["csrf_token"]

    statuses = [
        client.post("/api/v1/sites", json=SITE, headers={} if sent is None else {FORGERY_HEADER: sent}).status_code
        for sent in (None, "", anothers, own)
    ]

    assert statuses == [403, 403, 403, 201]
    assert client.get("/api/v1/sites").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://testserver"}, 201),
        ({"Origin": "https://testserver"}, 201),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://testserver.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://igny8.example", "X-Forwarded-Host": "igny8.example"}, 201),
    ],
)
def test_a_change_comes_from_a_page_of_this_installation(sqlite_api: Api, headers: dict[str, str], status: int) -> None:
    client = _logged_in(sqlite_api)

    assert client.post("/api/v1/sites", json=SITE, headers=headers).status_code == status


def test_a_form_of_a_foreign_page_cannot_log_anybody_in(sqlite_api: Api) -> None:
    _person(sqlite_api)
    body = f'{{"email": "bob@example.com", "password": "{PASSWORD}"}}'

    # What a form can send without being asked for leave first.
    kinds = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")
    answers = [_browser().post("/api/v1/login", content=body, headers={"Content-Type": kind}) for kind in kinds]

    assert [answer.status_code for answer in answers] == [422, 422, 422]


def test_a_key_counts_before_a_cookie_and_needs_no_token(sqlite_api: Api) -> None:
    client = _logged_in(sqlite_api, Role.VIEWER)
    client.headers.pop(FORGERY_HEADER)

    answers = [client.post("/api/v1/sites", json=SITE, headers=headers) for headers in (sqlite_api.mine.headers, {})]

    assert [answer.status_code for answer in answers] == [201, 403]


def test_a_role_reaches_as_far_for_people_as_for_keys(sqlite_api: Api) -> None:
    client = _logged_in(sqlite_api, Role.VIEWER)

    refused = client.post("/api/v1/sites", json=SITE)

    assert (client.get("/api/v1/sites").status_code, refused.status_code) == (200, 403)
    assert refused.json()["detail"] == "You have the role viewer; that takes editor."


def test_sites_beyond_somebodys_reach_are_not_there(api: Api) -> None:
    client = _logged_in(api, site_ids=[])

    assert client.get("/api/v1/sites").json() == {"items": []}
    assert client.get(f"/api/v1/sites/{api.mine.site_id}").status_code == 404
    assert client.post("/api/v1/sites", json=SITE).status_code == 403


def test_another_password_ends_all_other_log_ins(api: Api) -> None:
    client = _logged_in(api)
    elsewhere = _browser()
    _log_in(elsewhere)
    change = {"old_password": PASSWORD, "new_password": "staple of desks"}

    wrong = client.post("/api/v1/me/password", json=change | {"old_password": WRONG})
    short = client.post("/api/v1/me/password", json=change | {"new_password": "short"})
    done = client.post("/api/v1/me/password", json=change)

    assert [answer.status_code for answer in (wrong, short, done)] == [422, 422, 204]
    assert (wrong.json()["faults"][0]["field"], short.json()["faults"][0]["field"]) == ("old_password", "new_password")
    assert (client.get("/api/v1/me").status_code, elsewhere.get("/api/v1/me").status_code) == (200, 401)
    assert [_log_in(_browser(), password=each).status_code for each in (PASSWORD, "staple of desks")] == [401, 200]
    assert "user.password_changed" in _actions(api.database)


def test_a_key_has_no_password_and_no_log_in_to_end(sqlite_api: Api) -> None:
    change = {"old_password": PASSWORD, "new_password": "staple of desks"}

    answers = [sqlite_api.client.post("/api/v1/me/password", json=change), sqlite_api.client.post("/api/v1/logout")]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert sqlite_api.client.get("/api/v1/me").json()["csrf_token"] is None


def test_a_password_is_tried_ten_times_whoever_asks_and_however_many_at_once(api: Api) -> None:
    _person(api)

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: _log_in(_browser(), password=WRONG).status_code, range(16)))
    right = _log_in(_browser())

    assert sorted(statuses) == [401] * log_in_attempts.MOST + [429] * 6
    assert right.status_code == 429
    assert 0 < int(right.headers["Retry-After"]) <= log_in_attempts.WITHIN.seconds + 1
    assert _log_in(_browser(), "eve@example.com").status_code == 401
    assert _actions(api.database).count("user.log_in_failed") == log_in_attempts.MOST


def test_whoever_found_a_browser_open_does_not_try_for_long(sqlite_api: Api) -> None:
    client = _logged_in(sqlite_api)
    change = {"old_password": WRONG, "new_password": "staple of desks"}

    statuses = [client.post("/api/v1/me/password", json=change).status_code for _ in range(11)]
    right = client.post("/api/v1/me/password", json=change | {"old_password": PASSWORD})

    assert statuses == [422] * 10 + [429]
    assert right.status_code == 429


def test_attempts_are_counted_anew_after_their_time_and_after_a_right_one(api: Api) -> None:
    _person(api)
    now = api.database.now()

    with api.database.transaction() as session:
        for _ in range(log_in_attempts.MOST):
            log_in_attempts.spend(session, "bob@example.com", now=now - log_in_attempts.WITHIN)
    after = _log_in(_browser())
    statuses = [_log_in(_browser(), password=WRONG).status_code for _ in range(9)]
    statuses += [_log_in(_browser()).status_code, _log_in(_browser(), password=WRONG).status_code]

    assert after.status_code == 200
    assert statuses == [401] * 9 + [200, 401]


def test_use_is_marked_once_a_minute(api: Api) -> None:
    client = _logged_in(api)

    def seen() -> Any:
        client.get("/api/v1/sites")
        with api.database.reading() as session:
            return session.scalars(select(LogIn.last_seen_at)).one()

    first = seen()
    with api.database.transaction() as session:
        session.scalars(select(LogIn)).one().last_seen_at = first - timedelta(minutes=2)

    assert seen() >= first
