"""Over HTTP: the ledger page by page, and reports of what calls were charged, without our costs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.core.roles import Role
from pipeline.core.states import CallStatus
from pipeline.models import AiCall, StageRun
from pipeline.services import credits as ledger
from pipeline.services import refunds
from pipeline.services.credits import CallHandle, Settlement
from tests.support.api import Api, Tenant

CREDIT = 1_000_000
AT = datetime(2026, 6, 3, 12, tzinfo=UTC)


def _call(api: Api, tenant: Tenant, *, charge: int, cost: int = 0) -> int:
    """A settled call of stage 4 of the tenant's run."""
    with api.database.transaction() as session:
        of_run = select(StageRun).where(StageRun.run_id == tenant.run_id, StageRun.number == 4)
        stage_run = session.scalars(of_run).one()
        if tenant is api.other:  # Only the first account was welcomed with credits.
            ledger.grant(session, account_id=tenant.account_id, amount_ucr=charge, key="grant:other", now=AT)
            stage_run.cap = charge
            session.flush()
        held = ledger.hold(
            session, account_id=tenant.account_id, stage_run_id=stage_run.id, full_ucr=charge, least_ucr=charge
        )
        assert isinstance(held, ledger.Held)
        row = AiCall(
            account_id=tenant.account_id, stage_run_id=stage_run.id, key=f"key {charge}", step="ask", lane=1,
            status=CallStatus.DISPATCHED, held_amount=charge, price={}, model="writer",
        )  # fmt: skip
        session.add(row)
        session.flush()
        ledger.settle(session, CallHandle.of(row), Settlement("answer", charge, cost, 10, 5), now=AT)
    return row.id


def test_the_ledger_is_listed_page_by_page_the_newest_first(api: Api) -> None:
    call_id = _call(api, api.mine, charge=CREDIT // 2)
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
    _call(api, api.other, charge=CREDIT)

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
    _call(api, api.mine, charge=3 * CREDIT // 2, cost=10**10)
    _call(api, api.other, charge=CREDIT)

    found = _report(api, by)

    [row] = found["items"]
    assert (row["key"], row["name"], row["testing"]) == (key.format(site_id=api.mine.site_id), name, False)
    assert (row["answered"], row["credits"], row["input_tokens"]) == (1, "1.5", 10)
    assert {row[f"{what}_usd"] for what in ("cost", "revenue", "margin")} | {row["margin_pct"]} == {None}
    assert (found["live"]["credits"], found["testing"]["credits"]) == ("1.5", "0")
    assert (found["first"], found["last"]) == ("2026-06-01", "2026-06-30")


def test_calls_that_went_otherwise_are_told_and_what_they_cost_is_not(api: Api) -> None:
    call_id = _call(api, api.mine, charge=CREDIT, cost=10**10)
    with api.database.transaction() as session:
        session.get_one(AiCall, call_id).flags = ["usage_missing", "wasted"]

    mine, all_of_it = _report(api, "model")["flagged"], _report(api, "model", role=Role.PLATFORM_ADMIN)["flagged"]

    assert [(line["flag"], line["testing"], line["calls"], line["credits_charged"]) for line in mine] == [
        ("usage_missing", False, 1, "1"),
        ("wasted", False, 1, "1"),
    ]
    assert {line["cost_usd"] for line in mine} == {None}
    assert {line["cost_usd"] for line in all_of_it} == {"0.01"}


@pytest.mark.parametrize(("by", "query"), [("account", {}), ("model", {"everybody": True})])
def test_what_is_about_other_accounts_takes_whoever_runs_the_installation(
    sqlite_api: Api, by: str, query: dict[str, Any]
) -> None:
    assert _report(sqlite_api, by, **query)["status"] == 403


def test_whoever_runs_the_installation_sees_costs_and_every_account(api: Api) -> None:
    _call(api, api.mine, charge=2 * CREDIT, cost=5 * 10**9)
    _call(api, api.other, charge=CREDIT)

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
