"""Whatever comes as an image: charged, flagged, drawn once more; then the image fails, and its article goes on."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

from PIL import Image as Pixels
from sqlalchemy import select

from pipeline.ai.port import ImageReply
from pipeline.db.session import Database
from pipeline.models import Content, Image
from tests.integration.answers.conftest import Made
from tests.support.scripted import calls_of, picture, statuses, subjects, told

IMAGE_CHARGE = 1_000_000
PAID_TWICE = [("ask", "settled", ["wasted"], IMAGE_CHARGE), ("repair", "settled", ["wasted"], IMAGE_CHARGE)]


def _moving() -> bytes:
    frames = [Pixels.new("RGB", (128, 72), color) for color in ("red", "green")]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    return file.getvalue()


def _saved(kind: str, size: tuple[int, int] = (800, 600), **options: Any) -> bytes:
    file = io.BytesIO()
    Pixels.effect_noise(size, 90).convert("RGB").save(file, kind, **options)
    return file.getvalue()


def _claims(width: int, height: int) -> bytes:
    """A small file that says to be of so many pixels."""
    whole = bytearray(picture())
    whole[16:24] = struct.pack(">II", width, height)
    whole[29:33] = struct.pack(">I", zlib.crc32(bytes(whole[12:29])))
    return bytes(whole)


def _with_text_bomb() -> bytes:
    """A comment of 200 megabytes in a few kilobytes, before the picture."""
    packed = zlib.compress(b"\0" * 200_000_000, 9)
    chunk = b"zTXt" + b"Comment\0\0" + packed
    told = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    whole = picture()
    return whole[:33] + told + whole[33:]


BAD: dict[str, Any] = {
    "nothing": b"",
    "no bytes": None,
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>x()</script></svg>',
    "a refusal": b"I'm sorry, I can't draw that.\x00\xff",
    "a page": b"<html><body>502</body></html>",
    "one pixel": picture((1, 1)),
    "a line of 40,000 pixels": picture((40_000, 1)),
    "half of it": picture((800, 600))[:-200],
    "it moves": _moving(),
    "a gif": _saved("GIF"),
    "a bitmap": _saved("BMP"),
    "a tiff": _saved("TIFF"),
    "half a jpeg": _saved("JPEG")[:-3_000],
    "half a webp": _saved("WEBP")[:-3_000],
    "a webp that moves": _saved("WEBP", save_all=True, append_images=[Pixels.new("RGB", (800, 600))]),
    "pixels without an end": _claims(2**31 - 1, 2**31 - 1),
    "more pixels than there are": _claims(4_000, 3_000),
    "no pixels": _claims(0, 0),
    "a comment of megabytes": _with_text_bomb(),
    "base64 in base64": base64.b64encode(picture()),
    "an address": b"https://example.com/picture.png",
    "a zip": b"PK\x03\x04" + b"\0" * 500,
    "megabytes": b"\x89PNG\r\n\x1a\n" + b"\0" * 31_000_000,
}


def test_no_image_is_charged_and_drawn_once_more_and_its_article_goes_on_without_it(
    world_of: Made, database: Database
) -> None:
    world, script = world_of(6)
    world.set_balance("200000")
    names = {f"scene {at:03}": case for at, case in enumerate(BAD)}
    subjects(world, 6, [*names, "good scene"])
    for name, case in names.items():
        script.write(name, ImageReply(BAD[case]), ImageReply(BAD[case]))
    script.write("good scene", ImageReply(BAD["svg"]), ImageReply(picture()))

    run_id = world.run()

    *failed, done = world.items(run_id, 6)
    errors = dict(zip(BAD, [item.error or "" for item in failed], strict=True))
    assert {item.status.value for item in failed} == {"failed"}
    assert {case: error for case, error in errors.items() if not error.startswith("the answer could not be used")} == {}
    assert {case: error for case, error in errors.items() if "0x" in error or "\x00" in error} == {}
    assert (done.status.value, done.credits) == ("done", 2 * IMAGE_CHARGE)
    assert told(calls_of(world, run_id, 6)) == PAID_TWICE * len(BAD) + [
        ("ask", "settled", ["wasted"], IMAGE_CHARGE),
        ("repair", "settled", [], IMAGE_CHARGE),
    ]
    assert statuses(world, 6) == ["failed"] * len(BAD) + ["done"]
    with database.reading() as session:
        contents = session.scalars(select(Content).order_by(Content.id)).all()
        assert len(session.scalars(select(Image)).all()) == 1
    assert [content.status.value for content in contents] == ["review"] * (len(BAD) + 1)
    assert [content.images_missing for content in contents] == [True] * len(BAD) + [False]
    world.assert_sound()


def test_the_providers_own_cost_of_an_image_is_ours_and_changes_no_charge(world_of: Made) -> None:
    costs: dict[Any, int] = {13_000_000_000: 13_000_000_000, None: 0, -1: 0, 1.5: 0, 10**40: 0}
    world, script = world_of(6)
    subjects(world, 6, [f"scene {at}" for at in range(len(costs))])
    for at, cost in enumerate(costs):
        script.write(f"scene {at}", ImageReply(picture(), cost_picodollars=cost))

    run_id = world.run()

    calls = calls_of(world, run_id, 6)
    assert [call.cost_picodollars for call in calls] == list(costs.values())
    assert {(call.charged_amount, *call.flags) for call in calls} == {(IMAGE_CHARGE,)}
    world.assert_sound()
