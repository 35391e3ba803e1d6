"""`prompts list|show|set|reset`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.db.session import Database

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Igny8

pytestmark = pytest.mark.usefixtures("seven_stages")

STAGE = "tasks_to_content"


def _file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "prompt.md"
    path.write_text(text, "utf-8")
    return str(path)


def test_a_site_gets_words_of_its_own_and_goes_back(igny8: Igny8, ready: Database, tmp_path: Path) -> None:
    default = igny8("prompts", "show", STAGE).out
    said = igny8("prompts", "set", STAGE, _file(tmp_path, "Für {language}.\n"), "--site", "Desks").out
    of_site = igny8("prompts", "show", STAGE, "--site", "Desks", "--json").json
    back = igny8("prompts", "reset", STAGE, "--site", "Desks", "--json").json

    assert default.startswith("You write one article")
    assert said == "Tasks → Content uses the words of the site, version 1, from the next run on.\n"
    assert (of_site["text"], of_site["origin"], of_site["version"]) == ("Für {language}.", "site", 1)
    assert of_site["placeholders"] == ["language", "min_words"]
    assert igny8("prompts", "show", STAGE).out == default
    assert (back["origin"], back["version"]) == ("default", None)


def test_every_stage_that_asks_in_words_is_listed(igny8: Igny8, ready: Database, tmp_path: Path) -> None:
    igny8("prompts", "set", STAGE, _file(tmp_path, "Write."))

    listed = igny8("prompts", "list", "--json").json
    shown = igny8("prompts", "list").out

    assert [(each["stage"], each["origin"]) for each in listed] == [
        ("keywords_to_clusters", "default"),
        ("clusters_to_ideas", "default"),
        (STAGE, "account"),
        ("content_to_prompts", "default"),
    ]
    assert "Tasks → Content" in shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"Write {words}.", "text: {words} is no placeholder of this stage. Allowed are: {language}, {min_words}."),
        (b"\xff\xfe\xff", "{file} is no text in UTF-8."),
        (None, "{file} cannot be read: No such file or directory."),
    ],
)
def test_what_is_no_prompt_is_refused(
    igny8: Igny8, ready: Database, tmp_path: Path, text: bytes | None, said: str
) -> None:
    file = tmp_path / "prompt.md"
    if text is not None:
        file.write_bytes(text)

    refused = igny8("prompts", "set", STAGE, str(file))

    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(f"Error: {said.replace('{file}', str(file))}")
