"""Owns taking in the bytes of a keyword file, and refusing what is no text list before anything reads it.

Never: knows a delimiter, a header or a keyword.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.core.errors import RefusedFileError

#: A million keywords with their figures fit; the file is held in memory while it is read.
MAX_FILE_BYTES = 64 * 1024 * 1024

_AS_CSV = "Save the keyword list as CSV or plain text and import that."
_SPREADSHEET = "a spreadsheet workbook, which cannot be read directly. Open it and export the sheet as CSV (UTF-8)."
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", f"a PNG image, not a keyword list. {_AS_CSV}"),
    (b"\xff\xd8\xff", f"a JPEG image, not a keyword list. {_AS_CSV}"),
    (b"GIF8", f"a GIF image, not a keyword list. {_AS_CSV}"),
    (b"RIFF", f"a media file, not a keyword list. {_AS_CSV}"),
    (b"%PDF-", f"a PDF document, not a keyword list. {_AS_CSV}"),
    (b"{\\rtf", f"a rich text document, not a keyword list. {_AS_CSV}"),
    (b"%!PS", f"a PostScript document, not a keyword list. {_AS_CSV}"),
    (b"\xd0\xcf\x11\xe0", _SPREADSHEET),
    (b"\x1f\x8b", "compressed with gzip. Unpack it and import the CSV file inside."),
    (b"BZh", "compressed with bzip2. Unpack it and import the CSV file inside."),
    (b"\xfd7zXZ\x00", "compressed with xz. Unpack it and import the CSV file inside."),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd. Unpack it and import the CSV file inside."),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive. Unpack it and import the CSV file inside."),
    (b"Rar!\x1a\x07", "a RAR archive. Unpack it and import the CSV file inside."),
    (b"SQLite format 3\x00", f"a database, not a keyword list. {_AS_CSV}"),
    (b"PAR1", f"a Parquet file, not a keyword list. {_AS_CSV}"),
    (b"\x7fELF", f"a program, not a keyword list. {_AS_CSV}"),
)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
#: Workbooks are zip archives whose first entries say so.
_WORKBOOK_PARTS = (b"[Content_Types].xml", b"_rels/", b"xl/", b"opendocument.spreadsheet", b"Index/")
_WORKBOOK_SAMPLE_BYTES = 4096

_DOCUMENT_START = re.compile(
    r"<!--|<(!doctype|\?xml|html|head|body|table|svg|rss|feed|urlset|sitemapindex)\b", re.IGNORECASE
)
_TAG = re.compile(r"<[!?/]?[a-z][^<>]*>", re.IGNORECASE)
_JSON_START = re.compile(r"""\{\s*(?:["}]|$)|\[\s*(?:[{\["\]]|$)""")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufffd]")
#: Beyond this share of unreadable characters the file is no text; below it single lines are rejected.
_CONTROL_SHARE = 0.1


def read_source(source: str | Path | bytes, *, name: str, max_bytes: int) -> bytes:
    """Return the bytes of a file, or of `source` itself where it is the bytes already.

    Raises `RefusedFileError` where it is missing, no file, unreadable, larger than `max_bytes`, or known binary.
    """
    data = bytes(source) if isinstance(source, bytes) else _read(Path(source), name=name, max_bytes=max_bytes)
    if len(data) > max_bytes:
        raise RefusedFileError(
            f"{name} is too large: at most {_size(max_bytes)} are read at once. Split it into several files."
        )
    if not data:
        raise RefusedFileError(f"{name} is empty. Write one keyword a line, or export the list again.")
    _refuse_binary(data, name)
    return data


def refuse_other_texts(lines: Sequence[str], *, name: str) -> None:
    """Raise `RefusedFileError` where the first lines of a file are blank, markup, JSON or binary rubbish."""
    sample = "".join(lines)
    text = sample.lstrip("\ufeff \t\r\n")
    if not text:
        raise RefusedFileError(f"{name} holds nothing but white space. Write one keyword a line, or export it again.")
    if len(_CONTROL.findall(sample)) > len(sample) * _CONTROL_SHARE:
        raise RefusedFileError(f"{name} is binary data, not a keyword list. {_AS_CSV}")
    if _is_markup(text, lines):
        raise RefusedFileError(f"{name} is a web page or XML document, not a keyword list. {_AS_CSV}")
    if _JSON_START.match(text):
        raise RefusedFileError(f"{name} is JSON, not a keyword list. {_AS_CSV}")


def _read(path: Path, *, name: str, max_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(max_bytes + 1)
    except FileNotFoundError:
        raise RefusedFileError(f"There is no file {name}. Check the path and the name.") from None
    except IsADirectoryError:
        raise RefusedFileError(f"{name} is a folder, not a file. Name one keyword file inside it.") from None
    except PermissionError:
        raise RefusedFileError(f"{name} may not be read. Give yourself permission to read it, or copy it.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a usable path"
        raise RefusedFileError(f"{name} cannot be read ({reason}). Copy it to this machine and try again.") from None


def _refuse_binary(data: bytes, name: str) -> None:
    for magic, what in _MAGIC:
        if data.startswith(magic):
            raise RefusedFileError(f"{name} is {what}")
    if data.startswith(_ZIP):
        head = data[:_WORKBOOK_SAMPLE_BYTES]
        what = "a zip archive. Unpack it and import the CSV file inside."
        raise RefusedFileError(f"{name} is {_SPREADSHEET if any(part in head for part in _WORKBOOK_PARTS) else what}")


def _is_markup(text: str, lines: Sequence[str]) -> bool:
    """Tell a document from a list in which some lines are markup: those lines are rejected one by one."""
    if _DOCUMENT_START.match(text):
        return True
    filled = [line for line in lines if line.strip()]
    return bool(_TAG.match(text)) and 2 * sum(1 for line in filled if _TAG.search(line)) > len(filled) > 1


def _size(count: int) -> str:
    return f"{count // (1024 * 1024)} MB" if count >= 1024 * 1024 else f"{count:,} bytes"
