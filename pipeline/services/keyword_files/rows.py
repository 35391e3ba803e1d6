"""Owns what one record says: a keyword with its figures, a row to reject with a reason, or nothing.

Never: opens a file, and never rejects a keyword for a figure that cannot be read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from pipeline.core.csv_text import unguarded
from pipeline.core.normal import display_text
from pipeline.core.words import counted
from pipeline.services.keyword_files.headers import Column
from pipeline.services.keyword_files.intents import read_intent
from pipeline.services.keyword_files.layout import Layout
from pipeline.services.keyword_files.numbers import MAX_DIFFICULTY, Figure, Kind, read_difficulty, read_volume
from pipeline.services.keyword_files.records import Record

MAX_KEYWORD_CHARACTERS = 200

_MAX_COUNTRY_CHARACTERS = 60
_UNREADABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_MARKUP = re.compile(
    r"<[/!?]?[a-z][^<>]*>|<!--|<!\[cdata\[|</?(?:script|iframe|style|svg|img|object|embed|link|meta|form|body|html)\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)


class KeywordRow(NamedTuple):
    """One keyword as it may be stored, with what the file says about it; None: the file does not say."""

    #: The physical line the record starts on, from 1.
    line: int
    #: At most `MAX_KEYWORD_CHARACTERS` characters, cleaned by `display_text`.
    text: str
    #: Searches a month.
    volume: int | None
    #: 0 to 100.
    difficulty: int | None
    #: Of `commercial, informational, navigational, transactional`, joined by a comma and a blank.
    intent: str | None
    #: As the file names it; two letters are upper case.
    country: str | None


class RejectedRow(NamedTuple):
    """One record that cannot be used, and the sentence why."""

    line: int
    reason: str


class Note(StrEnum):
    """What happened to rows that were kept all the same."""

    #: The volume is no figure.
    VOLUME = "volume"
    #: The difficulty is no figure from 0 to 100.
    DIFFICULTY = "difficulty"
    #: The intent is none of the four.
    INTENT = "intent"
    #: The volume is a range.
    RANGE = "range"
    #: More cells than the header names.
    SURPLUS = "surplus"
    #: A quotation mark that is never closed.
    UNCLOSED = "unclosed"


@dataclass(frozen=True)
class _First:
    line: int
    value: str


class RowReader:
    """Reads records by one layout, and counts what it had to pass over."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._keyword = layout.positions[Column.KEYWORD]
        self._counts: Counter[Note] = Counter()
        self._firsts: dict[Note, _First] = {}

    def read(self, record: Record) -> KeywordRow | RejectedRow | None:
        """Return what `record` says; None for a blank line, and for the header row where it comes again."""
        cells = record.cells
        if not any(cells) or tuple(cells) == self._layout.headings:
            return None
        if len(cells) > self._layout.width:
            cells = self._fitted(record)
        raw = cells[self._keyword] if self._keyword < len(cells) else ""
        text = display_text(unguarded(raw))
        if not text and not any(display_text(cell) for cell in cells):
            return None
        if record.unclosed:
            self._note(Note.UNCLOSED, record.line, text)
        if reason := rejection(raw, text):
            return RejectedRow(record.line, reason)
        return KeywordRow(
            record.line,
            text,
            self._figure(Column.VOLUME, cells, record.line),
            self._figure(Column.DIFFICULTY, cells, record.line),
            self._intent(cells, record.line),
            _country(self._cell(Column.COUNTRY, cells)),
        )

    def warnings(self) -> list[str]:
        """Return one sentence for each kind of thing passed over so far."""
        return [self._sentence(note, count) for note, count in sorted(self._counts.items())]

    def _cell(self, column: Column, cells: list[str]) -> str:
        position = self._layout.positions.get(column)
        return cells[position] if position is not None and position < len(cells) else ""

    def _figure(self, column: Column, cells: list[str], line: int) -> int | None:
        cell = self._cell(column, cells)
        if not cell:
            return None
        figure = _read_figure(column, cell)
        if figure.kind is Kind.UNUSABLE:
            self._note(Note(column), line, cell)
        elif figure.kind is Kind.RANGE:
            self._note(Note.RANGE, line, cell)
        return figure.value

    def _intent(self, cells: list[str], line: int) -> str | None:
        cell = self._cell(Column.INTENT, cells)
        if not cell:
            return None
        intent, understood = read_intent(cell)
        if not understood:
            self._note(Note.INTENT, line, cell)
        return intent

    def _fitted(self, record: Record) -> list[str]:
        """Mend a row with too many cells where that explains its figures: a comma inside an unquoted keyword."""
        cells, width = record.cells, self._layout.width
        if not any(cell.strip() for cell in cells[width:]):
            return cells[:width]
        surplus, start = len(cells) - width, self._keyword
        joined = f"{self._layout.delimiter} ".join(cell.strip() for cell in cells[start : start + surplus + 1])
        mended = [*cells[:start], joined, *cells[start + surplus + 1 :]]
        fitted = mended if self._misfits(mended) < self._misfits(cells) else cells
        self._note(Note.SURPLUS, record.line, fitted[start])
        return fitted

    def _misfits(self, cells: list[str]) -> int:
        figures = (Column.VOLUME, Column.DIFFICULTY)
        return sum(_read_figure(column, self._cell(column, cells)).kind is Kind.UNUSABLE for column in figures)

    def _note(self, note: Note, line: int, value: str) -> None:
        self._counts[note] += 1
        if note not in self._firsts:
            self._firsts[note] = _First(line, display_text(value[:40]))

    def _sentence(self, note: Note, count: int) -> str:
        first = self._firsts[note]
        where = f"(first on line {first.line}: '{first.value}')"
        rows = counted(count, "row")
        return {
            Note.VOLUME: f"{rows} {where}: the volume is not a number of searches; the keyword was kept without one.",
            Note.DIFFICULTY: f"{rows} {where}: the difficulty is not a number from 0 to {MAX_DIFFICULTY}; "
            "the keyword was kept without one.",
            Note.INTENT: f"{rows} {where}: the intent is not known and was left out.",
            Note.RANGE: f"{rows} {where}: the volume is a range; a figure in the middle of it was taken.",
            Note.SURPLUS: f"{rows} {where}: more cells than columns. Put quotation marks around text with a "
            f"'{self._layout.delimiter}' in it.",
            Note.UNCLOSED: f"{rows} {where}: a quotation mark is not closed; the line was read by itself.",
        }[note]


