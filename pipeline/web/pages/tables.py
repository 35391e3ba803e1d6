"""Owns how tables read on a phone: each row a card, each cell with the name of its column. Done once, in the template.

Only tables of the classes `list` and `items` are changed. CSS that turns rows into cards takes their meaning away in
some browsers, which is why they have explicit roles (WCAG 2.2, 1.3.1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from jinja2.ext import Extension

_TABLE: Final = re.compile(r'<table class="(?:list|items)">.*?</table>', re.DOTALL)
_COLUMN: Final = re.compile(r'<th scope="col"(?! class="tick")[^>]*>(.*?)</th>')
_ROW: Final = re.compile(r"<tr\b.*?</tr>", re.DOTALL)
_CELL: Final = re.compile(r'<td(?! class="tick")')
_ROLES: Final = (
    (re.compile(r"<table\b"), "table"),
    (re.compile(r"<(?:thead|tbody)\b"), "rowgroup"),
    (re.compile(r"<tr\b"), "row"),
    (re.compile(r'<th(?= scope="col")'), "columnheader"),
    (re.compile(r'<th(?= scope="row")'), "rowheader"),
    (re.compile(r"<td\b"), "cell"),
)


class Tables(Extension):
    """Gives lists their roles and their cells the names of their columns, before a template is compiled."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002 - Jinja’s
        """The source of a template with its lists told in full."""
        return _TABLE.sub(lambda found: _told(found[0]), source)


def _told(table: str) -> str:
    """A list whose cells name their columns. The first column is the row's own name; one of buttons has none."""
    columns = _COLUMN.findall(table)[1:]
    table = _ROW.sub(lambda row: _named(row[0], columns), table)
    for pattern, role in _ROLES:
        table = pattern.sub(rf'\g<0> role="{role}"', table)
    return table


def _named(row: str, columns: Sequence[str]) -> str:
    names = iter(columns)
    return _CELL.sub(lambda _: _cell(next(names, "")), row)


def _cell(column: str) -> str:
    return "<td" if not column or column.startswith("<") else f'<td data-label="{column}"'
