"""Owns turning physical lines into records of cells, so that a lost quotation mark costs one line, not the file.

Never: knows what a cell means.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

#: A quoted cell may break over lines; a record longer than this is a quotation mark that was never closed.
MAX_RECORD_LINES = 20
MAX_RECORD_CHARACTERS = 10_000

#: Stands for "one column": a character that no line has, since a file with it in it is read as separated by it.
_NO_DELIMITER = "\x1f"


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of one record; `line` is the physical line it starts on, from 1."""

    line: int
    cells: list[str]
    #: Whether a quotation mark on this line was never closed, so that the line was read by itself, literally.
    unclosed: bool = False


class _UnclosedQuoteError(Exception):
    """The record goes on for longer than a quoted line break explains."""


class _Feed(Iterator[str]):
    """Hands lines to the csv module, remembers those of the current record, and takes them back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._returned: deque[str] = deque()
        self._characters = 0
        self.taken: list[str] = []

    def __next__(self) -> str:
        if len(self.taken) >= MAX_RECORD_LINES or (self.taken and self._characters > MAX_RECORD_CHARACTERS):
            raise _UnclosedQuoteError
        line = self._returned.popleft() if self._returned else next(self._lines, None)
        if line is None:
            raise _UnclosedQuoteError if self.taken else StopIteration
        self.taken.append(line)
        self._characters += len(line)
        return line

    def begin(self) -> None:
        """Forget the record before."""
        self.taken.clear()
        self._characters = 0

    def keep_first(self) -> str:
        """Take back all lines of the record but its first."""
        self._returned.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]
        return self.taken[0]


def read_records(
    lines: Iterable[str], *, delimiter: str | None, width: int | None = None, first_line: int = 1
) -> Iterator[Record]:
    """Yield the records of `lines`; `width` is the number of cells to expect, where it is known.

    A record whose quotation marks make no sense (never closed, closed in the middle of a cell, or swallowing lines that
    are whole records themselves) is read again as its first line alone, and the others are read after it.
    """
    separator = delimiter or _NO_DELIMITER
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=separator, skipinitialspace=True, strict=True)
    line = first_line
    while True:
        feed.begin()
        record: Record | None = None
        try:
            record = Record(line, next(reader))
        except StopIteration:
            return
        except (_UnclosedQuoteError, csv.Error):
            pass
        if record is None or _swallowed(feed.taken, separator, width):
            several = len(feed.taken) > 1
            record = Record(line, _alone(feed.keep_first(), separator, width), unclosed=several or record is None)
        yield record
        line += len(feed.taken)


def _swallowed(lines: list[str], separator: str, width: int | None) -> bool:
    """Tell whether a record of several lines is several records between two stray quotation marks."""
    if width is None or width < 2 or len(lines) < 2:  # noqa: PLR2004 - one line or one cell has nothing to swallow
        return False
    return all(len(_literal(line, separator)) == width for line in lines)


def _alone(line: str, separator: str, width: int | None) -> list[str]:
    """Read one line with quotation marks that make no sense: literally, unless only leniently it has its cells."""
    literal = [_unwrapped(cell) for cell in _literal(line, separator)]
    if width is None or len(literal) == width:
        return literal
    lenient = next(csv.reader([line], delimiter=separator, skipinitialspace=True), literal)
    return lenient if len(lenient) == width else literal


def _literal(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator, skipinitialspace=True, quoting=csv.QUOTE_NONE), [])


def _unwrapped(cell: str) -> str:
    """Drop the quotation marks that only wrap a cell: around all of it, or one before it that is never closed."""
    stripped = cell.strip()
    if not stripped.startswith('"'):
        return cell
    inner = stripped[1:-1] if len(stripped) > 1 and stripped.endswith('"') else stripped[1:]
    return cell if '"' in inner else inner