def rejection(raw: str, text: str) -> str | None:
    """Return why a keyword cannot be used, as written and as cleaned; None: it can.

    A text that looks like a formula is data here; guarding spreadsheets against it is the business of exports.
    """
    return next((reason for applies, reason in _rejections(raw, text) if applies), None)


def _rejections(raw: str, text: str) -> Iterator[tuple[bool, str]]:
    yield _UNREADABLE.search(raw) is not None, "The keyword holds control characters. Remove them."
    yield "\ufffd" in raw, "The keyword holds characters that cannot be read. Save the file as UTF-8."
    yield not text, "The keyword is empty although other cells of the row are filled."
    is_long = len(text) > MAX_KEYWORD_CHARACTERS
    yield is_long, f"The keyword is too long: at most {MAX_KEYWORD_CHARACTERS} characters are allowed."
    yield not any(letter.isalnum() for letter in text), "The keyword has no letter or digit."
    is_markup = "<" in text and _MARKUP.search(text) is not None
    yield is_markup, "The keyword contains markup. Write it as plain text."
    is_address = _ADDRESS.fullmatch(text) is not None
    yield is_address, "The keyword is a web address. Give the words people search for."


def _read_figure(column: Column, cell: str) -> Figure:
    return read_volume(cell) if column is Column.VOLUME else read_difficulty(cell)


def _country(cell: str) -> str | None:
    text = display_text(cell[: 4 * _MAX_COUNTRY_CHARACTERS])[:_MAX_COUNTRY_CHARACTERS]
    if not any(letter.isalpha() for letter in text):
        return None
    return text.upper() if len(text) == 2 else text  # noqa: PLR2004 - a country code
