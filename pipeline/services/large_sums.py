"""Owns sums of amounts that may be larger than 64 bits hold: two sums a measure, thousand millions and what is left.

SQLite ends a statement whose sum of integers is too large, PostgreSQL one whose product is. Never: a float in
what is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Float, cast, literal
from sqlalchemy.orm import InstrumentedAttribute

Amount = ColumnElement[Any] | InstrumentedAttribute[Any]

_UNIT: Final = 10**9


def parts_of(name: str) -> tuple[str, str]:
    """What the two sums of a measure are called."""
    return f"{name}_high", f"{name}_low"


def split(name: str, amount: Amount, *, times: Amount | None = None) -> dict[str, ColumnElement[Any]]:
    """The two parts of an amount, by the names that they are summed under; `times`: of its product with that.

    Of a product either factor may have 18 digits, as long as the whole has no more than 27.
    """
    names, unit = parts_of(name), literal(_UNIT, BigInteger)
    high, low = amount // unit, amount % unit
    if times is None:
        return dict(zip(names, (high, low), strict=True))
    more = low * cast(times, BigInteger)
    return dict(zip(names, (high * cast(times, BigInteger) + more // unit, more % unit), strict=True))


def joined(row: Mapping[Any, Any], name: str) -> int:
    """The sum that the two sums of that name are."""
    high, low = (int(row[part]) for part in parts_of(name))
    return high * _UNIT + low


def largest_first(sums: Mapping[str, ColumnElement[Any]], name: str) -> ColumnElement[Any]:
    """How rows are ordered by the sum of that name, to sixteen digits."""
    high, low = (cast(sums[part], Float) for part in parts_of(name))
    return (high * float(_UNIT) + low).desc()
