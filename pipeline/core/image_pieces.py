"""Owns the pieces that an image file is made of (chunks, segments), and how many of them it may have.

For a piece a decoder keeps an object, or takes a turn in Python, or draws the whole image once more: a file costs what
its pieces cost, however short it is. Never: pixels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Final, NamedTuple

#: What writers make stays far below: 30 MB of PNG in chunks of 8 KB, the smallest that are usual, are 3,700.
MOST_PIECES: Final = 10_000
#: Each is drawn over the whole image, however few bytes it has (libjpeg-turbo, "Two Issues with the JPEG Standard",
#: LJT-01-003, which has applications count them). Encoders make 10, or 18 where an image has four colours.
MOST_SCANS: Final = 30

_SIGNATURES: Final = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_PNG_SIGNATURE: Final = 8
_JPEG_SIGNATURE: Final = 2
#: Length, type and checksum around the data of a chunk.
_PNG_FRAME: Final = 12
_RIFF_HEADER: Final = 8
_RIFF_SIGNATURE: Final = 12
_START_OF_SCAN: Final = b"\xda"
_END_OF_IMAGE: Final = b"\xd9"
#: The first marker of what an application adds; below it are tables, which have parts of a few bytes.
_FIRST_APPLICATION: Final = b"\xe0"
#: In the head of a JPEG: what Pillow takes for a marker that has a length. Through anything else it goes byte by byte.
_OF_THE_HEAD: Final = re.compile(rb"\xff([\xc0-\xc7\xc9-\xcf\xda-\xef\xfe])")
#: From the first scan on, one that has a length, or the end: no escaped 0xFF, no filling, restart or start of image.
_OF_A_SCAN: Final = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)


class Piece(NamedTuple):
    """One piece of a file."""

    #: The type of a chunk, the marker of a segment; empty for a byte in the head of a JPEG that counts by itself.
    kind: bytes
    #: Where the next one begins; it may lie behind the end of the file.
    end: int


def mime_of(data: bytes) -> str | None:
    """Return the MIME type that the first bytes say; None where it is none of the three."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for signature, mime in _SIGNATURES.items() if data.startswith(signature)), None)


def pieces(data: bytes, mime: str) -> Iterator[Piece]:
    """Yield the pieces of the image, up to its end or that of `data`; nothing of what stands behind its end."""
    return _PIECES[mime](data)


def excess(data: bytes, mime: str) -> str | None:
    """Return why a file has too many pieces for its image to be decoded; None: it has not.

    It is gone through once, up to its first piece too many, and nothing of it is kept.
    """
    scans = 0
    for number, piece in enumerate(pieces(data, mime), 1):
        scans += piece.kind == _START_OF_SCAN
        if number > MOST_PIECES:
            return f"The image's file has more than {MOST_PIECES:,} parts; at most that many are accepted."
        if scans > MOST_SCANS:
            return f"The image is drawn in more than {MOST_SCANS} scans; at most that many are accepted."
    return None


def _chunks(data: bytes) -> Iterator[Piece]:
    at, kind = _PNG_SIGNATURE, b""
    while at + _PNG_FRAME <= len(data) and kind != b"IEND":
        kind = data[at + 4 : at + 8]
        at += _PNG_FRAME + int.from_bytes(data[at : at + 4], "big")
        yield Piece(kind, at)


def riff_end(data: bytes) -> int:
    """Return where the image of a WebP file ends, by its head."""
    size = int.from_bytes(data[4:8], "little")
    return _RIFF_HEADER + size + size % 2


def _riff_chunks(data: bytes) -> Iterator[Piece]:
    at, whole = _RIFF_SIGNATURE, min(riff_end(data), len(data))
    while at + _RIFF_HEADER <= whole:
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        at += _RIFF_HEADER + size + size % 2
        yield Piece(kind, at)


def _segments(data: bytes) -> Iterator[Piece]:
    at, markers = _JPEG_SIGNATURE, _OF_THE_HEAD
    while found := markers.search(data, at):
        kind, begin = found[1], found.start()
        size = 0 if kind == _END_OF_IMAGE else int.from_bytes(data[begin + 2 : begin + 4], "big")
        if markers is _OF_THE_HEAD:
            yield from repeat(Piece(b"", at), begin - at + (size if kind < _FIRST_APPLICATION else 0))
        at = begin + 2 + size
        yield Piece(kind, at)
        if kind == _END_OF_IMAGE:
            return
        if kind == _START_OF_SCAN:
            markers = _OF_A_SCAN


_PIECES: Final[dict[str, Callable[[bytes], Iterator[Piece]]]] = {
    "image/png": _chunks,
    "image/jpeg": _segments,
    "image/webp": _riff_chunks,
}
