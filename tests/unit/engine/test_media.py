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

from pipeline.core.image_pieces import MOST_SCANS
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


def _with_metadata() -> bytes:
    """A JPEG with megabytes of what cameras and programs add, and a damaged note among it."""
    added = b"".join(b"\xff\xe2\xff\xff" + bytes(65_533) for _ in range(100))
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00" + struct.pack("<HHII", 1_000, 7, 65_000, 0) + bytes(4)
    return (data := _file("JPEG"))[:2] + added + b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif + data[2:]


GOOD = {
    "png": _file("PNG"),
    "jpeg": _file("JPEG"),
    "progressive": _file("JPEG", progressive=True),
    "webp": _file("WEBP"),
    "lossless": _file("WEBP", lossless=True),
    "grey": _file("PNG", mode="L"),
    "see-through": _file("PNG", mode="RGBA"),
    "thumbnail": _with_thumbnail(),
    "metadata": _with_metadata(),
}
TRAILERS = {
    "page": b"<html><script>alert(1)</script>",
    "archive": b"PK\x03\x04" + b"\0" * 100,
    "another": GOOD["jpeg"],
    "padding": b"\0\0\0\0",
    "parts by the hundred thousand": b"\xff\xe5\x00\x02" * 100_000,
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


def _behind_the_start(data: bytes, *more: bytes) -> bytes:
    return data[:2] + b"".join(more) + data[2:]


def _with_scans(number: int) -> bytes:
    """A progressive JPEG of so many scans in all: its last one over and over."""
    begin, end = GOOD["progressive"].rindex(b"\xff\xda"), len(GOOD["progressive"]) - 2
    head, last = GOOD["progressive"][:begin], GOOD["progressive"][begin:end]
    return head + last * (number - head.count(b"\xff\xda")) + b"\xff\xd9"


def _webp_with(number: int) -> bytes:
    chunks = GOOD["lossless"][12:] + (b"abcd" + struct.pack("<I", 0)) * number
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


_BEFORE_PIXELS, _BEFORE_END = 33, -12
_MANY = 20_000
#: Each is a turn or an object of a decoder, and takes a byte or a few; tables and colours do within one segment.
COSTLY = {
    "segments": _behind_the_start(GOOD["jpeg"], b"\xff\xe5\x00\x02" * _MANY),
    "comments": _behind_the_start(GOOD["jpeg"], b"\xff\xfe\x00\x02" * _MANY),
    "comments behind a scan": GOOD["jpeg"][:-2] + b"\xff\xfe\x00\x02" * _MANY + GOOD["jpeg"][-2:],
    "filling": _behind_the_start(GOOD["jpeg"], b"\xff" * _MANY),
    "nothing": _behind_the_start(GOOD["jpeg"], b"\xff\xe5\x00\x02" + b"\x00" * _MANY),
    "restarts": _behind_the_start(GOOD["jpeg"], b"\xff\xd0" * _MANY),
    "ends": _behind_the_start(GOOD["jpeg"], b"\xff\xd9" * _MANY),
    "segments in what is none": _behind_the_start(GOOD["jpeg"], b"\xff\xf0\xff\x00", b"\xff\xfe\x00\x02" * _MANY),
    "tables": _behind_the_start(GOOD["jpeg"], b"\xff\xdb\xfd\xea" + b"\x00" * 65_000),
    "colours": _behind_the_start(GOOD["jpeg"], b"\xff\xc0\xfd\xf0\x08\x00\x40\x00\x40\x01" + b"\x01\x11\x00" * 21_666),
    "chunks": GOOD["png"][:_BEFORE_PIXELS] + _chunk(b"abCd", b"") * _MANY + GOOD["png"][_BEFORE_PIXELS:],
    "texts": GOOD["png"][:_BEFORE_PIXELS] + _chunk(b"tEXt", b"a\x00") * _MANY + GOOD["png"][_BEFORE_PIXELS:],
    "empty pixels": GOOD["png"][:_BEFORE_PIXELS] + _chunk(b"IDAT", b"") * _MANY + GOOD["png"][_BEFORE_PIXELS:],
    "chunks behind pixels": GOOD["png"][:_BEFORE_END] + _chunk(b"abCd", b"") * _MANY + GOOD["png"][_BEFORE_END:],
    "webp chunks": _webp_with(_MANY),
}
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
    **{f"{name} by the thousand": (data, "more than 10,000 parts") for name, data in COSTLY.items()},
    "20,000 scans": (_with_scans(20_000), "more than 30 scans"),
    "a scan too many": (_with_scans(MOST_SCANS + 1), "more than 30 scans"),
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


def test_an_image_of_as_many_scans_as_may_be_is_one() -> None:
    assert verified(_with_scans(MOST_SCANS))[1:] == (80, 64, "image/jpeg")


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
