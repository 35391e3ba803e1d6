"""Owns reading the figures people write: grouped in any locale, shortened, scientific, or as a range.

Never: guesses a figure that is not there: an empty cell is unknown, not 0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache

from pipeline.core.normal import keyword_key

MAX_VOLUME = 1_000_000_000_000
MAX_DIFFICULTY = 100

#: Longer cells are prose; and they would make the conversion to an integer slow.
_MAX_CHARACTERS = 40
_UNKNOWN = frozenset(
    {"", "-", "--", "\u2013", "\u2014", "?", "n/a", "na", "nan", "null", "none", "nil", "unknown", "no data", "not set"}
    | {"(not set)", "k.a.", "k. a.", "nd", "n.d."}
)
_FACTORS = {
    **dict.fromkeys(("k", "tsd", "mil", "\u0442\u044b\u0441", "thousand"), 1_000),
    **dict.fromkeys(("m", "mi", "mio", "mln", "\u043c\u043b\u043d", "million"), 1_000_000),
    **dict.fromkeys(("b", "bn", "mrd", "billion"), 1_000_000_000),
}
_AMOUNT = r"\d[\d.,' _\u066c]*(?:e\+?\d{1,2})?"
_FIGURE = re.compile(rf"[~\u2248]?\s*({_AMOUNT})\s*([^\W\d_]+)?\.?")
_RANGE = re.compile(rf"({_AMOUNT}\s*[^\W\d_]*\.?)\s*(?:[-\u2010-\u2015\u2212~]|\.\.+|to|bis|a|\u00e0)\s*(\d.*)")
_BOUND = re.compile(r"(?:(<)|>)=?\s*(\d.*)|(\d.*?)\s*\+")
_GROUPED = re.compile(r"(\d{1,3}(?:[ '_\u066c]\d{3})+)(?:[.,]\d+)?")
_ONE_MARK_REPEATED = re.compile(r"\d{1,3}([.,])\d{2,3}(?:\1\d{2,3})*\1\d{3}")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
_PERCENT = re.compile(r"(\d{1,3}(?:[.,]\d{1,10})?)\s*(?:%|/\s*100)?")


class Kind(StrEnum):
    """What a cell for a figure held."""

    #: Nothing, or a sign for nothing.
    UNKNOWN = "unknown"
    #: One figure.
    EXACT = "exact"
    #: A range or a bound; the value stands for it.
    RANGE = "range"
    #: Something that is no figure, or one out of bounds.
    UNUSABLE = "unusable"


@dataclass(frozen=True)
class Figure:
    """A figure read from a cell; `value` is None where it is unknown or unusable."""

    value: int | None
    kind: Kind


_NOTHING = Figure(None, Kind.UNKNOWN)
_NONSENSE = Figure(None, Kind.UNUSABLE)


def read_volume(text: str) -> Figure:
    """Read searches a month, 0 to 10^12: `1.300`, `1,300`, `1 300`, `1.3K`, `1E+05`, `1K – 10K`, `<10`, `1000+`."""
    return _volume(text[: _MAX_CHARACTERS + 1])


@lru_cache(maxsize=4096)
def _volume(text: str) -> Figure:
    key = _key(text)
    if key in _UNKNOWN:
        return _NOTHING
    if (exact := _amount(key)) is not None:
        return Figure(exact, Kind.EXACT)
    if (between := _range(key)) is not None:
        return Figure(between, Kind.RANGE)
    return _NONSENSE


def read_difficulty(text: str) -> Figure:
    """Read a difficulty, 0 to 100, rounded: `45`, `45.4`, `45,4`, `45%`, `45/100`."""
    return _difficulty(text[: _MAX_CHARACTERS + 1])


@lru_cache(maxsize=4096)
def _difficulty(text: str) -> Figure:
    key = _key(text)
    if key in _UNKNOWN:
        return _NOTHING
    if not (match := _PERCENT.fullmatch(key)):
        return _NONSENSE
    value = _rounded(Decimal(match[1].replace(",", ".")))
    return Figure(value, Kind.EXACT) if value <= MAX_DIFFICULTY else _NONSENSE


def _key(text: str) -> str:
    return keyword_key(text) if len(text) <= _MAX_CHARACTERS else "prose"


def _range(key: str) -> int | None:
    if match := _BOUND.fullmatch(key):
        value = _amount(match[2] or match[3])
        return value // 2 if match[1] and value is not None else value
    match = _RANGE.fullmatch(key)
    low, high = (_amount(match[1]), _amount(match[2])) if match else (None, None)
    if low is None or high is None or low > high:
        return None
    # For its own ranges (1K – 10K) the Keyword Planner states half the upper end elsewhere; agree with it.
    return high // 2 if high == 10 * low else (low + high) // 2


def _amount(key: str) -> int | None:
    """Return a non-negative figure as an integer; None where it is none or beyond bounds."""
    if not (match := _FIGURE.fullmatch(key)):
        return None
    factor = _FACTORS.get(match[2]) if match[2] else 1
    if factor is None:
        return None
    try:
        number = Decimal(_plain_digits(match[1].strip(), shortened=factor > 1))
    except InvalidOperation:
        return None
    return _rounded(number * factor) if number * factor <= MAX_VOLUME else None


def _plain_digits(digits: str, *, shortened: bool) -> str:
    """Drop the marks between groups and make the decimal mark a point; what is neither stays, and is no number."""
    if match := _GROUPED.fullmatch(digits):
        return re.sub(r"\D", "", match[1]) + digits[match.end(1) :].replace(",", ".")
    if _ONE_MARK_REPEATED.fullmatch(digits) or (not shortened and _THOUSANDS.fullmatch(digits)):
        return re.sub(r"\D", "", digits)
    if "," in digits and "." in digits:
        decimal = max(".,", key=digits.rfind)
        whole, _, fraction = digits.rpartition(decimal)
        return f"{whole.replace('.' if decimal == ',' else ',', '')}.{fraction}"
    return digits.replace(",", ".").replace("_", "\0")


def _rounded(number: Decimal) -> int:
    return int(number.to_integral_value(ROUND_HALF_UP))
