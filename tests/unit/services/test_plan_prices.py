"""Prices of plans as people write them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipeline.core.errors import InvalidValueError
from pipeline.services.plan_prices import cents, price_string


@pytest.mark.parametrize(
    ("price", "kept", "told"),
    [
        (None, None, None),
        ("0", 0, "0.00"),
        ("49", 4_900, "49.00"),
        ("49.5", 4_950, "49.50"),
        (Decimal("0.05"), 5, "0.05"),
    ],
)
def test_a_price_is_kept_in_hundredths(price: Decimal | str | None, kept: int | None, told: str | None) -> None:
    assert cents(price) == kept
    assert price_string(kept) == told


@pytest.mark.parametrize("price", ["", "x", "-1", "1.005", "NaN", "Infinity", "9" * 40 + ".5"])
def test_what_is_no_price_is_refused(price: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        cents(price)
    assert [fault.field for fault in refused.value.faults] == ["price"]
