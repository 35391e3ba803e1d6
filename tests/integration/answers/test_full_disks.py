"""A machine that cannot keep images asks for none: what is drawn is paid, whether it can be kept or not."""

from __future__ import annotations

import io
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image as Pixels
from sqlalchemy import select

from pipeline.ai.port import ImageReply, ImageRequest
from pipeline.config import config, use_config
from pipeline.core.states import RunStatus, StageRunStatus
from pipeline.engine import media_space
from pipeline.engine.media_space import MOST_BYTES
from pipeline.models import Content, Run
from pipeline.services import run_control
from tests.integration.answers.conftest import Made
from tests.support.scripted import calls_of, picture, statuses, subjects, told
from tests.support.small_disks import no_file_larger_than

IMAGE_CHARGE = 1_000_000
#: Enough for the databases of a test.
ROOM = 10_000_000


@pytest.fixture(autouse=True)
def media(tmp_path: Path) -> Iterator[Path]:
    """The folder of images, of each test its own."""
    # A disk is full for two looks, not for two hours.
    use_config(config().model_copy(update={"home": tmp_path, "provider_wait_max_seconds": 20}))
    yield tmp_path / "media"
    use_config(None)


def _noise() -> bytes:
    """An image that is larger than there is room."""
    file = io.BytesIO()
    Pixels.frombytes("RGB", (2_400, 1_800), os.urandom(2_400 * 1_800 * 3)).save(file, "PNG")
    assert ROOM < file.tell() < MOST_BYTES
    return file.getvalue()


def test_without_space_no_image_is_asked_for_and_with_it_the_run_goes_on(world_of: Made) -> None:
    world, script = world_of(6)
    subjects(world, 6, ["one", "two", "three"])

    with no_file_larger_than(ROOM):
        run_id = world.start()
        world.driver.drain()

        stage = world.stages(run_id)[6]
        assert (stage.status, stage.reason) == (
            StageRunStatus.RUNNING,
            "waiting: there is no room for images (File too large): none is asked for",
        )
        assert script.images == []
        assert world.balance().held_ucr == 0

    assert world.driver.run_to_end(run_id) is RunStatus.COMPLETED
    assert told(calls_of(world, run_id, 6)) == [("ask", "voided", [], 0)] + [("ask", "settled", [], IMAGE_CHARGE)] * 3
    assert {item.attempts for item in world.items(run_id, 6)} == {0}
    assert statuses(world, 6) == ["done"] * 3
    world.assert_sound()


def test_a_disk_that_stays_full_ends_the_stage_with_the_remedy(sqlite_world_of: Made) -> None:
    world, script = sqlite_world_of(6)
    subjects(world, 6, ["one"])

    with no_file_larger_than(ROOM):
        run_id = world.run()

    assert script.images == []
    # It was looked three times, and one call was written.
    assert [(call.status.value, call.charged_amount) for call in calls_of(world, run_id, 6)] == [("voided", 0)]
    stage = world.stages(run_id)[6]
    assert stage.status is StageRunStatus.FAILED
    assert "there is no room for images (File too large): none is asked for. Make room on the disk" in str(stage.reason)
    assert statuses(world, 6) == ["new"]
    assert world.driver.status(run_id) is RunStatus.FAILED
    world.assert_sound()


def test_a_run_that_waits_for_room_can_be_cancelled(sqlite_world_of: Made) -> None:
    world, script = sqlite_world_of(6)
    subjects(world, 6, ["one"])

    with no_file_larger_than(ROOM):
        run_id = world.start()
        world.driver.drain()
        with world.database.transaction() as session:
            run_control.cancel(session, session.get_one(Run, run_id), actor="test", now=world.database.now())

        assert world.driver.run_to_end(run_id) is RunStatus.CANCELLED

    assert script.images == []
    assert statuses(world, 6) == ["new"]
    world.assert_sound()


def test_an_image_that_could_not_be_kept_is_our_cost_alone_and_no_further_one_is_drawn(world_of: Made) -> None:
    """Space is taken before it is asked for, and gone when it has come."""
    world, script = world_of(6)
    subjects(world, 6, ["one", "two", "three"])
    drawn, noise = list[str](), _noise()

    def fill_up(request: ImageRequest) -> ImageReply:
        drawn.append(request.prompt)
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        return ImageReply(noise, cost_picodollars=7)

    world.provider.draw_image = fill_up  # type: ignore[method-assign]
    with no_file_larger_than(2 * MOST_BYTES):
        run_id = world.run()

    (call,) = calls_of(world, run_id, 6)
    assert (len(drawn), call.step, call.status.value, call.flags) == (1, "ask", "settled", ["wasted"])
    assert (call.charged_amount, call.cost_picodollars) == (0, 7)
    stage = world.stages(run_id)[6]
    assert (stage.status, stage.spent, stage.held) == (StageRunStatus.FAILED, 0, 0)
    assert "was drawn and could not be kept here (File too large)" in (stage.reason or "")
    assert statuses(world, 6) == ["new"] * 3
    world.assert_sound()

    # As long as there is no space nothing more is paid for, however often it runs.
    with no_file_larger_than(ROOM):
        for _ in range(3):
            world.run()
    assert len(drawn) == 1

    world.provider.draw_image = script.draw_image  # type: ignore[method-assign]
    run_id = world.run()
    assert statuses(world, 6) == ["done"] * 3
    world.assert_sound()


def test_a_folder_that_cannot_be_written_is_no_space(sqlite_world_of: Made, media: Path) -> None:
    world, script = sqlite_world_of(6)
    subjects(world, 6, ["one"])
    media.write_text("no folder")

    run_id = world.run()

    assert script.images == []
    assert "there is no room for images (File exists)" in (world.stages(run_id)[6].reason or "")
    assert statuses(world, 6) == ["new"]


def test_nothing_is_left_of_the_space(sqlite_world_of: Made, media: Path) -> None:
    world, _ = sqlite_world_of(6)
    subjects(world, 6, ["one"])
    seen: list[list[str]] = []

    def look(request: ImageRequest) -> ImageReply:
        seen.append([path.name for path in media.rglob("*")])
        return ImageReply(picture())

    world.provider.draw_image = look  # type: ignore[method-assign]
    world.run()

    assert seen == [[]]
    assert len([path for path in media.rglob("*") if path.is_file()]) == 1
    with world.database.reading() as session:
        assert session.scalars(select(Content.images_missing)).one() is False


@pytest.mark.parametrize("code", sorted(media_space._CANNOT_TELL))
def test_a_system_that_cannot_set_space_aside_draws_all_the_same(
    sqlite_world_of: Made, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def cannot(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "posix_fallocate", cannot)
    world, _ = sqlite_world_of(6)
    subjects(world, 6, ["one"])

    world.run()

    assert statuses(world, 6) == ["done"]
