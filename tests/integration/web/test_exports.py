"""Lists as CSV: every row, portion by portion, nothing that a spreadsheet executes."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from sqlalchemy import select

from pipeline.core import csv_text
from pipeline.core.roles import Role
from pipeline.core.states import ContentStatus
from pipeline.models import Keyword, Site
from pipeline.services import refunds
from tests.support.api import Api
from tests.support.builders import make_content, make_keywords
from tests.support.calls import AT, CREDIT, settled_call


def _rows(api: Api, path: str, **query: str) -> list[dict[str, str]]:
    answer = api.client.get(f"/api/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_keywords_are_taken_away_whole_and_can_be_imported_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.services.exports.PORTION", 2)
    with api.database.transaction() as session:
        make_keywords(session, site=session.get_one(Site, api.mine.site_id), texts=["Café, “quoted”", "b", "c"])
        session.scalars(select(Keyword).where(Keyword.text == "b")).one().volume = 7
    path = f"/sites/{api.mine.site_id}/keywords.csv"

    rows = _rows(api, path)
    text = api.client.get(f"/api/v1{path}").content
    other = api.client.post("/api/v1/sites", json={"name": "Other", "timezone": "UTC"}).json()["id"]
    report = api.client.post(f"/api/v1/sites/{other}/keywords/import", content=text).json()

    assert [row["keyword"] for row in rows] == ["standing desk", "desk lamp", "Café, “quoted”", "b", "c"]
    assert [row["volume"] for row in rows] == ["", "", "", "7", ""]
    assert (report["imported"], report["rejected"]) == (5, [])
    imported = api.client.get(f"/api/v1/sites/{other}/keywords").json()["items"]
    assert [(row["text"], row["volume"]) for row in imported] == [
        (row["keyword"], int(row["volume"]) if row["volume"] else None) for row in rows
    ]
    assert [row["keyword"] for row in _rows(api, path, text="caf")] == ["Café, “quoted”"]


@pytest.mark.parametrize(
    "begins", ["=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20", "'=", "''@"]
)
def test_no_cell_is_a_formula_and_each_becomes_its_text_again(begins: str) -> None:
    cell = csv_text.safe(f"{begins}1+1")

    assert (cell, csv_text.unguarded(cell)) == (f"'{begins}1+1", f"{begins}1+1")


@pytest.mark.parametrize("text", ["a=1", "'t hof", "''t hof", "", "'", "''"])
def test_a_text_that_is_no_formula_goes_out_and_comes_back_as_it_is(text: str) -> None:
    assert (csv_text.safe(text), csv_text.unguarded(text)) == (text, text)


def test_what_is_no_formula_is_left_alone() -> None:
    values = ("a=1", "", None, -5, 7, ContentStatus.REVIEW, True, Decimal("-1E-12"))

    assert [csv_text.safe(value) for value in values] == ["a=1", "", "", "-5", "7", "review", "true", "-0.000000000001"]


def test_keywords_that_look_like_formulas_are_the_same_keywords_when_they_come_back(api: Api) -> None:
    with api.database.transaction() as session:
        texts = ["=q", "'=q", "\uff0bq", "'t hof"]
        make_keywords(session, site=session.get_one(Site, api.mine.site_id), texts=texts)
    path = f"/api/v1/sites/{api.mine.site_id}/keywords"

    report = api.client.post(f"{path}/import", content=api.client.get(f"{path}.csv").content).json()

    assert (report["read"], report["imported"], report["duplicates"]) == (6, 0, 6)


def test_a_formula_among_the_titles_is_taken_away_as_a_text(api: Api) -> None:
    with api.database.transaction() as session:
        site = session.get_one(Site, api.mine.site_id)
        make_content(session, site=site, title='=HYPERLINK("x")', status=ContentStatus.REVIEW)

    rows = _rows(api, f"/sites/{api.mine.site_id}/content.csv")

    assert [(row["title"], row["status"]) for row in rows] == [
        ("How to stand", "scheduled"), ("'=HYPERLINK(\"x\")", "review"),
    ]  # fmt: skip
    assert [bool(row["slot_at"]) for row in rows] == [True, False]
    assert len(_rows(api, f"/sites/{api.mine.site_id}/content.csv", status="review")) == 1


def test_movements_of_the_balance_are_taken_away_oldest_first(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.services.exports.PORTION", 1)
    call_id = settled_call(api, api.mine, charge=137_500)
    with api.database.transaction() as session:
        refunds.refund(session, account_id=api.mine.account_id, call_id=call_id, reason="=1+1", actor="cli", now=AT)

    rows = _rows(api, "/credits/entries.csv")

    assert [(row["kind"], row["amount"]) for row in rows[-2:]] == [("charge", "-0.1375"), ("refund", "0.1375")]
    assert rows[-1]["note"] == "'=1+1"
    assert [int(row["id"]) for row in rows] == sorted(int(row["id"]) for row in rows)
    assert len(_rows(api, "/credits/entries.csv", kind="refund")) == 1
    assert api.client.get("/api/v1/credits/entries.csv", headers=api.key(Role.VIEWER)).status_code == 200


def test_a_report_is_taken_away_with_what_concerns_whoever_asks(api: Api) -> None:
    settled_call(api, api.mine, charge=CREDIT, cost=15_000_000_000)
    june = {"first": "2026-06-01", "last": "2026-06-30"}

    [of_owner] = _rows(api, "/reports/stage.csv", **june)
    api.client.headers.update(api.key(Role.PLATFORM_ADMIN))
    [of_admin] = _rows(api, "/reports/stage.csv", **june)

    assert (of_owner["name"], of_owner["credits"], of_owner["cost_usd"]) == ("Tasks → Content", "1", "")
    assert (of_admin["revenue_usd"], of_admin["cost_usd"], of_admin["margin_usd"]) == ("0.01", "0.015", "-0.005")
    assert api.client.get("/api/v1/reports/account.csv", headers=api.key()).status_code == 403


def test_runs_are_taken_away(api: Api) -> None:
    rows = _rows(api, "/runs.csv")

    assert [(row["id"], row["status"]) for row in rows] == [(str(api.mine.run_id), "queued")]
    assert _rows(api, "/runs.csv", site_id=str(api.mine.site_id)) == rows
