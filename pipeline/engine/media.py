"""Owns image bytes: verified once (magic, size, decoded), stored by their content hash, never changed.

Never: what stands in a file behind its image.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import tempfile
import warnings
import zlib
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from pipeline import failpoints
from pipeline.contract import StoredImage
from pipeline.core.errors import PipelineError
from pipeline.core.image_ends import without_trailer
from pipeline.core.image_pieces import excess, mime_of
from pipeline.engine.media_space import MOST_BYTES

_EXTENSIONS = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}
_FORMATS = ("PNG", "JPEG", "WEBP")
#: A pixel takes four bytes, and decoders keep it up to six times.
_MOST_PIXELS = 12_000_000
_LEAST_SIDE = 64
_MOST_SIDE = 10_000
_NO_IMAGE = "The bytes are no PNG, JPEG or WebP image that can be read. Draw it again."
_BOMBS = (Image.DecompressionBombWarning, Image.DecompressionBombError)
#: What decoders are known to raise on bytes that are not what they say; MemoryError: they say to be more than there is.
_UNREADABLE = (
    *(UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError),
    *(OverflowError, MemoryError, struct.error, zlib.error),
)


class ImageRejectedError(PipelineError):
    """These bytes are no usable image."""


class MediaStore:
    """A folder of images, each under the hash of its bytes."""

    def __init__(self, root: Path) -> None:
        """`root` is made on first use."""
        self.root = root

    def path(self, sha256: str, mime: str) -> Path:
        """Where the bytes of that hash are kept."""
        return self.root / sha256[:2] / f"{sha256}{_EXTENSIONS[mime]}"

    def store(self, data: bytes) -> StoredImage:
        """Verify and keep the bytes; storing the same twice is one file. ImageRejectedError says what is wrong."""
        data, width, height, mime = verified(data)
        sha256 = hashlib.sha256(data).hexdigest()
        target = self.path(sha256, mime)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, data)
        return StoredImage(sha256, mime, width, height)


class Verified(NamedTuple):
    """An image that decodes whole: its bytes without what stood behind them, its size in pixels, its MIME type."""

    data: bytes
    width: int
    height: int
    mime: str


def verified(data: bytes) -> Verified:
    """The image that `data` is; ImageRejectedError where it is none, an absurd one, or moves."""
    if not isinstance(data, bytes) or not data:
        raise ImageRejectedError("There are no bytes. Draw it again.")
    if len(data) > MOST_BYTES:
        raise ImageRejectedError(f"The image has {len(data):,} bytes; at most {MOST_BYTES:,} are accepted.")
    mime = mime_of(data)
    if mime is None:
        raise ImageRejectedError(_NO_IMAGE)
    if too_many := excess(data, mime):
        raise ImageRejectedError(too_many)
    try:
        with warnings.catch_warnings():
            # A damaged note within an image (Exif) has a warning for each of its lines.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                _refuse_absurd(image)
                image.load()
                whole = without_trailer(data, mime) if image.format in _FORMATS else None
    except _BOMBS:
        raise ImageRejectedError(f"The image has more than {_MOST_PIXELS:,} pixels.") from None
    except _UNREADABLE:
        raise ImageRejectedError(_NO_IMAGE) from None
    if whole is None:
        raise ImageRejectedError(_NO_IMAGE)
    return Verified(whole, *image.size, mime)


def _refuse_absurd(image: Image.Image) -> None:
    """By what its head says: nothing is decoded yet."""
    width, height = image.size
    if width * height > _MOST_PIXELS or min(width, height) < _LEAST_SIDE or max(width, height) > _MOST_SIDE:
        raise ImageRejectedError(
            f"The image is {width} x {height} pixels; "
            f"from {_LEAST_SIDE} to {_MOST_SIDE:,} a side and at most {_MOST_PIXELS:,} in all are accepted."
        )
    if getattr(image, "n_frames", 1) > 1:
        raise ImageRejectedError("The image has several frames; one that does not move is accepted.")


def _write(target: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        failpoints.hit("image.written")
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
