"""Owns where an image file ends: what a file holds behind its image (a page, a script, an archive) is no part of it.

Never: pixels. Each format says by itself how long it is; nothing here decodes.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from pipeline.core.image_pieces import pieces, riff_end

#: The piece that is the last of its format.
_LAST: Final = {"image/png": b"IEND", "image/jpeg": b"\xd9"}


def without_trailer(data: bytes, mime: str) -> bytes | None:
    """Return `data` up to the end of its image; None where it has no end."""
    end = riff_end(data) if mime == "image/webp" else _end_of_last(data, mime)
    return data[:end] if end is not None and end <= len(data) else None


def _end_of_last(data: bytes, mime: str) -> int | None:
    last = next(iter(deque(pieces(data, mime), maxlen=1)), None)
    return last.end if last is not None and last.kind == _LAST[mime] else None
