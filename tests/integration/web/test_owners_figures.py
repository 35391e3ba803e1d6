"""Over HTTP: the ledger page by page, and reports of what calls were charged, without our costs."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.core.roles import Role
from pipeline.services import refunds
from tests.support.api import Api
from tests.support.calls import AT, CREDIT, settled_call


def test_the_ledger_is_listed_page_by_page_the_newest_first(api: Api) -> None:
    call_id = settled_call(api, api.mine, charge=CREDIT // 2)
    with api.database.transaction() as session:
        refunds.refund(session, account_id=api.mine.account_id, call_id=call_id, reason="useless", actor="cli", now=AT)

    first = api.client.get("/api/v1/credits/entries", params={"limit": 2}).json()
    second = api.client.get("/api/v1/credits/entries", params={"limit": 2, "before": first["next"]}).json()
    charges = api.client.get("/api/v1/credits/entries", params={"kind": "charge"}).json()

    told = [(entry["kind"], entry["amount"], entry["call_id"], entry["note"]) for entry in first["items"]]
    assert told == [("refund", "0.5", call_id, "useless"), ("charge", "-0.5", call_id, "")]
    assert [(entry["kind"], entry["amount"]) for entry in second["items"]] == [("grant", "10000")]
    assert second["next"] is None
    assert [entry["kind"] for entry in charges["items"]] == ["charge"]


def test_the_ledger_of_another_is_not_shown(api: Api) -> None:
    settled_call(api, api.other, charge=CREDIT)

    assert {entry["kind"] for entry in api.client.get("/api/v1/credits/entries").json()["items"]} == {"grant"}
    assert len(api.client.get("/api/v1/credits/entries", headers=api.other.headers).json()["items"]) == 2


def _report(api: Api, by: str, *, role: Role = Role.OWNER, **query: Any) -> Any:
    period = {"first": "2026-06-01", "last": "2026-06-30"}
    return api.client.get(f"/api/v1/reports/{by}", params={**period, **query}, headers=api.key(role)).json()


@pytest.mark.parametrize(
    ("by", "key", "name"),
    [
        ("model", "writer", "writer"),
        ("stage", "4", "Tasks → Content"),
        ("day", "2026-06-03", "2026-06-03"),
        ("site", "{site_id}", "Desks"),
    ],
)
def test_an_owner_sees_what_calls_were_charged_and_not_what_they_cost(api: Api, by: str, key: str, name: str) -> None:
    settled_call(api, api.mine, charge=3 * CREDIT // 2, cost=10**10)
    settled_call(api, api.other, charge=CREDIT)

    found = _report(api, by)

    [row] = found["items"]
    assert (row["key"], row["name"], row["testing"]) == (key.format(site_id=api.mine.site_id), name, False)
    assert (row["answered"], row["credits"], row["input_tokens"]) == (1, "1.5", 10)
    assert {row[f"{what}_usd"] for what in ("cost", "revenue", "margin")} | {row["margin_pct"]} == {None}
    assert (found["live"]["credits"], found["testing"]["credits"]) == ("1.5", "0")
    assert (found["first"], found["last"]) == ("2026-06-01", "2026-06-30")


@pytest.mark.parametrize(("by", "query"), [("account", {}), ("model", {"everybody": True})])
def test_what_is_about_other_accounts_takes_whoever_runs_the_installation(
    sqlite_api: Api, by: str, query: dict[str, Any]
) -> None:
    assert _report(sqlite_api, by, **query)["status"] == 403


def test_whoever_runs_the_installation_sees_costs_and_every_account(api: Api) -> None:
    settled_call(api, api.mine, charge=2 * CREDIT, cost=5 * 10**9)
    settled_call(api, api.other, charge=CREDIT)

    mine = _report(api, "model", role=Role.PLATFORM_ADMIN)
    all_of_them = _report(api, "account", role=Role.PLATFORM_ADMIN, everybody=True)

    money = [mine["live"][name] for name in ("revenue_usd", "cost_usd", "margin_usd", "margin_pct")]
    assert money == ["0.02", "0.005", "0.015", "75"]
    assert [(row["name"], row["revenue_usd"]) for row in all_of_them["items"]] == [
        ("default", "0.02"), ("another", "0.01"),
    ]  # fmt: skip


def test_days_that_are_no_time_are_refused(sqlite_api: Api) -> None:
    refused = _report(sqlite_api, "model", last="2026-05-01")

    assert (refused["status"], [fault["field"] for fault in refused["faults"]]) == (422, ["first"])


def _refund(api: Api, call_id: int, *, role: Role = Role.PLATFORM_ADMIN, **query: Any) -> Any:
    path, body = f"/api/v1/calls/{call_id}/refund", {"reason": " The answer\nwas useless. "}
    return api.client.post(path, json=body, params=query, headers=api.key(role))


def test_a_call_is_given_back_once_however_often_it_is_asked_for(api: Api) -> None:
    call_id = _call_of(api)

    answers = [_refund(api, call_id).json() for _ in range(2)]

    assert [(answer["is_new"], answer["refunded"], answer["balance"]) for answer in answers] == [
        (True, "0.5", "10000"),
        (False, "0.5", "10000"),
    ]
    entries = api.client.get("/api/v1/credits/entries", params={"kind": "refund"}).json()["items"]
    assert [(entry["call_id"], entry["note"]) for entry in entries] == [(call_id, "The answer was useless.")]


def test_another_accounts_call_is_given_back_where_the_account_is_named(api: Api) -> None:
    call_id = settled_call(api, api.other, charge=CREDIT)

    alone = _refund(api, call_id)
    named = _refund(api, call_id, account="another")
    nobodys = _refund(api, call_id, account="nobody")

    assert [answer.status_code for answer in (alone, named, nobodys)] == [404, 200, 404]
    assert named.json()["balance"] == "1"
    assert len(api.client.get("/api/v1/credits/entries", headers=api.other.headers).json()["items"]) == 3


def test_refunds_are_for_whoever_runs_the_installation_and_say_why(sqlite_api: Api) -> None:
    call_id = _call_of(sqlite_api)
    path, headers = f"/api/v1/calls/{call_id}/refund", sqlite_api.key(Role.PLATFORM_ADMIN)

    unexplained = sqlite_api.client.post(path, json={"reason": " "}, headers=headers)

    assert _refund(sqlite_api, call_id, role=Role.OWNER).status_code == 403
    assert [fault["field"] for fault in unexplained.json()["faults"]] == ["reason"]
    assert _refund(sqlite_api, sqlite_api.mine.call_id).status_code == 409


def _call_of(api: Api) -> int:
    return settled_call(api, api.mine, charge=CREDIT // 2)
