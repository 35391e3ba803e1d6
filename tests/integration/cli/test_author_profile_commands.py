"""`author-profiles list|show|add|edit|delete|restore|choose`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.db.session import Database

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Igny8

KEY = "content.author_profile"


def _file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "author.md"
    path.write_text(text, "utf-8")
    return str(path)


def test_a_site_writes_as_a_profile_until_it_is_deleted(igny8: Igny8, ready: Database, tmp_path: Path) -> None:
    added = igny8("author-profiles", "add", "Mara", _file(tmp_path, "Dry humour.\n"))
    chosen = igny8("author-profiles", "choose", "Desks", "Mara")
    igny8("author-profiles", "edit", "1", "--file", _file(tmp_path, "Long sentences."))
    [listed] = igny8("author-profiles", "list", "--json").json
    said = igny8("settings", "show", "Desks", "--json").json["content"]["author_profile"]
    deleted = igny8("author-profiles", "delete", "Mara")
    restored = igny8("author-profiles", "restore", "Mara", "--json").json

    assert added.out.startswith("Author profile 1, Mara, is ready.\n")
    assert chosen.out == "Desks writes as Mara, from the next run on.\n"
    assert (listed["text"], said) == ("Long sentences.", "Long sentences.")
    assert [site["name"] for site in listed["sites"]] == ["Desks"]
    assert deleted.out.startswith("Mara is deleted. Sites that keep its words as their own: Desks.\n")
    assert restored["sites"] == []
    assert igny8("author-profiles", "show", "Mara").out == "Long sentences.\n"


def test_without_a_profile_the_site_keeps_the_words_as_its_own(igny8: Igny8, ready: Database, tmp_path: Path) -> None:
    igny8("author-profiles", "add", "Mara", _file(tmp_path, "Dry humour."))
    igny8("author-profiles", "choose", "Desks", "Mara")

    left = igny8("author-profiles", "choose", "Desks")
    igny8("author-profiles", "edit", "Mara", "--file", _file(tmp_path, "Long sentences."))

    assert left.out == "Desks writes as nobody but its own words, from the next run on.\n"
    assert igny8("settings", "show", "Desks", "--json").json["content"]["author_profile"] == "Dry humour."


def test_what_is_not_there_is_named(igny8: Igny8, ready: Database) -> None:
    refused = igny8("author-profiles", "choose", "Desks", "Nobody")

    assert refused.code == 1
    assert "There is no author profile 'Nobody'. `igny8 author-profiles list` lists yours." in refused.err
