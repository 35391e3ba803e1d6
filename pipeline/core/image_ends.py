"""Owns where an image file ends: what a file holds behind its image (a page, a script, an archive) is no part of it.

Never: pixels. Each format says by itself how long it is; nothing here decodes.
"""

from __future__ import annotations

import re
from typing import Final

_PNG_SIGNATURE: Final = 8
#: Length, type and checksum around the data of a chunk.
_PNG_FRAME: Final = 12
_RIFF_HEADER: Final = 8
_END_OF_IMAGE: Final = 0xD9
#: A marker that has a length, or the end: no escaped 0xFF, no filling, restart or start of image.
_MARKER: Final = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]", re.DOTALL)


def without_trailer(data: bytes, mime: str) -> bytes | None:
    """Return `data` up to the end of its image; None where it has no end."""
    end = {"image/png": _png_end, "image/jpeg": _jpeg_end, "image/webp": _webp_end}[mime](data)
    return data[:end] if end is not None and end <= len(data) else None


def _png_end(data: bytes) -> int | None:
    at = _PNG_SIGNATURE
    while at + _PNG_FRAME <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        at += _PNG_FRAME + length
        if kind == b"IEND":
            return at
    return None


def _webp_end(data: bytes) -> int:
    size = int.from_bytes(data[4:8], "little")
    return _RIFF_HEADER + size + size % 2


def _jpeg_end(data: bytes) -> int | None:
    """The first end that is in no segment: an image within a segment (a thumbnail) has an end of its own."""
    at = 2
    while found := _MARKER.search(data, at):
        at = found.start()
        if data[at + 1] == _END_OF_IMAGE:
            return at + 2
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
