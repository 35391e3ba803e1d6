"""`site set|delete|restore`: the same rules as over HTTP."""

from __future__ import annotations

from sqlalchemy import select

from pipeline.core.states import ContentStatus
from pipeline.db.session import Database
from pipeline.models import Site
from tests.integration.cli.conftest import Igny8
from tests.support.builders import make_content


def test_a_site_goes_and_comes_back(ready: Database, igny8: Igny8) -> None:
    gone = igny8("site", "delete", "Desks", "--json").json

    assert (gone["site_id"], gone["drafts"], gone["had"]["drafts"]) == (1, "keep", 0)
    assert igny8("site", "list", "--json").json == []
    assert [site["name"] for site in igny8("site", "list", "--deleted", "--json").json] == ["Desks"]
    assert igny8("site", "show", "Desks").code == 1
    assert "is back" in igny8("site", "restore", "Desks").out
    assert igny8("site", "show", "Desks").code == 0
    assert igny8("site", "restore", "Desks").code == 1


def test_drafts_are_asked_about(ready: Database, igny8: Igny8) -> None:
    with ready.transaction() as session:
        make_content(session, site=session.scalars(select(Site)).one(), status=ContentStatus.REVIEW)

    refused = igny8("site", "delete", "Desks")
    told = igny8("site", "delete", "Desks", "--drafts", "delete")

    assert refused.code != 0
    assert "Say what becomes of the articles" in refused.err
    assert "igny8 site restore 1" in told.out


def test_a_site_is_renamed_and_gets_an_address(ready: Database, igny8: Igny8) -> None:
    refused = igny8("site", "set", "Desks", "--url", "ftp://oak", "--name", "")
    changed = igny8("site", "set", "Desks", "--url", "https://oak.example", "--name", "Oak", "--json").json

    assert refused.code != 0
    assert "name:" in refused.err
    assert "url:" in refused.err
    assert (changed["name"], changed["url"], changed["timezone"]) == ("Oak", "https://oak.example", "Europe/Berlin")
    assert igny8("site", "set", "Oak").code != 0
    assert igny8("site", "set", "Oak", "--name", "Desks", "--preview").code != 0
