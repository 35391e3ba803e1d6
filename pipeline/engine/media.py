"""Owns image bytes: verified once (magic, decoded, pixel cap), stored by their content hash, never changed."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from pipeline.contract import StoredImage
from pipeline.core.errors import PipelineError

_EXTENSIONS = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}
_FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
_MOST_BYTES = 30_000_000
_MOST_PIXELS = 50_000_000
_LEAST_SIDE = 64
_UNREADABLE = (
    UnidentifiedImageError,
    OSError,
    SyntaxError,
    ValueError,
    Image.DecompressionBombWarning,
    Image.DecompressionBombError,
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
        width, height, mime = verified(data)
        sha256 = hashlib.sha256(data).hexdigest()
        target = self.path(sha256, mime)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, data)
        return StoredImage(sha256, mime, width, height)


def verified(data: bytes) -> tuple[int, int, str]:
    """Width, height and MIME type of an image that decodes whole; ImageRejectedError otherwise."""
    if len(data) > _MOST_BYTES:
        raise ImageRejectedError(f"The image has {len(data)} bytes; at most {_MOST_BYTES} are accepted.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=list(_FORMATS)) as image:
                width, height = image.size
                if width * height > _MOST_PIXELS or min(width, height) < _LEAST_SIDE:
                    raise ImageRejectedError(
                        f"The image is {width} x {height} pixels; "
                        f"from {_LEAST_SIDE} a side to {_MOST_PIXELS:,} in all are accepted."
                    )
                image.load()
                return width, height, _FORMATS[str(image.format)]
    except _UNREADABLE as error:
        raise ImageRejectedError(f"The bytes are no PNG, JPEG or WebP image that can be read: {error}") from None


def _write(target: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
