"""Lists as CSV, the ledger, deleted keywords and articles, versions, preferences: what the API does, by commands."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from pipeline.core.roles import Role
from pipeline.core.states import ContentStatus
from pipeline.db.session import Database
from pipeline.models import Site
from pipeline.services import users
from tests.support.builders import make_content

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Igny8, Outcome


def _rows(outcome: Outcome) -> list[dict[str, str]]:
    assert outcome.code == 0, outcome.err
    return list(csv.DictReader(io.StringIO(outcome.out, newline="")))


def _article(database: Database, title: str) -> str:
    with database.transaction() as session:
        site = session.scalars(select(Site)).one()
        return str(make_content(session, site=site, title=title, status=ContentStatus.REVIEW).id)


def test_lists_are_printed_as_csv_whole_and_without_formulas(
    igny8: Igny8, ready: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.services.exports.PORTION", 1)
    igny8("keywords", "add", "Desks", "=1+1", "standing desk")
    _article(ready, "+1 desk")

    assert [row["keyword"] for row in _rows(igny8("keywords", "list", "Desks", "--csv", "--limit", "1"))] == [
        "'=1+1", "standing desk",
    ]  # fmt: skip
    assert [row["title"] for row in _rows(igny8("content", "list", "Desks", "--csv"))] == ["'+1 desk"]
    assert [(row["kind"], row["amount"]) for row in _rows(igny8("credits", "entries", "--csv"))] == [
        ("grant", "10000"),
    ]  # fmt: skip
    assert _rows(igny8("runs", "--csv")) == []
    assert igny8("report", "--csv").out.startswith("key,name,testing,answered,")
    both = igny8("runs", "--csv", "--json")
    assert (both.code, both.out) == (2, "")


def test_the_ledger_is_listed_by_kind(igny8: Igny8, ready: Database) -> None:
    igny8("credits", "grant", "5", "--note", "thanks")

    [last, first] = igny8("credits", "entries", "--kind", "grant", "--json").json

    assert (last["amount"], last["note"], first["amount"]) == ("5", "thanks", "10000")
    assert igny8("credits", "entries", "--kind", "refund", "--json").json == []
    assert "thanks" in igny8("credits", "entries").out


def test_a_keyword_is_deleted(igny8: Igny8, ready: Database) -> None:
    igny8("keywords", "add", "Desks", "standing desk")

    deleted = igny8("keywords", "delete", "1", "--json").json

    assert deleted == {"keyword_id": 1, "cluster_id": None, "ideas": 0, "articles": 0}
    assert igny8("keywords", "list", "Desks", "--json").json == []
    assert igny8("keywords", "delete", "1").code == 1


def test_an_article_says_again_what_it_said(igny8: Igny8, ready: Database) -> None:
    content_id = _article(ready, "How to stand")
    igny8("content", "edit", content_id, "--title", "How to sit")

    listed = igny8("content", "versions", content_id, "--json").json
    restored = igny8("content", "restore", content_id, "--version", "1")

    assert [(row["version"], row["title"], row["replaced_by"]) for row in listed] == [
        (2, "How to sit", None),
        (1, "How to stand", "cli"),
    ]
    assert restored.out == "Version 3 of How to stand says what version 1 said.\n"
    assert igny8("content", "restore", content_id, "--version", "9").code == 1


def test_a_deleted_article_comes_back(igny8: Igny8, ready: Database) -> None:
    content_id = _article(ready, "How to stand")
    igny8("content", "delete", content_id)

    listed = igny8("content", "list", "Desks", "--deleted", "--json").json
    restored = igny8("content", "restore", content_id)

    assert [row["id"] for row in listed] == [int(content_id)]
    assert restored.out == "How to stand is back: review.\n"
    assert igny8("content", "restore", content_id).code == 1


def test_a_person_prefers_and_goes_back_to_the_defaults(igny8: Igny8, ready: Database) -> None:
    with ready.transaction() as session:
        users.add(session, account_id=1, email="ann@example.com", role=Role.EDITOR, now=ready.now())

    chosen = igny8("preferences", "set", "ann@example.com", "theme=dark", "page_size=100", "--json").json
    igny8("preferences", "set", "ann@example.com", "page_size=")
    refused = igny8("preferences", "set", "ann@example.com", "theme=pink", "size=1")

    assert chosen == {"theme": "dark", "page_size": 100, "timezone": None}
    assert igny8("preferences", "show", "ann@example.com", "--json").json == {
        "theme": "dark", "page_size": 50, "timezone": None,
    }  # fmt: skip
    assert (refused.code, "size: there is no such setting. Did you mean page_size?" in refused.err) == (2, True)
