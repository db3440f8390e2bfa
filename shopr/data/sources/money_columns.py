"""Columns of decimal prices as whole minor units."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.data.schema import as_text, by_unique
from shopr.money import exponent, to_minor

__all__ = ["as_minor"]

MAX_MAJOR = Decimal(10) ** 12


def as_minor(column: pd.Series, currency: str) -> tuple[pd.Series, NDArray[np.bool_]]:
    """Prices such as 12.50 as Int64 minor units of `currency`, and a mask of the values that are no amount.

    Halves are rounded away from zero; missing stays missing. Text with a currency sign or a decimal comma is bad, as
    are infinities and amounts of 10^12 and more: nothing is guessed.

    Raises:
        InputError: if the currency is no ISO 4217 code.
    """
    exponent(currency)

    def minor(text: str) -> int | None:
        try:
            amount = Decimal(text)
        except InvalidOperation:
            return None
        if not amount.is_finite() or abs(amount) >= MAX_MAJOR:
            return None
        return to_minor(amount, currency)

    text = as_text(column)
    missing = (text.isna() | (text == "")).to_numpy(dtype=bool)
    values = by_unique(text.mask(missing), minor)
    bad = values.isna().to_numpy(dtype=bool) & ~missing
    return values.astype("Int64"), bad
