"""The offline model's pictures: size, purity, difference, weight."""

import io

import pytest
from PIL import Image

from pipeline.ai.offline import OfflineProvider
from pipeline.ai.offline.pictures import _title
from pipeline.ai.port import ImageRequest, RequestRefusedError

Size = tuple[int, int]


def drawn(offline: OfflineProvider, prompt: str, *, width: int = 1024, height: int = 576) -> bytes:
    return offline.draw_image(ImageRequest("m", prompt, width, height, "standard", "flat", 5.0, "k")).data


@pytest.mark.parametrize(
    ("asked", "given"),
    [((1024, 576), (1024, 576)), ((16, 16), (1024, 576)), ((1024, 1024), (1024, 1024)), ((1024, 1792), (1024, 1792))],
)
def test_picture_has_the_size_asked_for_and_never_less_than_the_minimum(
    offline: OfflineProvider, asked: Size, given: Size
) -> None:
    picture = Image.open(io.BytesIO(drawn(offline, "A “desk”", width=asked[0], height=asked[1])))

    picture.load()
    assert picture.format == "JPEG"
    assert picture.size == given


def test_same_prompt_gives_the_same_bytes(offline: OfflineProvider) -> None:
    assert drawn(offline, "A “desk”") == drawn(offline, "A “desk”")


def test_no_two_prompts_give_one_picture(offline: OfflineProvider) -> None:
    pictures = [Image.open(io.BytesIO(drawn(offline, f"Part {n} of “The same title”"))).tobytes() for n in range(30)]

    assert len(set(pictures)) == 30


def test_pictures_are_light(offline: OfflineProvider) -> None:
    assert max(len(drawn(offline, f"“Article number {n}”")) for n in range(30)) < 200_000


@pytest.mark.parametrize(
    "prompt", ["升降桌推荐", "Größer & schöner", "🪑", "x" * 5000, "a " * 3000, "\x00“\x01\x02”", "“”", "…"]
)
def test_any_prompt_can_be_drawn(offline: OfflineProvider, prompt: str) -> None:
    assert drawn(offline, prompt).startswith(b"\xff\xd8")


def test_empty_prompt_is_refused(offline: OfflineProvider) -> None:
    with pytest.raises(RequestRefusedError, match="empty prompt"):
        drawn(offline, " \n")


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("Featured image “Best desk: a guide”: soft light.", "Best desk: a guide"),
        ("A quiet room. With a lamp.", "A quiet room."),
        ("“Crème brûlée at home”", "Creme brulee at home"),
    ],
)
def test_title_is_what_the_prompt_quotes_in_letters_the_font_has(prompt: str, title: str) -> None:
    assert _title(prompt) == title
