"""Owns how a keyword file is laid out: its delimiter, its header row, and which column means what.

Never: reads more than the first lines of a file, and never takes a first line for a header it does not recognise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.services.keyword_files.guesses import Guess, guess_columns
from pipeline.services.keyword_files.headers import Column, Heading, counts_impressions, heading
from pipeline.services.keyword_files.numbers import Kind, read_volume
from pipeline.services.keyword_files.records import Record, read_records

#: In the order in which they win where a file can be read with several of them equally well.
DELIMITERS = ("\t", ";", "|", ",")

#: How many records may stand above the header; the Keyword Planner writes two, reports of agencies a dozen.
_MAX_HEADER_RECORD = 25
_FEW = 2
_DECLARED = re.compile(r"\ufeff?\"?sep=([,;|:\t])\"?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """How to read a file. Records up to line `header_line` (0: there is no header) are no data."""

    delimiter: str | None
    header_line: int
    #: The cells of the header row; empty where there is none.
    headings: tuple[str, ...]
    #: How many cells a record has.
    width: int
    #: Which column (from 0) means what; the keyword is always there.
    positions: dict[Column, int]
    warnings: tuple[str, ...] = field(default=())

    @property
    def columns(self) -> dict[Column, str]:
        """Each meaning with the heading it was found under, or its place where there is no heading."""
        return {column: self.heading_at(position) for column, position in self.positions.items()}

    def heading_at(self, position: int) -> str:
        """Return the heading of a column as the file writes it, or `column 2` where it has none."""
        text = " ".join(self.headings[position].split()) if position < len(self.headings) else ""
        return text or f"column {position + 1}"


def detect_layout(lines: Sequence[str], *, first_line: int = 1) -> Layout:
    """Return the layout of a file, judged by its first lines, which begin at line `first_line` of it."""
    declared = _DECLARED.fullmatch(lines[0]) if lines else None
    delimiters = (declared[1],) if declared else DELIMITERS
    sample = _Sample(lines[1:] if declared else lines, first_line + 1 if declared else first_line)
    headed = [found for delimiter in delimiters if (found := _find_header(sample, delimiter))]
    if headed:
        return _from_header(max(headed, key=lambda header: header.score), sample)
    return _from_values(sample, delimiters)


@dataclass(frozen=True)
class _Sample:
    lines: Sequence[str]
    #: The physical line on which `lines` begin.
    first_line: int

    def records(self, delimiter: str | None, *, after: int = 0) -> list[Record]:
        """Return the records below line `after` that have anything in them."""
        records = read_records(self.lines, delimiter=delimiter, first_line=self.first_line)
        return [record for record in records if record.line > after and any(cell.strip() for cell in record.cells)]

    def is_prose(self, delimiter: str) -> bool:
        """Tell whether a blank follows the delimiter somewhere, as people write and programs do not."""
        return any(f"{delimiter} " in line for line in self.lines)


@dataclass(frozen=True)
class _Header:
    delimiter: str
    record: Record
    headings: tuple[Heading | None, ...]
    preamble: int

    @property
    def score(self) -> tuple[bool, int, int]:
        """Rank readings of one file with different delimiters."""
        known = [heading for heading in self.headings if heading]
        return any(heading.column is Column.KEYWORD for heading in known), len(known), len(self.headings)


def _find_header(sample: _Sample, delimiter: str) -> _Header | None:
    for index, record in enumerate(sample.records(delimiter)[:_MAX_HEADER_RECORD]):
        headings = tuple(heading(cell) for cell in record.cells)
        if len(headings) >= _FEW and _is_header(record.cells, headings, first=index == 0):
            return _Header(delimiter, record, headings, preamble=index)
    return None


def _is_header(cells: list[str], headings: Sequence[Heading | None], *, first: bool) -> bool:
    known = [heading for heading in headings if heading]
    has_keyword = any(heading.column is Column.KEYWORD for heading in known)
    if len(known) >= _FEW and (has_keyword or any(heading.column for heading in known)):
        return True
    has_figure = any(read_volume(cell).kind in (Kind.EXACT, Kind.RANGE) for cell in cells)
    return first and not has_figure and any(heading.alone for heading in known)


def _from_header(header: _Header, sample: _Sample) -> Layout:
    cells = header.record.cells
    positions = _positions(header.headings)
    warnings = []
    if Column.KEYWORD not in positions:
        rows = [record.cells for record in sample.records(header.delimiter, after=header.record.line)]
        guess = guess_columns(rows, unused={at for at, known in enumerate(header.headings) if known})
        positions[Column.KEYWORD] = guess.keyword
        name = " ".join(cells[guess.keyword].split()) if guess.keyword < len(cells) else ""
        warnings.append(f"No column is named as the keyword; '{name or guess.keyword + 1}' was taken.")
    if Column.VOLUME in positions and counts_impressions(cells[positions[Column.VOLUME]]):
        warnings.append(
            f"The file has no search volume; '{cells[positions[Column.VOLUME]]}' was taken for it, "
            "which counts how often the site's own pages were shown."
        )
    if header.preamble:
        warnings.append(f"The lines above the header on line {header.record.line} were passed over.")
    return Layout(header.delimiter, header.record.line, tuple(cells), len(cells), positions, tuple(warnings))


def _positions(headings: Sequence[Heading | None]) -> dict[Column, int]:
    """Return the best heading of each column; of equals the leftmost."""
    positions: dict[Column, int] = {}
    for column in Column:
        rivals = [(known.rank, at) for at, known in enumerate(headings) if known and known.column is column]
        if rivals:
            positions[column] = min(rivals)[1]
    return positions


def _from_values(sample: _Sample, delimiters: Sequence[str]) -> Layout:
    """Lay out a file without a header that is known: by its values, and only so far as they are plain."""
    header = _lone_heading(sample)
    header_line = header.line if header else sample.first_line - 1
    guesses = []
    for delimiter in delimiters:
        guess = guess_columns([record.cells for record in sample.records(delimiter, after=header_line)])
        if guess.separates(delimiter, is_prose=sample.is_prose(delimiter)):
            guesses.append((guess.typed, -delimiters.index(delimiter), delimiter, guess))
    if not guesses:
        headings = tuple(header.cells) if header else ()
        return Layout(None, header_line, headings, 1, {Column.KEYWORD: 0})
    _, _, delimiter, guess = max(guesses, key=lambda entry: entry[:2])
    if guess.first_row_names:
        return _from_unknown_header(sample.records(delimiter, after=header_line)[0], guess, delimiter)
    return _without_header(header, header_line, guess=guess, delimiter=delimiter)


def _lone_heading(sample: _Sample) -> Record | None:
    """Return the first line where it is a heading that can stand alone, over a list of keywords."""
    first = next(iter(sample.records(None)), None)
    known = heading(first.cells[0]) if first and len(first.cells) == 1 else None
    return first if known and known.alone else None


def _from_unknown_header(first: Record, guess: Guess, delimiter: str) -> Layout:
    """Use a first row that is no data (words above figures) though its headings are mostly unknown."""
    positions = _positions([heading(cell) for cell in first.cells])
    positions.setdefault(Column.KEYWORD, guess.keyword)
    warning = f"No heading on line {first.line} is known as the keyword's; column {guess.keyword + 1} was taken."
    return Layout(delimiter, first.line, tuple(first.cells), guess.width, positions, (warning,))


def _without_header(header: Record | None, header_line: int, *, guess: Guess, delimiter: str) -> Layout:
    guessed = {Column.KEYWORD: guess.keyword, Column.VOLUME: guess.volume, Column.INTENT: guess.intent}
    positions = {column: position for column, position in guessed.items() if position is not None}
    places = ", ".join(f"column {position + 1} was taken as the {column}" for column, position in positions.items())
    warning = f"The file does not name its columns; {places}."
    headings = tuple(header.cells) if header else ()
    return Layout(delimiter, header_line, headings, guess.width, positions, (warning,))
