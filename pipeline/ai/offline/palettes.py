"""Owns the colours of the offline model's pictures: dark to mid for the ground, light for the text, three accents."""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[int, int, int]


def _rgb(code: str) -> Colour:
    return int(code[0:2], 16), int(code[2:4], 16), int(code[4:6], 16)


@dataclass(frozen=True)
class Palette:
    """One set of colours that go together; text in `light` is readable on both ground colours."""

    dark: Colour
    mid: Colour
    light: Colour
    accents: tuple[Colour, Colour, Colour]


PALETTES: tuple[Palette, ...] = tuple(
    Palette(_rgb(dark), _rgb(mid), _rgb(light), (_rgb(first), _rgb(second), _rgb(third)))
    for dark, mid, light, first, second, third in (
        ("0f2027", "2c5364", "f4f1de", "f2a65a", "e76f51", "8ecae6"),
        ("1b1b3a", "4a3f6b", "fff4e6", "f7b267", "f25c54", "b8c0ff"),
        ("13262f", "33555f", "fefae0", "dda15e", "bc6c25", "a3b18a"),
        ("1d2d1f", "3f5e43", "f7f4ea", "e9c46a", "d98c5f", "b7d3a8"),
        ("2b1d2b", "6b3a52", "fff1ea", "ffb88a", "e5687a", "f1d6c2"),
        ("0b2545", "1f4e79", "eef4ed", "8da9c4", "f4d35e", "ee964b"),
        ("2a1f1a", "6b4a36", "fdf6ec", "e8b878", "c8553d", "9fc2ba"),
        ("102a2c", "1f6663", "f1faee", "f6bd60", "f28482", "84dcc6"),
        ("23222f", "4d4b66", "f5f3ff", "c3a6ff", "ff8fab", "7bdff2"),
        ("3a1420", "7a2e3d", "fff5f0", "f6ae2d", "f26419", "f3c6b1"),
    )
)


def blend(first: Colour, second: Colour, *, share: float) -> Colour:
    """`first` with `share` (0 to 1) of `second` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
