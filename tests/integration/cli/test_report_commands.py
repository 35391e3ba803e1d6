"""`report`, `credits refund`, `webhooks deliveries|redeliver`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pipeline.core.alerts import NotificationKind
from pipeline.core.states import CallStatus, DeliveryStatus
from pipeline.db.session import Database
from pipeline.models import AiCall, Delivery, Run, StageRun
from pipeline.services import credits as ledger
from pipeline.services import notifications
from pipeline.services.credits import CallHandle, Settlement

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Igny8

AT = datetime(2026, 6, 3, 12, tzinfo=UTC)
JUNE = ("--first", "2026-06-01", "--last", "2026-06-30")
CREDIT = 1_000_000


@pytest.fixture
def call(ready: Database) -> int:
    """A call of Desks' stage 4 that was charged two credits and cost half a cent."""
    with ready.transaction() as session:
        run = Run(account_id=1, site_id=1, settings={}, prices={}, available=0)
        session.add(run)
        session.flush()
        stage_run = StageRun(run_id=run.id, number=4, key="tasks_to_content", cap=2 * CREDIT)
        session.add(stage_run)
        session.flush()
        ledger.hold(session, account_id=1, stage_run_id=stage_run.id, full_ucr=2 * CREDIT, least_ucr=2 * CREDIT)
        row = AiCall(
            account_id=1, stage_run_id=stage_run.id, key="key", step="ask", lane=1, status=CallStatus.DISPATCHED,
            held_amount=2 * CREDIT, price={}, model="writer",
        )  # fmt: skip
        session.add(row)
        session.flush()
        ledger.settle(session, CallHandle.of(row), Settlement("answer", 2 * CREDIT, 5 * 10**9, 10, 5), now=AT)
    return row.id


def test_a_report_tells_cost_revenue_and_margin(igny8: Igny8, ready: Database, call: int) -> None:
    told = igny8("report", "stage", *JUNE, "--json").json
    shown = igny8("report", "stage", *JUNE).out.splitlines()

    [row] = told["items"]
    assert (row["key"], row["name"], row["credits"]) == ("4", "Tasks → Content", "2")
    assert [row[name] for name in ("revenue_usd", "cost_usd", "margin_usd", "margin_pct")] == [
        "0.02", "0.005", "0.015", "75",
    ]  # fmt: skip
    assert (told["first"], told["last"], told["live"]["answered"]) == ("2026-06-01", "2026-06-30", 1)
    assert shown[1].split() == [
        "Tasks", "→", "Content", "live", "1", "0", "2.0", "0.0200", "0.0050", "0.0150", "75",
    ]  # fmt: skip
    assert shown[2].split()[:3] == ["all", "live", "1"]
    assert told["flagged"] == []
    assert len(shown) == 3


def test_a_report_tells_of_calls_that_went_otherwise(igny8: Igny8, ready: Database, call: int) -> None:
    with ready.transaction() as session:
        session.get_one(AiCall, call).flags = ["wasted"]

    [line] = igny8("report", "model", *JUNE, "--json").json["flagged"]
    shown = igny8("report", "model", *JUNE).out

    assert (line["flag"], line["calls"], line["credits_charged"], line["cost_usd"]) == ("wasted", 1, "2", "0.005")
    assert "charged for an answer that was of no use" in shown


@pytest.mark.parametrize("by", ["model", "site", "day", "account"])
def test_a_report_may_be_of_all_accounts(igny8: Igny8, ready: Database, call: int, by: str) -> None:
    [row] = igny8("report", by, *JUNE, "--all-accounts", "--json").json["items"]

    assert row["name"] == {"model": "writer", "site": "Desks", "day": "2026-06-03", "account": "default"}[by]


def test_a_report_of_nothing_says_so(igny8: Igny8, ready: Database) -> None:
    assert igny8("report", *JUNE).out == "No call ended from 2026-06-01 to 2026-06-30.\n"


def test_a_call_is_given_back_once(igny8: Igny8, ready: Database, call: int) -> None:
    first = igny8("credits", "refund", str(call), "--reason", "useless")
    again = igny8("credits", "refund", str(call), "--reason", "useless")
    told = igny8("credits", "refund", str(call), "--reason", "useless", "--json").json

    assert first.out.splitlines()[0] == f"2 credits of call {call} are given back."
    assert again.out == f"Call {call} was given back before; nothing has changed.\n"
    assert told == {"call_id": call, "is_new": False, "refunded": "2", "balance": "10000", "available": "10000"}
    assert igny8("report", *JUNE, "--json").json["live"]["revenue_usd"] == "0.02"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("credits", "refund", "7", "--reason", "useless"), 1, "There is no call 7 in this account."),
        (("credits", "refund", "7", "--reason", " "), 2, "reason: a refund says why"),
        (("report", "--first", "2026-06-02", "--last", "2026-06-01"), 2, "first: 2026-06-02 to 2026-06-01"),
        (("webhooks", "deliveries", "7"), 1, "There is no webhook 7."),
        (("webhooks", "redeliver", "7"), 1, "There is no delivery 7 in this account."),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    igny8: Igny8, ready: Database, arguments: tuple[str, ...], code: int, said: str
) -> None:
    outcome = igny8(*arguments)

    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith(f"Error: {said}")


def test_what_was_given_up_is_sent_again(igny8: Igny8, ready: Database) -> None:
    igny8("webhooks", "add", "https://hooks.example/")
    assert "Nothing was on its way" in igny8("webhooks", "deliveries", "1").out
    with ready.transaction() as session:
        notifications.tell(
            session, NotificationKind.SITE_FAILING, account_id=1, state_id=1, about=("site", 1), message="m", now=AT
        )
        row = session.get_one(Delivery, 1)
        row.status, row.due_at, row.attempts = DeliveryStatus.GIVEN_UP, None, 8

    listed = igny8("webhooks", "deliveries", "1", "--json").json
    again = igny8("webhooks", "redeliver", "1", "--json").json
    busy = igny8("webhooks", "redeliver", "1")

    assert [(each["status"], each["attempts"]) for each in listed] == [("given_up", 8)]
    assert (again["delivery"], again["status"], again["attempts"]) == (listed[0]["delivery"], "pending", 0)
    assert (busy.code, busy.err) == (
        1, "Error: Delivery 1 is on its way already. Wait until it has arrived.\n",
    )  # fmt: skip
    assert "pending" in igny8("webhooks", "deliveries", "1").out
