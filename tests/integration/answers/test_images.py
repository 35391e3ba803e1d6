"""Whatever comes as an image: charged, flagged, drawn once more; then the image fails, and its article goes on."""

from __future__ import annotations

import errno
import io
from typing import Any

import pytest
from PIL import Image as Pixels
from sqlalchemy import select

from pipeline.ai.port import ImageReply
from pipeline.db.session import Database
from pipeline.engine import media
from pipeline.engine.media import MediaStore
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


def test_an_image_that_cannot_be_kept_is_our_cost_and_nobodys_charge(
    world_of: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_store: MediaStore, _data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(MediaStore, "store", full)
    world, script = world_of(6)
    subjects(world, 6, ["scene"])
    script.write("scene", *[ImageReply(picture(), cost_picodollars=7)] * 2)

    run_id = world.run()

    calls = calls_of(world, run_id, 6)
    assert told(calls) == [("ask", "settled", ["wasted"], 0), ("repair", "settled", ["wasted"], 0)]
    assert [call.cost_picodollars for call in calls] == [7, 7]
    assert "No space left on device" in (world.items(run_id, 6)[0].error or "")
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


def test_nothing_is_asked_while_there_is_no_room_for_images_and_then_all_is(
    world_of: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, script = world_of(6)
    subjects(world, 6, ["scene"])
    script.write("scene", ImageReply(picture()))

    with monkeypatch.context() as full:
        full.setattr(media, "_LEAST_ROOM_BYTES", 10**18)
        run_id = world.start()
        world.driver.drain()

        assert (world.stages(run_id)[6].reason or "").startswith("waiting: there is no room for images")
        assert script.images == []
        assert world.balance().held_ucr == 0

    world.driver.run_to_end(run_id)
    assert told(calls_of(world, run_id, 6)) == [("ask", "voided", [], 0), ("ask", "settled", [], IMAGE_CHARGE)]
    (item,) = world.items(run_id, 6)
    assert (item.status.value, item.attempts) == ("done", 0)
    world.assert_sound()


def test_a_disk_that_stays_full_for_too_long_ends_the_stage_with_the_remedy(
    world_of: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refused)
    world, script = world_of(6)
    subjects(world, 6, ["scene"])
    script.write("scene", ImageReply(picture()))

    run_id = world.run()

    row = world.stages(run_id)[6]
    assert (row.status.value, row.reason) == (
        "failed",
        "there is no room for images: Read-only file system. Give the folder of images more room, then run again.",
    )
    assert script.images == []
    assert statuses(world, 6) == ["new"]
    world.assert_sound()
