"""Owns what the values of a file say about its columns where no heading does.

Never: guesses a difficulty or a country: a wrong figure does more harm than a missing one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pipeline.services.keyword_files.intents import read_intent
from pipeline.services.keyword_files.numbers import Kind, read_volume

#: The share of rows that must agree before a comma, which keywords have in them too, separates columns.
_STEADY_SHARE = 0.8
#: The share for delimiters that hardly any keyword has in it.
_MOSTLY_SHARE = 0.5
_FEW_ROWS = 3
_FIGURES = (Kind.EXACT, Kind.RANGE)


@dataclass(frozen=True)
class Guess:
    """What one reading of the first rows looks like; positions count from 0."""

    width: int
    #: The share of rows that have exactly `width` cells.
    share: float
    #: The share of rows that have more than one cell.
    split: float
    keyword: int
    volume: int | None
    intent: int | None
    #: How many columns hold one kind of thing only: figures, intents, or nothing.
    typed: int
    #: Whether the first row holds words where all others hold figures.
    first_row_names: bool
    #: How many rows this rests on.
    rows: int

    def separates(self, delimiter: str, *, is_prose: bool) -> bool:
        """Tell whether reading with `delimiter` is right, rather than one keyword a line with it inside.

        `is_prose`: somewhere the delimiter is followed by a blank, as people write and programs do not.
        """
        if self.width < 2:  # noqa: PLR2004 - one cell is not separated
            return False
        if delimiter == ",":
            is_regular = self.share == 1.0 and self.rows >= _FEW_ROWS and not is_prose
            return is_regular or (self.share >= _STEADY_SHARE and self.typed > 0)
        return self.split >= _MOSTLY_SHARE or self.typed > 0


def guess_columns(rows: Sequence[Sequence[str]], *, unused: AbstractSet[int] = frozenset()) -> Guess:
    """Return what the columns of `rows` hold; columns in `unused` are not taken as the keyword."""
    widths = Counter(len(row) for row in rows if len(row) > 1)
    width = widths.most_common(1)[0][0] if widths else 1
    columns = [[row[at].strip() for row in rows if at < len(row)] for at in range(width)]
    figures = [at for at, cells in enumerate(columns) if _mostly(cells[1:] or cells, _is_figure)]
    intents = [at for at, cells in enumerate(columns) if at not in figures and _mostly(cells, _is_intent)]
    empty = [at for at, cells in enumerate(columns) if not any(cells)]
    texts = [at for at in range(width) if at not in {*figures, *intents, *empty, *unused}]
    keyword = texts[0] if texts else 0
    return Guess(
        width=width,
        share=widths[width] / len(rows) if rows else 0.0,
        split=widths.total() / len(rows) if rows else 0.0,
        keyword=keyword,
        volume=next((at for at in figures if at != keyword and not _counts_rows(columns[at])), None),
        intent=next((at for at in intents if at != keyword), None),
        typed=len({*figures, *intents, *empty} - {keyword}),
        first_row_names=_first_row_names(columns, figures) and len(rows) >= _FEW_ROWS,
        rows=len(rows),
    )


def _is_figure(cell: str) -> bool:
    """Tell whether a cell can stand in a column of figures and says something."""
    return read_volume(cell).kind in _FIGURES


def _is_intent(cell: str) -> bool:
    return read_intent(cell, codes=False)[0] is not None


def _mostly(cells: Sequence[str], test: Callable[[str], bool]) -> bool:
    filled = [cell for cell in cells if read_volume(cell).kind is not Kind.UNKNOWN]
    return bool(filled) and sum(map(test, filled)) >= _STEADY_SHARE * len(filled)


def _counts_rows(cells: Sequence[str]) -> bool:
    """Tell a column of row numbers, 1 2 3 …, from a volume."""
    values = [read_volume(cell).value for cell in cells]
    return len(values) > 1 and values in (list(range(len(values))), list(range(1, len(values) + 1)))


def _first_row_names(columns: Sequence[Sequence[str]], figures: Sequence[int]) -> bool:
    tops = [columns[at][0] for at in figures if len(columns[at]) > 1 and columns[at][0]]
    return bool(tops) and not any(_is_figure(top) for top in tops)
