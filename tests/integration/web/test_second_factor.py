"""One-time codes at log-in: set up, asked for, taken once, replaced by recovery codes, turned off."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyotp import TOTP
from sqlalchemy import select
from starlette.testclient import TestClient

from pipeline.core.roles import Role
from pipeline.models import AuditEvent, LogIn, RecoveryCode, SecondFactor, User
from pipeline.services import log_in_attempts, passwords, users
from tests.support.api import Api

EMAIL, PASSWORD = "ida@example.com", "correct horse battery"
_PATH = "/api/v1/me/second-factor"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, api: Api) -> Any:
    """A clock that a test moves on: codes are of steps of it."""
    at = [datetime(2026, 6, 3, 10, 30, tzinfo=UTC)]
    monkeypatch.setattr(type(api.database), "now", lambda _: at[0])

    def move(seconds: int = 60) -> datetime:
        at[0] += timedelta(seconds=seconds)
        return at[0]

    return move


@pytest.fixture
def person(api: Api, clock: Any) -> TestClient:
    """A browser in which Ida logged in by password."""
    with api.database.transaction() as session:
        users.add(
            session,
            account_id=api.mine.account_id,
            email=EMAIL,
            role=Role.EDITOR,
            password_hash=passwords.hashed(PASSWORD),
            now=api.database.now(),
        )
    client = TestClient(api.client.app, base_url="http://testserver", raise_server_exceptions=False)
    assert _log_in(client).status_code == 200
    return client


def _log_in(client: TestClient, **more: str) -> Any:
    answer = client.post("/api/v1/login", json={"email": EMAIL, "password": PASSWORD, **more})
    if answer.status_code == 200:
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
    return answer


def _turn_on(client: TestClient, now: datetime) -> tuple[TOTP, list[str]]:
    begun = client.post(_PATH, json={"password": PASSWORD})
    assert begun.status_code == 201, begun.text
    app = TOTP(begun.json()["secret"])
    confirmed = client.post(f"{_PATH}/confirm", json={"code": app.at(now)})
    assert confirmed.status_code == 200, confirmed.text
    return app, confirmed.json()["recovery_codes"]


def test_from_its_first_code_on_an_app_is_asked_for(api: Api, person: TestClient, clock: Any) -> None:
    begun = person.post(_PATH, json={"password": PASSWORD}).json()
    assert begun["address"].startswith("otpauth://totp/IGNY8%20Pipeline:ida%40example.com?secret=")
    assert begun["picture"].startswith("data:image/svg+xml")
    assert person.get(_PATH).json() == {"is_on": False, "since": None, "recovery_codes_left": 0}
    assert _log_in(person).status_code == 200

    app, codes = _turn_on(person, clock())
    assert len(set(codes)) == 10
    assert person.get(_PATH).json()["recovery_codes_left"] == 10
    clock()
    asked = _log_in(person)
    assert (asked.status_code, asked.json()["faults"][0]["field"]) == (401, "code")
    assert _log_in(person, code="000 000").json()["faults"][0]["field"] == "code"
    assert _log_in(person, code=app.at(clock())).status_code == 200


def test_a_wrong_password_is_told_no_otherwise_with_an_app(person: TestClient, clock: Any) -> None:
    app, _ = _turn_on(person, clock())

    told = person.post("/api/v1/login", json={"email": EMAIL, "password": "wrong", "code": app.at(clock())}).json()
    unknown = person.post("/api/v1/login", json={"email": "no@example.com", "password": "wrong"}).json()
    assert told == unknown


def test_a_code_opens_once_and_none_before_it_does(person: TestClient, clock: Any) -> None:
    app, _ = _turn_on(person, clock())
    earlier = app.at(clock())
    code = app.at(clock(30))

    assert _log_in(person, code=f"{code[:3]} {code[3:]}").status_code == 200
    assert _log_in(person, code=code).status_code == 401
    assert _log_in(person, code=earlier).status_code == 401
    assert _log_in(person, code=app.at(clock(30))).status_code == 200


def test_the_code_that_confirmed_it_logs_nobody_in(person: TestClient, clock: Any) -> None:
    now = clock()
    app, _ = _turn_on(person, now)

    assert _log_in(person, code=app.at(now)).status_code == 401


def test_a_recovery_code_opens_once_however_it_is_typed(api: Api, person: TestClient, clock: Any) -> None:
    _, codes = _turn_on(person, clock())

    assert _log_in(person, code=f" {codes[3].upper()} ").status_code == 200
    assert _log_in(person, code=codes[3]).status_code == 401
    assert person.get(_PATH).json()["recovery_codes_left"] == 9
    assert _log_in(person, code=codes[4].replace("-", "")).status_code == 200


def test_codes_are_tried_as_seldom_as_passwords(person: TestClient, clock: Any) -> None:
    app, _ = _turn_on(person, clock())
    tries = [_log_in(person, code="123 456").status_code for _ in range(log_in_attempts.MOST)]

    assert set(tries) == {401}
    assert _log_in(person, code=app.at(clock())).status_code == 429
    clock(900)
    assert _log_in(person, code=app.at(clock())).status_code == 200


def test_turning_it_off_takes_password_and_code(api: Api, person: TestClient, clock: Any) -> None:
    app, codes = _turn_on(person, clock())
    off = f"{_PATH}/off"

    assert (
        person.post(off, json={"password": "wrong", "code": app.at(clock())}).json()["faults"][0]["field"] == "password"
    )
    assert person.post(off, json={"password": PASSWORD, "code": "000000"}).json()["faults"][0]["field"] == "code"
    assert person.post(off, json={"password": PASSWORD, "code": codes[0]}).status_code == 204
    assert _log_in(person).status_code == 200
    with api.database.reading() as session:
        assert session.scalars(select(SecondFactor.id)).all() == []
        assert session.scalars(select(RecoveryCode.id)).all() == []
    assert person.post(off, json={"password": PASSWORD, "code": "000000"}).status_code == 409


def test_other_recovery_codes_close_those_before(person: TestClient, clock: Any) -> None:
    app, codes = _turn_on(person, clock())
    renewed = person.post(f"{_PATH}/recovery-codes", json={"password": PASSWORD, "code": app.at(clock())})

    assert _log_in(person, code=codes[0]).status_code == 401
    assert _log_in(person, code=renewed.json()["recovery_codes"][0]).status_code == 200


def test_another_app_needs_the_first_to_be_off(person: TestClient, clock: Any) -> None:
    _turn_on(person, clock())

    assert person.post(_PATH, json={"password": PASSWORD}).status_code == 409
    assert person.post(f"{_PATH}/confirm", json={"code": "123456"}).status_code == 409


def test_other_log_ins_end_when_it_begins(api: Api, person: TestClient, clock: Any) -> None:
    elsewhere = TestClient(api.client.app, base_url="http://testserver", raise_server_exceptions=False)
    _log_in(elsewhere)
    _turn_on(person, clock())

    assert elsewhere.get("/api/v1/me").status_code == 401
    assert person.get("/api/v1/me").status_code == 200


def test_an_owner_turns_off_what_somebody_lost(api: Api, person: TestClient, clock: Any) -> None:
    _turn_on(person, clock())
    with api.database.reading() as session:
        user_id = session.scalars(select(User.id).where(User.email == EMAIL)).one()
    path = f"/api/v1/users/{user_id}/second-factor"

    assert api.client.delete(path, headers=api.key(Role.EDITOR)).status_code == 403
    assert api.client.delete(path, headers=api.other.headers).status_code == 404
    assert api.client.delete(path).status_code == 204
    assert person.get("/api/v1/me").status_code == 401
    assert _log_in(person).status_code == 200


def test_nothing_that_opens_is_kept_as_it_is_and_all_is_written_down(api: Api, person: TestClient, clock: Any) -> None:
    app, codes = _turn_on(person, clock())
    _log_in(person, code="111111")

    with api.database.reading() as session:
        kept = session.scalars(select(SecondFactor)).one()
        hashes = session.scalars(select(RecoveryCode.code_hash)).all()
        actions = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
        assert len(session.scalars(select(LogIn)).all()) == 1
    assert app.secret.encode() not in kept.secret
    assert not set(codes) & set(hashes)
    assert actions[-4:] == ["user.logged_in", "user.codes_begun", "user.codes_on", "user.log_in_failed"]


def test_a_key_has_no_second_factor(api: Api) -> None:
    for path, body in ((_PATH, {"password": "x"}), (f"{_PATH}/confirm", {"code": "1"})):
        assert api.client.post(path, json=body).status_code == 403
    assert api.client.get(_PATH).status_code == 403


def test_of_two_at_once_with_one_code_one_gets_in(person: TestClient, clock: Any) -> None:
    app, _ = _turn_on(person, clock())
    code = app.at(clock())

    answers = [_log_in(person, code=code).status_code for _ in itertools.repeat(None, 2)]
    assert sorted(answers) == [200, 401]
