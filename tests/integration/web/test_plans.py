"""Plans and packages over HTTP: administrators set, give and book; accounts are limited, and nothing is paid."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.core.roles import Role
from pipeline.models import AuditEvent, CreditEntry
from tests.support.api import Api

PLANS, PACKAGES = "/api/v1/plans", "/api/v1/credit-packages"


def _admin(api: Api, method: str, path: str, body: dict[str, Any]) -> Any:
    return api.client.request(method, path, json=body, headers=api.key(Role.PLATFORM_ADMIN))


def _limited(api: Api, **limits: int) -> None:
    assert _admin(api, "PUT", PLANS, {"name": "Small", **limits}).status_code == 200
    assert _admin(api, "POST", f"{PLANS}/give", {"plan": "Small"}).status_code == 200


def test_a_plan_is_added_changed_and_given(api: Api) -> None:
    plan = {"name": " Studio ", "price": "49.50", "currency": "EUR", "most_sites": 3, "description": "For a few."}
    added = _admin(api, "PUT", PLANS, plan).json()
    changed = _admin(api, "PUT", PLANS, {"name": "Studio", "most_sites": None, "price": 0}).json()
    given = _admin(api, "POST", f"{PLANS}/give", {"plan": "Studio", "account": "another"}).json()

    assert (added["name"], added["price"], added["currency"], added["most_sites"]) == ("Studio", "49.50", "EUR", 3)
    assert (changed["price"], changed["most_sites"], changed["description"]) == ("0.00", None, "For a few.")
    assert given == {"account": "another", "plan": "Studio"}
    mine = api.client.get(PLANS).json()
    theirs = api.client.get(PLANS, headers=api.other.headers).json()
    assert (mine["mine"], theirs["mine"]["name"]) == (None, "Studio")
    assert mine["used"] == {"sites": 1, "people": 2}


def test_a_retired_plan_is_not_offered_and_stays_with_who_has_it(sqlite_api: Api) -> None:
    _limited(sqlite_api, most_sites=1)
    _admin(sqlite_api, "PUT", PLANS, {"name": "Small", "is_active": False})

    told = sqlite_api.client.get(PLANS).json()
    assert (told["items"], told["mine"]["name"]) == ([], "Small")


def test_an_account_gets_no_more_sites_than_its_plan_has_room_for(api: Api) -> None:
    _limited(api, most_sites=1)
    new = {"name": "Second", "timezone": "UTC"}

    refused = api.client.post("/api/v1/sites", json=new)
    _admin(api, "PUT", PLANS, {"name": "Small", "most_sites": 2})
    added = api.client.post("/api/v1/sites", json=new)
    api.client.delete(f"/api/v1/sites/{added.json()['id']}")
    third = api.client.post("/api/v1/sites", json={**new, "name": "Third"})
    again = api.client.post(f"/api/v1/sites/{added.json()['id']}/restore")

    assert (refused.status_code, added.status_code, third.status_code, again.status_code) == (409, 201, 201, 409)
    assert refused.json()["detail"].startswith("The plan Small has room for 1 sites.")
    _admin(api, "POST", f"{PLANS}/give", {"plan": None})
    assert api.client.post(f"/api/v1/sites/{added.json()['id']}/restore").status_code == 200


def test_an_account_gets_no_more_people_than_its_plan_has_room_for(api: Api) -> None:
    _limited(api, most_people=3)

    def add(name: str) -> Any:
        return api.client.post("/api/v1/users", json={"email": f"{name}@example.com", "role": "viewer"})

    first, second = add("one"), add("two")
    disabled = api.client.post(f"/api/v1/users/{first.json()['id']}/disable")
    third = add("three")
    enabled = api.client.post(f"/api/v1/users/{first.json()['id']}/enable")

    statuses = [answer.status_code for answer in (first, second, disabled, third, enabled)]
    assert statuses == [201, 409, 200, 201, 409]


def test_a_package_is_booked_once_a_key(api: Api) -> None:
    package = {"name": "Five hundred", "credits": "500.5", "price": "5"}
    assert _admin(api, "PUT", PACKAGES, package).json()["credits"] == "500.5"
    before = float(api.client.get("/api/v1/credits").json()["balance"])

    booked = [_admin(api, "POST", f"{PACKAGES}/book", {"package": "Five hundred", "key": "i 1"}) for _ in range(2)]
    others = _admin(api, "POST", f"{PACKAGES}/book", {"package": "Five hundred", "key": "i 1", "account": "another"})

    assert [answer.json()["is_new"] for answer in (*booked, others)] == [True, False, True]
    assert float(api.client.get("/api/v1/credits").json()["balance"]) == before + 500.5
    entry = api.client.get("/api/v1/credits/entries").json()["items"][0]
    assert (entry["kind"], entry["amount"], entry["note"]) == ("purchase", "500.5", "Five hundred (i 1)")
    with api.database.reading() as session:
        keys = session.query(CreditEntry.key).filter(CreditEntry.kind == "purchase").all()
        told = session.query(AuditEvent).filter(AuditEvent.action == "credits.package_booked").count()
    assert len(keys) == told == 2


def test_a_package_that_is_not_offered_is_not_booked(sqlite_api: Api) -> None:
    _admin(sqlite_api, "PUT", PACKAGES, {"name": "Old", "credits": "5", "is_active": False})

    assert sqlite_api.client.get(PACKAGES).json() == {"items": []}
    assert _admin(sqlite_api, "POST", f"{PACKAGES}/book", {"package": "Old", "key": "k"}).status_code == 409
    assert _admin(sqlite_api, "POST", f"{PACKAGES}/book", {"package": "None", "key": "k"}).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (PLANS, {"name": ""}, "name"),
        (PLANS, {"name": "a", "currency": "euro"}, "currency"),
        (PLANS, {"name": "a", "price": "1.234"}, "price"),
        (PLANS, {"name": "a", "most_sites": 0}, "most_sites"),
        (PLANS, {"name": "a", "description": "x" * 1_001}, "description"),
        (PACKAGES, {"name": "a"}, "credits"),
        (PACKAGES, {"name": "a", "credits": None}, "credits"),
        (PACKAGES, {"name": "a", "credits": "0"}, "credits"),
        (PACKAGES, {"name": "a", "credits": "5", "price": "99999999999"}, "price"),
    ],
)
def test_every_fault_is_named(sqlite_api: Api, path: str, body: dict[str, Any], field: str) -> None:
    answer = _admin(sqlite_api, "PUT", path, body)

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["faults"]] == [field]


def test_owners_look_and_change_nothing(sqlite_api: Api) -> None:
    for path in (PLANS, PACKAGES):
        assert sqlite_api.client.get(path).status_code == 200
        assert sqlite_api.client.put(path, json={"name": "Mine"}).status_code == 403
    assert sqlite_api.client.post(f"{PLANS}/give", json={"plan": None}).status_code == 403
    assert sqlite_api.client.post(f"{PACKAGES}/book", json={"package": "x", "key": "k"}).status_code == 403
