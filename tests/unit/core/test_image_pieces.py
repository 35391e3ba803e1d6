"""Owns the proof that pieces of image files are counted as decoders go through them, up to the first too many."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import pytest

from pipeline.core.image_pieces import MOST_PIECES, MOST_SCANS, Piece, excess, mime_of, pieces

SCAN = b"\xff\xda\x00\x08" + bytes(6) + b"pixels\xff\x00pixels\xff\xd0pixels"
END = b"\xff\xd9"


def _png(number: int) -> bytes:
    chunk = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    return b"\x89PNG\r\n\x1a\n" + chunk * (number - 1) + chunk.replace(b"IDAT", b"IEND")


def _webp(number: int) -> bytes:
    chunks = (b"VP8L" + struct.pack("<I", 3) + bytes(4)) * number
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def _jpeg_behind_a_scan(number: int) -> bytes:
    """The head of a scan is a segment, and its eight bytes count as a table's do."""
    return b"\xff\xd8" + SCAN + b"\xff\xe5\x00\x02" * (number - 10) + END


def _filled(number: int) -> bytes:
    return b"\xff\xd8" + b"\xff" * (number - 10) + SCAN + END


def _tabled(number: int) -> bytes:
    size = number - 11
    return b"\xff\xd8\xff\xc4" + struct.pack(">H", size) + bytes(size - 2) + SCAN + END


@pytest.mark.parametrize("made", [_png, _webp, _jpeg_behind_a_scan, _filled, _tabled])
def test_as_many_pieces_as_may_be_are_taken_and_one_more_is_not(made: Callable[[int], bytes]) -> None:
    most, more = made(MOST_PIECES), made(MOST_PIECES + 1)
    mime = mime_of(most)

    assert mime is not None
    assert len(list(pieces(most, mime))) == MOST_PIECES
    assert excess(most, mime) is None
    assert excess(more, mime) == "The image's file has more than 10,000 parts; at most that many are accepted."


def test_as_many_scans_as_may_be_are_taken_and_one_more_is_not() -> None:
    most, more = (b"\xff\xd8" + SCAN * number + END for number in (MOST_SCANS, MOST_SCANS + 1))

    assert excess(most, "image/jpeg") is None
    assert excess(more, "image/jpeg") == "The image is drawn in more than 30 scans; at most that many are accepted."


def test_a_segment_is_one_piece_whatever_is_in_it() -> None:
    within = SCAN + END + b"\xff\xe5\x00\x02"
    data = b"\xff\xd8\xff\xe2" + struct.pack(">H", 2 + len(within)) + within + b"\xff\xfe\x00\x02" + SCAN + END + within

    kinds = [piece.kind for piece in pieces(data, "image/jpeg") if piece.kind]

    assert kinds == [b"\xe2", b"\xfe", b"\xda", b"\xd9"]


def test_what_is_no_marker_before_the_first_scan_counts_byte_by_byte() -> None:
    """Pillow takes none of these for a marker that has a length; an end that comes before an image is none."""
    strays = b"\xff\xf0" + b"\xff\xc8" + b"\xff\xd0" + END + b"\xff\xff" + b"\x00"

    counted = list(pieces(b"\xff\xd8" + strays + b"\xff\xfe\x00\x02" + SCAN + END, "image/jpeg"))

    assert counted[: len(strays) + 1] == [Piece(b"", 2)] * len(strays) + [Piece(b"\xfe", 2 + len(strays) + 4)]
    assert counted[-1].kind == b"\xd9"


@pytest.mark.parametrize("mime", ["image/png", "image/jpeg", "image/webp"])
@pytest.mark.parametrize("data", [b"", b"\xff", bytes(100), b"\xff" * 100, bytes(range(256)) * 3])
def test_of_anything_there_are_pieces_and_an_end_of_them(mime: str, data: bytes) -> None:
    assert len(list(pieces(data, mime))) <= len(data)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"RIFF\x00\x00\x00\x00WAVE", b"\xff\xd8", b"<svg/>"])
def test_what_begins_as_none_of_the_three_has_no_type(data: bytes) -> None:
    assert mime_of(data) is None
