"""Owns what adapters of image models share: sizes that a model knows, and bytes out of base64."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Final

from pipeline.ai.port import ImageRequest

#: Taken out in one go: text split at it would be a word for every other byte of what somebody made to cost memory.
_WHITE_SPACE: Final = b" \t\r\n\v\f"


def nearest(request: ImageRequest, sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Of the sizes that a model draws, the one whose shape is closest to what is asked."""
    asked = request.width / request.height
    return min(sizes, key=lambda size: abs(size[0] / size[1] - asked))


def in_steps(pixels: int, step: int) -> int:
    """The side of an image in whole steps, not longer than asked."""
    return max(pixels // step, 1) * step


def decoded(data: Any) -> bytes:
    """The bytes in base64; none where it is no base64, which makes an image that nobody accepts.

    As a data URI, on many lines, or without its padding it is still one: what is in it was paid for.
    """
    if not isinstance(data, str):
        return b""
    if data.startswith("data:"):
        data = data.partition(",")[2]
    try:
        bare = data.encode("ascii").translate(None, _WHITE_SPACE).rstrip(b"=")
        return base64.b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
