"""Lists as CSV: every row, portion by portion, nothing that a spreadsheet executes."""

from __future__ import annotations

import csv
import io

import pytest
from sqlalchemy import select

from pipeline.core.states import ContentStatus
from pipeline.models import Keyword, Site
from pipeline.web import csv_rows
from tests.support.api import Api
from tests.support.builders import make_content, make_keywords


def _rows(api: Api, path: str, **query: str) -> list[dict[str, str]]:
    answer = api.client.get(f"/api/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_keywords_are_taken_away_whole_and_can_be_imported_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.web.api.exports.PORTION", 2)
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


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(begins: str) -> None:
    assert csv_rows.safe(f"{begins}1+1") == f"'{begins}1+1"


def test_what_is_no_formula_is_left_alone() -> None:
    assert [csv_rows.safe(value) for value in ("a=1", "", None, -5, 7, ContentStatus.REVIEW)] == [
        "a=1", "", "", "-5", "7", "review",
    ]  # fmt: skip


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


def test_runs_are_taken_away(api: Api) -> None:
    rows = _rows(api, "/runs.csv")

    assert [(row["id"], row["status"]) for row in rows] == [(str(api.mine.run_id), "queued")]
    assert _rows(api, "/runs.csv", site_id=str(api.mine.site_id)) == rows
