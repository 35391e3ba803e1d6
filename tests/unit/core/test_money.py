from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import money
from pipeline.core.errors import InvalidValueError
from pipeline.core.money import PICODOLLARS_PER_DOLLAR, UCR_PER_CREDIT

amounts = st.integers(-(10**18), 10**18)
tokens = st.integers(0, 10**9)
dollars = st.decimals(min_value=0, max_value=10_000, places=15)


@given(amounts)
def test_credits_of_an_amount_read_back_as_the_same_amount(amount_ucr: int) -> None:
    assert money.ucr(money.credit_string(amount_ucr)) == amount_ucr


@given(amounts)
def test_credits_are_written_without_exponent_or_idle_zeros(amount_ucr: int) -> None:
    written = money.credit_string(amount_ucr)

    assert Decimal(written) == Decimal(amount_ucr).scaleb(-6)
    assert set(written) <= set("-0123456789.")
    assert "." not in written or written[-1] not in "0."


@pytest.mark.parametrize(
    ("amount_ucr", "written", "shown"),
    [
        (0, "0", "0.0"),
        (1, "0.000001", "0.0"),
        (-3_000_001, "-3.000001", "-3.0"),
        (1_406_200_000, "1406.2", "1,406.2"),
        (10_000_000_000, "10000", "10,000.0"),
    ],
)
def test_an_amount_is_written_exactly_and_shown_rounded(amount_ucr: int, written: str, shown: str) -> None:
    assert (money.credit_string(amount_ucr), money.shown(amount_ucr)) == (written, shown)


def test_less_than_nothing_that_rounds_to_nothing_is_shown_without_a_sign() -> None:
    assert money.shown(-1) == "0.0"


@pytest.mark.parametrize(
    ("given_amount", "amount_ucr"),
    [
        (250, 250_000_000),
        ("12.5", 12_500_000),
        (Decimal("0.000001"), 1),
        ("-3", -3_000_000),
        ("1e3", 1_000_000_000),
        ("12.50000000000000000000000000000000", 12_500_000),
    ],
)
def test_credits_are_kept_as_micro_credits(given_amount: int | str | Decimal, amount_ucr: int) -> None:
    assert money.ucr(given_amount) == amount_ucr


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ten",
        "1,5",
        "NaN",
        "sNaN",
        "Infinity",
        "-inf",
        "0.0000001",
        "1e-7",
        "1e13",
        "1e30",
        "1e999999",
        "1e-9999999",
        "-1e999999",
    ],
)
def test_what_is_no_amount_of_credits_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        money.ucr(text)


def test_an_amount_with_more_digits_than_are_kept_is_refused_not_rounded() -> None:
    with pytest.raises(InvalidValueError):
        money.ucr("1234567890.0000000000000000000000000000001")


@given(tokens, st.integers(1, 10**9))
def test_a_token_charge_is_the_exact_price_rounded_up_to_a_micro_credit(number: int, tokens_per_credit: int) -> None:
    charge = money.token_charge_ucr(number, tokens_per_credit)

    exact = Fraction(number * UCR_PER_CREDIT, tokens_per_credit)
    assert exact <= charge < exact + 1


@given(tokens, tokens, st.integers(1, 10**9))
def test_more_tokens_never_cost_less(one: int, more: int, tokens_per_credit: int) -> None:
    assert money.token_charge_ucr(one, tokens_per_credit) <= money.token_charge_ucr(one + more, tokens_per_credit)


@given(dollars)
def test_our_cost_is_rounded_up_to_a_picodollar(cost: Decimal) -> None:
    booked = money.picodollars(cost)

    exact = Fraction(cost) * PICODOLLARS_PER_DOLLAR
    assert exact <= booked < exact + 1


@given(tokens, st.decimals(min_value=0, max_value=100, places=12))
def test_our_cost_of_tokens_is_never_booked_under_what_it_is(number: int, cost_per_1k: Decimal) -> None:
    booked = money.token_cost_picodollars(number, cost_per_1k)

    exact = Fraction(cost_per_1k) * number / 1_000 * PICODOLLARS_PER_DOLLAR
    assert exact <= booked < exact + 1


@given(st.integers(0, 2**62), st.lists(st.integers(0, 100), min_size=1, max_size=7))
def test_shares_never_exceed_the_amount_they_are_shares_of(amount_ucr: int, percents: list[int]) -> None:
    shares = [money.share_ucr(amount_ucr, percent) for percent in percents]

    assert all(0 <= share <= amount_ucr for share in shares)
    assert sum(percents) > 100 or sum(shares) <= amount_ucr


def test_the_whole_is_a_hundred_percent() -> None:
    assert money.share_ucr(1_000_003, 100) == 1_000_003
