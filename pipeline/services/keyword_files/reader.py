"""Owns opening a keyword file and reading it row by row, in memory that does not grow with it.

Never: knows a site, a database or which keywords are already there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.core.errors import RefusedFileError
from pipeline.services.keyword_files.encoding import Encoding, detect_encoding, physical_lines
from pipeline.services.keyword_files.headers import Column
from pipeline.services.keyword_files.layout import Layout, detect_layout
from pipeline.services.keyword_files.records import read_records
from pipeline.services.keyword_files.rows import KeywordRow, RejectedRow, RowReader
from pipeline.services.keyword_files.source import MAX_FILE_BYTES, read_source, refuse_other_texts

#: How much of the beginning tells the layout.
_SAMPLE_LINES = 200
_SAMPLE_CHARACTERS = 400_000
_SHOWN_REJECTIONS = 3


class KeywordFile:
    """A file with at least one usable keyword. Iterating it yields every row, and can be done again."""

    def __init__(self, data: bytes, *, encoding: Encoding, layout: Layout) -> None:
        self._data = data
        self._encoding = encoding
        self._layout = layout
        self._reader = RowReader(layout)

    @property
    def encoding(self) -> str:
        """The codec the file is read with."""
        return self._encoding.codec

    @property
    def delimiter(self) -> str | None:
        """The character between cells; None where each line is one keyword."""
        return self._layout.delimiter

    @property
    def columns(self) -> dict[Column, str]:
        """What each column that is used means, with its heading in the file (or `column 2`)."""
        return self._layout.columns

    @property
    def warnings(self) -> list[str]:
        """Sentences for people: about the file, and about the rows read so far by the latest iteration."""
        encoding = [self._encoding.warning] if self._encoding.warning else []
        return [*encoding, *self._layout.warnings, *self._reader.warnings()]

    def __iter__(self) -> Iterator[KeywordRow | RejectedRow]:
        reader = self._reader = RowReader(self._layout)
        return self._rows(reader)

    def _rows(self, reader: RowReader) -> Iterator[KeywordRow | RejectedRow]:
        lines = physical_lines(self._data, self._encoding)
        for record in read_records(lines, delimiter=self._layout.delimiter, width=self._layout.width):
            if record.line > self._layout.header_line and (row := reader.read(record)):
                yield row


def open_keyword_file(
    source: str | Path | bytes, *, name: str | None = None, max_bytes: int = MAX_FILE_BYTES
) -> KeywordFile:
    """Open a keyword file given by its path or its bytes; `name` is what messages call it.

    Encoding, delimiter, header row and columns are detected; nothing is kept beyond the bytes. Raises
    `RefusedFileError` where the whole file is of no use: missing, larger than `max_bytes`, binary, markup, JSON, empty,
    in an encoding that makes no sense, or without one usable keyword.
    """
    name = name or ("The file" if isinstance(source, bytes) else Path(source).name or str(source))
    data = read_source(source, name=name, max_bytes=max_bytes)
    encoding = detect_encoding(data)
    sample, blank_lines = _sample(data, encoding)
    refuse_other_texts(sample, name=name)
    file = KeywordFile(data, encoding=encoding, layout=detect_layout(sample, first_line=blank_lines + 1))
    _refuse_unusable(file, name)
    return file


def _sample(data: bytes, encoding: Encoding) -> tuple[list[str], int]:
    """Return the first lines from the first filled one on, and how many blank ones stand above it."""
    lines: list[str] = []
    blank = characters = 0
    for line in physical_lines(data, encoding):
        if not lines and not line.strip():
            blank += 1
            continue
        characters += len(line)
        if len(lines) == _SAMPLE_LINES or (lines and characters > _SAMPLE_CHARACTERS):
            break
        lines.append(line)
    return lines, blank


def _refuse_unusable(file: KeywordFile, name: str) -> None:
    """Read up to the first usable keyword, so that a file without one is refused before anything is stored."""
    rejected: list[RejectedRow] = []
    count = 0
    for row in file:
        if isinstance(row, KeywordRow):
            return
        count += 1
        if len(rejected) < _SHOWN_REJECTIONS:
            rejected.append(row)
    if not rejected:
        raise RefusedFileError(f"{name} has no keyword below its header. Write one keyword a line, or export it again.")
    reasons = " ".join(f"Line {row.line}: {row.reason}" for row in rejected)
    more = f" And {count - len(rejected)} more." if count > len(rejected) else ""
    raise RefusedFileError(f"{name} has no usable keyword. {reasons}{more}")
