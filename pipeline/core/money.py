"""Owns money as integers: micro-credits for customers, picodollars for our own cost.

1 credit = 1,000,000 micro-credits (`_ucr`); 1 US dollar = 10^12 picodollars. Never a float; rounded for display only.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Context, Decimal, Inexact, InvalidOperation

from pipeline.core.errors import InvalidValueError

UCR_PER_CREDIT = 1_000_000
PICODOLLARS_PER_DOLLAR = 10**12
#: What a credit is worth in reports unless the system says otherwise: a US cent. A micro-credit is worth as many
#: picodollars as a credit is worth millionths of a dollar.
CREDIT_VALUE_MICRODOLLARS = 10_000
_TOKENS_PER_PRICE = 1_000
#: Amounts are kept in 64 bits.
_MOST_UCR = 10**18
_EXACT = Context(prec=28, traps=[InvalidOperation, Inexact])


def ucr(credits_amount: int | str | Decimal) -> int:
    """Micro-credits of an amount of credits; InvalidValueError where it is no number, too fine or too large to keep."""
    try:
        amount = _EXACT.multiply(Decimal(credits_amount), UCR_PER_CREDIT)
    except InvalidOperation:
        raise InvalidValueError(
            f"{credits_amount!r} is not an amount of credits. Give a number such as 250 or 12.5."
        ) from None
    except Inexact:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount != amount.to_integral_value() or abs(amount) > _MOST_UCR:
        raise InvalidValueError(
            f"{credits_amount} credits cannot be kept: an amount has at most twelve digits and six decimals."
        )
    return int(amount)


def credit_string(amount_ucr: int) -> str:
    """Credits as an exact decimal string without an exponent: `1406.2`, `0`, `-3.000001`."""
    whole, part = divmod(abs(amount_ucr), UCR_PER_CREDIT)
    text = f"{whole}.{part:06d}".rstrip("0").rstrip(".")
    return f"-{text}" if amount_ucr < 0 else text


def shown(amount_ucr: int) -> str:
    """Credits for people: one decimal, thousands separated (`1,406.2`)."""
    return f"{Decimal(amount_ucr) / UCR_PER_CREDIT:z,.1f}"


def dollar_string(amount_picodollars: int) -> str:
    """US dollars as an exact decimal string: `0.0042`, `-12.5`, `0`."""
    whole, part = divmod(abs(amount_picodollars), PICODOLLARS_PER_DOLLAR)
    text = f"{whole}.{part:012d}".rstrip("0").rstrip(".")
    return f"-{text}" if amount_picodollars < 0 else text


def shown_dollars(amount_picodollars: int) -> str:
    """US dollars for people, to the hundredth of a cent, thousands separated (`1,406.2000`)."""
    return f"{Decimal(amount_picodollars) / PICODOLLARS_PER_DOLLAR:z,.4f}"


def percent_string(part: int, whole: int) -> str:
    """`part` of `whole` in percent, to two decimals; "0" where there is no whole (plan 2.3.1)."""
    if whole <= 0:
        return "0"
    text = f"{Decimal(part) * 100 / Decimal(whole):z.2f}"
    return text.rstrip("0").rstrip(".")


def microdollars(dollars: Decimal) -> int:
    """Millionths of a US dollar; what is finer than that is rounded down."""
    return int(dollars * 1_000_000)


def token_charge_ucr(tokens: int, tokens_per_credit: int) -> int:
    """Price of `tokens`, rounded up to a micro-credit."""
    return -(-tokens * UCR_PER_CREDIT // tokens_per_credit)


def picodollars(dollars: Decimal) -> int:
    """Our cost in picodollars, rounded up: we never book less than we pay."""
    return int((dollars * PICODOLLARS_PER_DOLLAR).to_integral_value(rounding=ROUND_CEILING))


def token_cost_picodollars(tokens: int, cost_per_1k: Decimal) -> int:
    """What `tokens` cost us at `cost_per_1k` US dollars a thousand (plan 2.3.1)."""
    return picodollars(cost_per_1k * tokens / _TOKENS_PER_PRICE)


def share_ucr(amount_ucr: int, percent: int) -> int:
    """`percent` of an amount, rounded down: a stage's cap."""
    return amount_ucr * percent // 100
