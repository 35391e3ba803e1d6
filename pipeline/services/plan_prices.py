"""Owns prices of plans and packages as people write them: hundredths of a currency, and back. Pure."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from pipeline.core.errors import Fault, InvalidValueError

_CENTS = 100
_MOST_CHARACTERS = 20


def cents(price: Decimal | str | None) -> int | None:
    """Hundredths of a price; None stays. InvalidValueError where it is no price, or finer than that."""
    if price is None:
        return None
    text = str(price)
    try:
        exact = Decimal(text if len(text) <= _MOST_CHARACTERS else "NaN") * _CENTS
    except InvalidOperation:
        exact = Decimal("NaN")
    if not exact.is_finite() or exact < 0 or exact != exact.to_integral_value():
        raise InvalidValueError(
            [Fault("price", f"{text[:_MOST_CHARACTERS]} is no price. Give a number such as 49 or 49.50.")]
        )
    return int(exact)


def price_string(price_cents: int | None) -> str | None:
    """`49.50`; None stays."""
    return None if price_cents is None else f"{price_cents // _CENTS}.{price_cents % _CENTS:02}"
