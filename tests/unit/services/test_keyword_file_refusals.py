"""Owns the proof that what is no keyword list is refused whole, in one sentence, whatever its bytes are."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.core.errors import RefusedFileError
from pipeline.services.keyword_files import MAX_FILE_BYTES, KeywordRow, RejectedRow, open_keyword_file


def refusal(source: bytes | Path, *, max_bytes: int = MAX_FILE_BYTES) -> str:
    with pytest.raises(RefusedFileError) as refused:
        open_keyword_file(source, max_bytes=max_bytes)
    return refused.value.message


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, "<x/>")
    return buffer.getvalue()


def image(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (image("PNG"), "PNG image"),
        (image("JPEG"), "JPEG image"),
        (image("BMP"), "no text at all"),
        (b"%PDF-1.7\n1 0 obj\n", "PDF"),
        (gzip.compress(b"keyword\nred", mtime=0), "gzip"),
        (archive("[Content_Types].xml", "xl/workbook.xml"), "export the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "export the sheet as CSV"),
        (archive("keywords.csv"), "Unpack it"),
        (bytes(range(256)) * 40, "no text at all"),
        (b"\x00" * 100, "binary data"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b'\xef\xbb\xbf\n <?xml version="1.0"?><a/>', "XML"),
        (b"<!-- list -->\n<ul>\n<li>hat</li>\n</ul>", "web page"),
        (b"<ul>\n<li>hat</li>\n<li>cap</li>\n</ul>\n", "web page"),
        (b'{"keyword": "hat"}', "JSON"),
        (b'[\n  {"keyword": "hat"}]', "JSON"),
        (b'["hat", "cap"]', "JSON"),
        ("<html></html>".encode("utf-16"), "web page"),
        (b"", "empty"),
        (b"\xef\xbb\xbf", "nothing but white space"),
        (b" \r\n\t\r\n", "nothing but white space"),
        (b"Keyword,Volume\n", "no keyword below its header"),
        (b"Keyword\n\n\n", "no keyword below its header"),
        (b"?!\n\n--\n", "no usable keyword. Line 1:"),
        (b"Top pages,Clicks,Impressions\nhttps://example.com/,1,2\n", "web address"),
    ],
)
def test_file_that_is_no_keyword_list_is_refused(data: bytes, sentence: str) -> None:
    assert sentence in refusal(data)


def test_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    path.write_bytes(b"red shoes\n" * 20)

    assert refusal(path, max_bytes=100) == (
        "big.csv is too large: at most 100 bytes are read at once. Split it into several files."
    )


def test_file_at_the_limit_is_read() -> None:
    assert list(open_keyword_file(b"red", max_bytes=3)) == [KeywordRow(1, "red", None, None, None, None)]


def test_missing_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.csv").startswith("There is no file none.csv.")


def test_folder_is_refused(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path)


def test_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path), mode)

    monkeypatch.setattr(Path, "open", deny)  # root, as whom tests may run, is never denied

    assert "may not be read" in refusal(tmp_path / "closed.csv")


@pytest.mark.parametrize("path", [Path("a\x00b"), Path("x" * 5000), Path("/dev/null")])
def test_path_that_no_file_can_have_is_refused(path: Path) -> None:
    assert refusal(path)


def test_messages_use_the_name_given() -> None:
    with pytest.raises(RefusedFileError, match=r"^upload\.csv is empty"):
        open_keyword_file(b"", name="upload.csv")


def test_single_line_of_markup_among_keywords_is_rejected_alone() -> None:
    rows = list(open_keyword_file(b"<script>alert(1)</script>\nhat\ncap\n"))

    assert [isinstance(row, RejectedRow) for row in rows] == [True, False, False]


def test_endless_line_is_held_in_bounds() -> None:
    rows = list(open_keyword_file(b"x" * 3_000_000 + b"\nhat\n"))

    assert [row.line for row in rows] == [1, 2]


def read(data: bytes) -> None:
    """Read as an importer does; a refusal is an answer, anything else is a fault."""
    try:
        file = open_keyword_file(data)
    except RefusedFileError:
        return
    lines = 0
    for row in file:
        assert row.line > lines
        lines = row.line
        if isinstance(row, KeywordRow):
            assert 0 < len(row.text) <= 200
            assert row.volume is None or row.volume >= 0
            assert row.difficulty is None or 0 <= row.difficulty <= 100
            assert row.text.encode()
    assert lines
    assert all(file.warnings)


@given(st.binary(max_size=2000))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read(data)


@given(
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]),
    st.text(max_size=300),
    st.binary(max_size=4),
)
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused(encoding: str, text: str, tail: bytes) -> None:
    read(text.encode(encoding, "replace") + tail)


PIECES = [
    "Keyword",
    "Volume",
    "KD",
    "Intent",
    "Top queries",
    "sep=;",
    "red shoes",
    "1,300",
    "1K – 10K",
    "-",
    '"',
    '""',
    "<b>",
]
PIECES += [
    ",",
    ";",
    "\t",
    "|",
    " ",
    "\n",
    "\r\n",
    "\r",
    "\x00",
    "\ufeff",
    "e\u0301",
    "\u202e",
    "😀",
    "9" * 50,
    "x" * 90,
]


@given(st.lists(st.sampled_from(PIECES), max_size=80))
@settings(max_examples=500, deadline=None)
def test_any_shape_of_table_is_read_or_refused(pieces: list[str]) -> None:
    read("".join(pieces).encode())
