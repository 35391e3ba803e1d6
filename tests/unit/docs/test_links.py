"""What the pages lead to is there: other pages, their headings, commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from pipeline.cli.app import app
from tests.support.sources import ROOT

_PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_COMMAND = re.compile(r"(?:`|\$ |bin/)igny8 ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?")


def _anchors(page: Path) -> set[str]:
    """The names that headings are linked by."""
    headings = _HEADING.findall(page.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _is_broken(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return not target.exists() or bool(anchor and anchor not in _anchors(target))


def _links() -> Iterator[tuple[Path, str]]:
    for page in _PAGES:
        for found in _LINK.finditer(page.read_text("utf-8")):
            link = found[1] or found[2]
            if "://" not in link:
                yield page, link


def test_every_link_leads_somewhere() -> None:
    assert [f"{page.name}: {link}" for page, link in _links() if _is_broken(page, link)] == []


def test_every_command_that_a_page_names_is_one() -> None:
    outermost: Any = get_command(app)
    tree = outermost.commands
    named = {
        (first, second if hasattr(tree.get(first), "commands") else "")
        for page in _PAGES
        for first, second in _COMMAND.findall(page.read_text("utf-8"))
    }

    known = {(name, "") for name in tree} | {
        (name, child) for name, group in tree.items() for child in getattr(group, "commands", {})
    }
    assert named
    assert named - known == set()
