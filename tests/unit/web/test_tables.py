"""Lists: every cell names its column, everything has its role, in each template that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from pipeline.web.pages.tables import Tables
from tests.support.sources import ROOT

_TEMPLATES = sorted((ROOT / "pipeline/web/pages/templates").glob("*.html"))
_LIST = re.compile(r'<table role="table" class="(?:list|items)".*?</table>', re.DOTALL)


def _told(source: str) -> str:
    return (
        Environment(loader=DictLoader({"it": source}), extensions=[Tables], autoescape=True).get_template("it").render()
    )


def test_a_cell_is_told_with_the_name_of_its_column_and_its_role() -> None:
    told = _told(
        '<table class="list"><thead><tr><th scope="col" class="tick"><input></th><th scope="col">Article</th>'
        '<th scope="col" class="r">Words</th><th scope="col"><span class="sr">Actions</span></th></tr></thead>'
        '<tbody>{% for words in (9, 8) %}<tr><td class="tick"><input></td><th scope="row">One</th>'
        '<td class="r num">{{ words }}</td><td class="r">Edit</td></tr>{% endfor %}</tbody></table>'
    )

    assert told == (
        '<table role="table" class="list"><thead role="rowgroup"><tr role="row">'
        '<th role="columnheader" scope="col" class="tick"><input></th><th role="columnheader" scope="col">Article</th>'
        '<th role="columnheader" scope="col" class="r">Words</th>'
        '<th role="columnheader" scope="col"><span class="sr">Actions</span></th></tr></thead><tbody role="rowgroup">'
        + "".join(
            '<tr role="row"><td role="cell" class="tick"><input></td><th role="rowheader" scope="row">One</th>'
            f'<td role="cell" data-label="Words" class="r num">{words}</td><td role="cell" class="r">Edit</td></tr>'
            for words in (9, 8)
        )
        + "</tbody></table>"
    )


def test_rows_that_are_written_out_begin_at_the_first_column_each() -> None:
    told = _told(
        '<table class="list"><thead><tr><th scope="col">Key</th><th scope="col">Does</th></tr></thead><tbody>'
        '<tr><th scope="row">a</th><td>x</td></tr><tr><th scope="row">b</th><td>y</td></tr></tbody></table>'
    )

    assert re.findall(r'data-label="Does">(.)', told) == ["x", "y"]


def test_another_table_stays_as_it_is() -> None:
    assert _told('<table class="diff"><tr><td>x</td></tr></table>') == '<table class="diff"><tr><td>x</td></tr></table>'


@pytest.mark.parametrize("template", _TEMPLATES, ids=lambda path: path.name)
def test_each_row_names_every_column_that_has_a_name(template: Path) -> None:
    for told in _LIST.findall(Tables(Environment(autoescape=True)).preprocess(template.read_text(), None)):
        head, _, body = told.partition("</thead>")
        headings = re.findall(r'scope="col"(?! class="tick")[^>]*>(.*?)</th>', head)[1:]
        for row in re.findall(r"<tr\b.*?</tr>", body, re.DOTALL):
            assert re.findall(r'data-label="([^"]*)"', row) == [one for one in headings if not one.startswith("<")]
