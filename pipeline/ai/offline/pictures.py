"""Owns the offline model's pictures: a composition and a title in a JPEG, from the prompt alone.

Never: two prompts, one file: the picture carries the digest of its request.
"""

from __future__ import annotations

import hashlib
import io
import re
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont
from PIL.ImageFont import FreeTypeFont
from slugify import slugify

from pipeline.ai.offline.dice import Dice
from pipeline.ai.offline.motifs import MOTIFS, Scene
from pipeline.ai.offline.palettes import PALETTES, Palette, blend
from pipeline.ai.offline.words import capital, shorten
from pipeline.ai.port import ImageRequest, RequestRefusedError

SMALLEST_WIDTH, SMALLEST_HEIGHT = 1024, 576
LARGEST_SIDE = 4096
LABEL = "offline testing model"
#: Shapes are drawn larger and reduced, which is what makes their edges smooth.
_OVERSAMPLING = 2
_JPEG_QUALITY = 86
_TITLE_LIMIT = 110
_MOST_LINES = 5
_QUOTED = re.compile(r"[“\"«„]([^”\"»“]{2,})[”\"»“]")


def draw(request: ImageRequest) -> bytes:
    """A JPEG of the size asked for, at least 1024 × 576. Raises RequestRefusedError without a prompt."""
    if not request.prompt.strip():
        raise RequestRefusedError("The offline testing model cannot draw an empty prompt: say what to show.")
    width = min(max(request.width, SMALLEST_WIDTH), LARGEST_SIDE)
    height = min(max(request.height, SMALLEST_HEIGHT), LARGEST_SIDE)
    seed = (request.model, request.prompt, request.style, request.quality, str(width), str(height))
    digest = hashlib.sha256("\x1f".join(seed).encode()).hexdigest()
    dice = Dice(digest)
    palette = dice.pick(PALETTES)

    picture = _composition(width, height, palette, dice)
    pen = ImageDraw.Draw(picture)
    _write_title(pen, _title(request.prompt), width=width, height=height, palette=palette)
    _write_label(pen, f"{LABEL} · {digest[:8]}", width=width, height=height, palette=palette)
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=_JPEG_QUALITY, comment=f"{LABEL} {digest}")
    return data.getvalue()


def _composition(width: int, height: int, palette: Palette, dice: Dice) -> Image.Image:
    """The ground, the shapes on it, and a shade from the left that keeps the title readable."""
    large = (width * _OVERSAMPLING, height * _OVERSAMPLING)
    canvas = _ground(large, palette)
    motif = dice.pick(MOTIFS)
    motif(Scene(ImageDraw.Draw(canvas), *large, palette, dice))
    picture = canvas.reduce(_OVERSAMPLING)
    picture.paste(blend(palette.dark, (0, 0, 0), share=0.15), (0, 0), _shade((width, height)))
    return picture


def _ground(size: tuple[int, int], palette: Palette) -> Image.Image:
    """A gradient from the middle colour at the top to the dark one."""
    column = Image.new("RGB", (1, 64))
    column.putdata([blend(palette.mid, palette.dark, share=row / 63) for row in range(64)])
    return column.resize(size, Image.Resampling.BILINEAR)


@lru_cache(maxsize=8)
def _shade(size: tuple[int, int]) -> Image.Image:
    """How much of the shade lies over each column: much on the left, nothing on the right."""
    row = Image.new("L", (64, 1))
    row.putdata([round(205 * max(0.0, 1 - (column / 44) ** 2)) for column in range(64)])
    return row.resize(size, Image.Resampling.BILINEAR)


def _title(prompt: str) -> str:
    """What the prompt puts in quotation marks, else its first sentence, in letters the font has."""
    quoted = _QUOTED.search(prompt)
    text = " ".join((quoted[1] if quoted else re.split(r"(?<=[.!?])\s|\n", prompt.strip())[0]).split())
    words = (_spelled(word) for word in shorten(text, limit=_TITLE_LIMIT).replace("…", "...").split())
    return capital(" ".join(word for word in words if word))


def _spelled(word: str) -> str:
    """The word as written, or in plain Latin letters where the font has no other."""
    return word if all(_has_letter(char) for char in word) else slugify(word, lowercase=False, separator=" ")


@lru_cache(maxsize=64)
def _font(size: int) -> FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, FreeTypeFont):
        raise RequestRefusedError("The offline testing model cannot draw: install Pillow with FreeType support.")
    return font


@lru_cache(maxsize=2048)
def _has_letter(char: str) -> bool:
    """Whether the font has the letter, and not only the box it shows for letters it lacks."""
    return char == " " or bytes(_font(32).getmask(char)) != bytes(_font(32).getmask("\U0010ffff"))


def _write_title(pen: ImageDraw.ImageDraw, title: str, *, width: int, height: int, palette: Palette) -> None:
    if not title:
        return
    margin, unit = round(width * 0.06), min(width, height * 16 // 9)
    size, lines = _fit(title, unit=unit, room=round(width * 0.47))
    leading = round(size * 1.2)
    top = (height - leading * len(lines)) // 2
    pen.rectangle((margin, top - size // 2, margin + unit // 14, top - size // 2 + unit // 200), palette.accents[0])
    for number, line in enumerate(lines):
        pen.text(
            (margin, top + number * leading + size // 5),
            line,
            fill=palette.light,
            font=_font(size),
            stroke_width=size / 60,
            stroke_fill=palette.light,
        )


def _fit(title: str, *, unit: int, room: int) -> tuple[int, list[str]]:
    """The largest size at which the title stands in a few lines, and those lines."""
    for share in (0.062, 0.054, 0.047, 0.041):
        size = round(unit * share)
        lines = _wrap(title, font=_font(size), room=room)
        if len(lines) <= _MOST_LINES - 1 and all(_font(size).getlength(line) <= room for line in lines):
            return size, lines
    size = round(unit * 0.035)
    return size, _wrap(title, font=_font(size), room=room)[:_MOST_LINES]


def _wrap(title: str, *, font: FreeTypeFont, room: int) -> list[str]:
    lines: list[str] = []
    for word in title.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _write_label(pen: ImageDraw.ImageDraw, label: str, *, width: int, height: int, palette: Palette) -> None:
    font = _font(round(min(width, height * 16 // 9) * 0.0165))
    margin = round(width * 0.06)
    pen.text(
        (margin, height - margin // 2), label, fill=blend(palette.light, palette.mid, share=0.3), font=font, anchor="ls"
    )
