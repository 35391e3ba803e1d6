"""Owns how tests read `docs/`: sections, tables, pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from tests.support.sources import ROOT

_TICKS = re.compile(r"`([^`]+)`")


@cache
def document(name: str) -> str:
    """A file of `docs/`."""
    return (ROOT / "docs" / name).read_text("utf-8")


@cache
def sections(name: str) -> dict[str, str]:
    """The parts of a document by their `##` headings."""
    parts = re.split(r"^## +(.+)$", document(name), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> Iterator[list[str]]:
    """The rows of the tables in a text, without headings and rules."""
    lines = [line.strip() for line in text.splitlines()]
    for number, line in enumerate(lines):
        if line.startswith("|") and not line.startswith("|---") and not _heads_a_table(lines, number):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def named_rows(text: str) -> dict[str, list[str]]:
    """The rows whose first cell is one `name`, by that name; a name that comes twice is a fault."""
    found: dict[str, list[str]] = {}
    for first, *rest in rows(text):
        match = _TICKS.fullmatch(first)
        if match:
            assert match[1] not in found, f"{match[1]} stands twice"
            found[match[1]] = rest
    return found


def unticked(cell: str) -> str:
    """A cell without the marks of code."""
    return cell.replace("`", "")


def _heads_a_table(lines: list[str], number: int) -> bool:
    return number + 1 < len(lines) and lines[number + 1].startswith("|---")
