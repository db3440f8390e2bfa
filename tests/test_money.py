"""Money: exact, in minor units, by the currency's own exponent."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.errors import InputError
from shopr.money import exponent, format_minor, from_minor, to_minor

CURRENCIES = st.sampled_from(["GBP", "EUR", "JPY", "KWD", "CHF"])
MINOR = st.integers(-(10**15), 10**15)


@given(MINOR, CURRENCIES)
def test_minor_units_survive_a_round_trip(minor: int, currency: str) -> None:
    assert to_minor(from_minor(minor, currency), currency) == minor
    assert to_minor(str(from_minor(minor, currency)), currency) == minor


@given(st.decimals(-(10**9), 10**9, places=5), CURRENCIES)
def test_halves_are_rounded_away_from_zero(amount: Decimal, currency: str) -> None:
    scaled = amount * 10 ** exponent(currency)
    assert to_minor(amount, currency) == int(scaled.to_integral_value(ROUND_HALF_UP))


@given(MINOR, CURRENCIES)
def test_the_text_for_people_holds_the_exact_amount(minor: int, currency: str) -> None:
    digits = "".join(c for c in format_minor(minor, currency) if c.isdigit() or c in ".-")
    assert Decimal(digits) == from_minor(minor, currency)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("2.55", "GBP", 255), (2.675, "GBP", 268), ("-0.005", "EUR", -1), (1000, "JPY", 1000), ("1.2345", "KWD", 1235)],
)
def test_known_amounts(amount: str | float, currency: str, minor: int) -> None:
    assert to_minor(amount, currency) == minor


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(255, "GBP", "£2.55"), (-123456, "EUR", "-€1,234.56"), (1000, "JPY", "¥1,000"), (1235, "KWD", "1.235 KWD")],
)
def test_known_texts(minor: int, currency: str, text: str) -> None:
    assert format_minor(minor, currency) == text


@pytest.mark.parametrize("amount", ["", "free", "1,50", "nan", "inf", float("inf"), None])
def test_what_is_no_amount_is_refused(amount: object) -> None:
    with pytest.raises(InputError, match="is not an amount of money"):
        to_minor(amount, "GBP")  # type: ignore[arg-type]


@pytest.mark.parametrize("currency", ["gbp", "POUND", "", "£££"])
def test_what_is_no_currency_is_refused(currency: str) -> None:
    with pytest.raises(InputError, match="is not an ISO 4217 code"):
        exponent(currency)
