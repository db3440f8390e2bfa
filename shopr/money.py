"""Money as whole minor units (cents, pence, yen) with an ISO 4217 currency: no float ever holds a price."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from shopr.errors import InputError

__all__ = ["CURRENCY_EXPONENTS", "exponent", "format_minor", "from_minor", "to_minor"]

# ISO 4217: digits after the decimal point, where they are not two.
CURRENCY_EXPONENTS = {
    **dict.fromkeys(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(),
        0,
    ),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
}
_SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$", "JPY": "¥", "INR": "₹", "TRY": "₺", "CNY": "CN¥"}


def exponent(currency: str) -> int:
    """Digits after the decimal point of an ISO 4217 currency."""
    if len(currency) != 3 or not currency.isascii() or not currency.isupper():
        raise InputError(f"currency {currency!r} is not an ISO 4217 code", hint="Use three capitals such as 'GBP'")
    return CURRENCY_EXPONENTS.get(currency, 2)


def to_minor(amount: str | Decimal | float | int, currency: str) -> int:
    """Major units to whole minor units, halves rounded away from zero: `to_minor("2.55", "GBP") == 255`."""
    try:
        value = Decimal(str(amount)).scaleb(exponent(currency))
        return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise InputError(f"{amount!r} is not an amount of money", hint="Write a number such as 12.50") from error


def from_minor(minor: int, currency: str) -> Decimal:
    """Minor units to an exact decimal in major units."""
    return Decimal(int(minor)).scaleb(-exponent(currency))


def format_minor(minor: int, currency: str) -> str:
    """A price for people, independent of locale: `format_minor(255, "GBP") == "£2.55"`."""
    digits = f"{from_minor(minor, currency):,.{exponent(currency)}f}"
    symbol = _SYMBOLS.get(currency)
    if symbol is None:
        return f"{digits} {currency}"
    return f"-{symbol}{digits[1:]}" if digits.startswith("-") else f"{symbol}{digits}"
