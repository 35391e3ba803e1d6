"""Whatever comes as an image: kept whole and alone, or refused with the reason, at once and in little memory."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.engine.media import ImageRejectedError, MediaStore, verified


def _file(kind: str, size: tuple[int, int] = (80, 64), mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 60).convert(mode).save(file, kind, **options)
    return file.getvalue()


def _moving(kind: str) -> bytes:
    frames = [Image.new("RGB", (80, 64), color) for color in ("red", "green", "blue")]
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:])
    return file.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, *more: bytes, pixels: bytes = b"") -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + b"".join([head, *more, _chunk(b"IDAT", pixels), _chunk(b"IEND", b"")])


def _with_thumbnail() -> bytes:
    """A JPEG that holds another one in a segment of its head."""
    inner, outer = _file("JPEG", (32, 32)), _file("JPEG")
    segment = b"\xff\xe2" + struct.pack(">H", 2 + len(inner)) + inner
    return outer[:2] + segment + outer[2:]


GOOD = {
    "png": _file("PNG"),
    "jpeg": _file("JPEG"),
    "progressive": _file("JPEG", progressive=True),
    "webp": _file("WEBP"),
    "lossless": _file("WEBP", lossless=True),
    "grey": _file("PNG", mode="L"),
    "see-through": _file("PNG", mode="RGBA"),
    "thumbnail": _with_thumbnail(),
}
TRAILERS = {
    "page": b"<html><script>alert(1)</script>",
    "archive": b"PK\x03\x04" + b"\0" * 100,
    "another": GOOD["jpeg"],
    "padding": b"\0\0\0\0",
}


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD)
def test_an_image_is_kept_as_it_came(tmp_path: Path, data: bytes) -> None:
    kept = MediaStore(tmp_path).store(data)

    assert (kept.width, kept.height) == (80, 64)
    assert MediaStore(tmp_path).path(kept.sha256, kept.mime).read_bytes() == data


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("trailer", TRAILERS.values(), ids=TRAILERS)
def test_what_stands_behind_an_image_is_not_kept(tmp_path: Path, data: bytes, trailer: bytes) -> None:
    kept = MediaStore(tmp_path).store(data + trailer)

    assert kept.sha256 == hashlib.sha256(data).hexdigest()
    assert MediaStore(tmp_path).path(kept.sha256, kept.mime).read_bytes() == data


BAD = {
    "nothing": (b"", "no bytes"),
    "text": (b"I'm sorry, I can't draw that.", "no PNG, JPEG or WebP"),
    "svg": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>x()</script></svg>', "no PNG"),
    "svg behind a signature": (b"\x89PNG\r\n\x1a\n<svg/>", "no PNG"),
    "page before an image": (b"<script>x()</script>" + GOOD["png"], "no PNG"),
    "gif": (_file("GIF"), "no PNG"),
    "tiff": (_file("TIFF"), "no PNG"),
    "bmp": (_file("BMP"), "no PNG"),
    "icon": (_file("ICO"), "no PNG"),
    "one pixel": (_file("PNG", (1, 1)), "1 x 1 pixels"),
    "a line": (_file("PNG", (2_000, 1)), "2000 x 1 pixels"),
    "40,000 pixels wide": (_png(40_000, 64), "40000 x 64 pixels"),
    "40,000 pixels a side": (_png(40_000, 40_000), "more than 12,000,000 pixels"),
    "more than there are": (_png(2**31 - 1, 2**31 - 1), "more than 12,000,000"),
    "no pixels": (_png(0, 0), "no PNG"),
    "6,000 pixels a side": (_png(6_000, 6_000), "6000 x 6000 pixels"),
    "pixels that are not there": (_png(3_000, 3_000), "no PNG"),
    "a profile that unfolds to 100 MB": (
        _png(64, 64, _chunk(b"iCCP", b"x\0\0" + zlib.compress(b"\0" * 100_000_000))),
        "no PNG",
    ),
    "texts that unfold to 80 MB": (
        _png(64, 64, *[_chunk(b"zTXt", b"x\0\0" + zlib.compress(b"\0" * 1_000_000))] * 80),
        "no PNG",
    ),
    "a moving png": (_moving("PNG"), "several frames"),
    "a moving webp": (_moving("WEBP"), "several frames"),
    "several pictures": (_moving("MPO"), "several frames"),
    "megabytes": (GOOD["png"] + b"\0" * 30_000_000, "bytes; at most 30,000,000"),
    **{f"the first half of a {name}": (data[: len(data) // 2], "no PNG") for name, data in GOOD.items()},
    **{f"a {name} without its last bytes": (data[:-6], "no PNG") for name, data in GOOD.items()},
}


@pytest.mark.parametrize(("data", "why"), BAD.values(), ids=BAD)
@pytest.mark.timeout(10)
def test_what_is_no_usable_image_is_refused_with_the_reason(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(ImageRejectedError, match=why) as refused:
        MediaStore(tmp_path).store(data)

    assert "0x" not in refused.value.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("data", [None, "text", 7], ids=["nothing", "text", "number"])
def test_what_is_not_even_bytes_is_refused(data: Any) -> None:
    with pytest.raises(ImageRejectedError, match="no bytes"):
        verified(data)


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD)
def test_a_flipped_byte_is_an_image_or_is_refused(data: bytes) -> None:
    """Nothing else is raised, wherever it is."""
    for at in range(0, len(data), max(1, len(data) // 150)):
        broken = bytearray(data)
        broken[at] ^= 0xFF
        try:
            verified(bytes(broken))
        except ImageRejectedError:
            continue
