"""Owns the shapes behind the title: each motif draws on the right and lower part and leaves the upper left calm."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from PIL.ImageDraw import ImageDraw

from pipeline.ai.offline.dice import Dice
from pipeline.ai.offline.palettes import Colour, Palette, blend

_CURVE_STEPS = 48


class Scene(NamedTuple):
    """What a motif draws on (sizes in pixels), in which colours, and what decides the rest."""

    draw: ImageDraw
    width: int
    height: int
    palette: Palette
    dice: Dice


Motif = Callable[[Scene], None]


def hills(scene: Scene) -> None:
    """Layers of soft hills under a low sun."""
    draw, width, height, palette, dice = scene
    radius = int(height * dice.between(0.13, 0.2))
    centre_x, centre_y = int(width * dice.between(0.72, 0.86)), int(height * dice.between(0.26, 0.42))
    draw.circle((centre_x, centre_y), int(radius * 1.35), fill=blend(palette.mid, palette.accents[0], share=0.25))
    draw.circle((centre_x, centre_y), radius, fill=palette.accents[0])
    layers = 4 + dice.below(2)
    for layer in range(layers):
        base = height * (0.6 + 0.36 * layer / layers)
        swing, waves, shift = height * dice.between(0.03, 0.09), dice.between(0.7, 1.9), dice.between(0, 6.3)
        steps = (step / _CURVE_STEPS for step in range(_CURVE_STEPS + 1))
        line = [(width * x, base + swing * math.sin(shift + x * waves * 2 * math.pi)) for x in steps]
        tint = blend(palette.accents[1 + layer % 2], palette.mid, share=0.35)
        colour = blend(tint, palette.dark, share=0.25 + 0.65 * layer / layers)
        draw.polygon([*line, (width, height), (0, height)], fill=colour)


def rings(scene: Scene) -> None:
    """Concentric rings, cut by the edge of the picture."""
    draw, width, height, palette, dice = scene
    centre = (int(width * dice.between(0.86, 1.0)), int(height * dice.between(0.3, 0.75)))
    count = 7 + dice.below(4)
    outer = min(height, width * 0.58) * dice.between(0.72, 0.84)
    colours = (*palette.accents, palette.mid, palette.light)
    start = dice.below(len(colours))
    for ring in range(count):
        colour = blend(colours[(start + ring) % len(colours)], palette.mid, share=0.7 * (1 - ring / count))
        draw.circle(centre, int(outer * (1 - ring / count)), fill=colour)
    small = int(height * dice.between(0.05, 0.09))
    draw.circle((int(width * dice.between(0.5, 0.62)), int(height * 0.86)), small, fill=palette.accents[start % 3])


def tiles(scene: Scene) -> None:
    """A wall of quarter circles, half circles and dots."""
    draw, width, height, palette, dice = scene
    size = -(-height // (4 + dice.below(2)))
    columns, rows = max(3, round(width * 0.4 / size)), -(-height // size)
    colours = (*palette.accents, blend(palette.mid, palette.light, share=0.15), palette.light)
    for column in range(columns):
        for row in range(rows):
            left, top = width - (column + 1) * size, row * size
            if dice.below(columns + 1) < column:
                continue
            ground = blend(palette.dark, palette.mid, share=dice.between(0.2, 0.9))
            draw.rectangle((left, top, left + size - 1, top + size - 1), fill=ground)
            _tile(draw, (left, top), size=size, colour=dice.pick(colours), dice=dice)


def _tile(draw: ImageDraw, corner: tuple[int, int], *, size: int, colour: Colour, dice: Dice) -> None:
    left, top = corner
    turn = dice.below(4)
    shape = dice.below(4)
    if shape == 0:
        draw.circle((left + size // 2, top + size // 2), int(size * dice.between(0.2, 0.42)), fill=colour)
    elif shape == 1:
        half = size // 2
        box = (left - half, top, left + half, top + size) if turn % 2 else (left, top - half, left + size, top + half)
        draw.pieslice(box, 270 if turn % 2 else 0, 450 if turn % 2 else 180, fill=colour)
    else:
        begin = (180, 270, 90, 0)[turn]
        corner_x, corner_y = left - size * (turn % 2), top - size * (turn // 2)
        draw.pieslice((corner_x, corner_y, corner_x + 2 * size, corner_y + 2 * size), begin, begin + 90, fill=colour)


def ribbons(scene: Scene) -> None:
    """Parallel diagonal bands of different lengths with round ends."""
    draw, width, height, palette, dice = scene
    band = int(height * dice.between(0.075, 0.11))
    slope = dice.between(0.75, 1.15)
    colours = (*palette.accents, blend(palette.mid, palette.light, share=0.25))
    for number in range(14):
        start_x = width * 0.55 + number * band * 1.18
        low = height * dice.between(0.72, 1.1)
        length = height * dice.between(0.35, 0.95)
        end = (start_x + length / slope, low - length)
        colour = blend(dice.pick(colours), palette.dark, share=dice.between(0, 0.35))
        draw.line([(start_x, low), end], fill=colour, width=band)
        for x, y in ((start_x, low), end):
            draw.circle((int(x), int(y)), band // 2, fill=colour)


def arches(scene: Scene) -> None:
    """A row of nested arches standing on the ground, with a disc above them."""
    draw, width, height, palette, dice = scene
    ground = int(height * 0.93)
    draw.circle(
        (int(width * dice.between(0.58, 0.72)), int(height * dice.between(0.16, 0.26))),
        int(height * dice.between(0.05, 0.085)),
        fill=palette.accents[0],
    )
    right = width * 1.03
    for arch in range(3):
        half = min(height, width) * dice.between(0.13, 0.2)
        centre, top = right - half, height * dice.between(0.28, 0.6)
        colours = dice.shuffled((*palette.accents, palette.light, palette.mid))
        for layer in range(4):
            inner = half * (1 - 0.25 * layer)
            crown = top + half - inner
            colour = blend(colours[layer], palette.dark, share=0.08 * arch)
            draw.pieslice((centre - inner, crown, centre + inner, crown + 2 * inner), 180, 360, fill=colour)
            draw.rectangle((centre - inner, crown + inner - 1, centre + inner, ground), fill=colour)
        right = centre - half - height * 0.012
    draw.rectangle((0, ground, width, height), fill=blend(palette.dark, palette.mid, share=0.25))


def bubbles(scene: Scene) -> None:
    """Discs of many sizes that gather on the right, the large ones behind."""
    draw, width, height, palette, dice = scene
    count = 26 + dice.below(10)
    sizes = sorted((dice.between(0.02, 1) ** 2 * 0.24 + 0.02 for _ in range(count)), reverse=True)
    for number, size in enumerate(sizes):
        pull = dice.between(0, 1) * dice.between(0.2, 1)
        centre = (int(width * (1.0 - 0.38 * pull)), int(height * dice.between(0.02, 0.98)))
        colour = blend(dice.pick((*palette.accents, palette.light)), palette.mid, share=0.75 * (1 - number / count))
        draw.circle(centre, int(size * min(height, width)), fill=colour)


MOTIFS: tuple[Motif, ...] = (hills, rings, tiles, ribbons, arches, bubbles)
