"""Columns of tables: their types, and how values of any spelling are brought to them without losing a bad one.

Every function here returns the converted column and a mask of the values that could not be converted; the caller
decides what becomes of them. A missing value is never bad here: callers that need it present check for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = [
    "MAX_ID_LENGTH",
    "as_category",
    "as_float",
    "as_id",
    "as_int",
    "as_json_object",
    "as_language",
    "as_text",
    "by_unique",
]

MAX_ID_LENGTH = 256
"""Characters of the longest id accepted anywhere."""
_INTEGRAL = r"[+-]?\d{1,18}(?:\.0{0,6})?"
_LANGUAGE = r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*"

Converted = tuple[pd.Series, NDArray[np.bool_]]


def as_text(column: pd.Series) -> pd.Series:
    """A `str` column without surrounding space; missing values stay missing, whole floats lose their `.0`.

    An id read from a column with gaps often comes as 12345.0; it is "12345".
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        names = [*as_text(pd.Series(column.cat.categories)), None]
        texts = np.array(names, dtype=object)[column.cat.codes.to_numpy()]
        return pd.Series(texts, index=column.index, dtype="str")
    if pd.api.types.is_bool_dtype(column):
        return column.astype("str")
    if pd.api.types.is_numeric_dtype(column):
        return _numbers_as_text(column)
    if not pd.api.types.is_string_dtype(column) or column.dtype == object:
        column = _objects_as_text(column)
    return column.astype("str").str.strip()


def _numbers_as_text(column: pd.Series) -> pd.Series:
    missing = column.isna().to_numpy()
    if pd.api.types.is_integer_dtype(column):
        text = column.astype("str").astype("str")
        return text.mask(missing)
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    whole = np.isfinite(values) & (np.abs(values) < 2**63) & (values == np.floor(values))
    text = pd.Series(values, index=column.index).astype("str")
    text[whole] = pd.Series(values[whole].astype(np.int64), index=column.index[whole]).astype("str")
    return text.mask(missing)


def _objects_as_text(column: pd.Series) -> pd.Series:
    def text(value: Any) -> Any:
        if isinstance(value, str):
            return value
        if value is None or value is pd.NA or value is pd.NaT:
            return None
        if isinstance(value, (float, np.floating)):
            return (
                None
                if np.isnan(value)
                else str(int(value))
                if value == np.floor(value) and _finite(value)
                else str(value)
            )
        return str(value)

    return pd.Series([text(v) for v in column], index=column.index, dtype="str")


def _finite(value: Any) -> bool:
    return isinstance(value, (float, np.floating)) and bool(np.isfinite(value))


def by_unique(column: pd.Series, convert: Callable[[Any], Any]) -> pd.Series:
    """`convert` applied to each distinct value once: for Python functions over long columns with few values."""
    codes, uniques = pd.factorize(column, use_na_sentinel=True)
    table = np.empty(len(uniques) + 1, dtype=object)
    table[:-1] = [convert(value) for value in uniques]
    table[-1] = None
    return pd.Series(table[codes], index=column.index)


def as_id(column: pd.Series) -> Converted:
    """Ids: text of 1 to `MAX_ID_LENGTH` characters without control characters; empty text counts as missing."""
    text = as_text(column)
    text = text.mask((text == "").to_numpy(dtype=bool, na_value=False))
    long = (text.str.len() > MAX_ID_LENGTH).to_numpy(dtype=bool, na_value=False)
    control = text.str.contains(r"[\x00-\x1f\x7f]", regex=True).to_numpy(dtype=bool, na_value=False)
    return text, long | control


def as_int(column: pd.Series) -> Converted:
    """Whole numbers as Int64; fractions, text that is not a number, infinities and values beyond 64 bits are bad."""
    missing = _missing(column)
    if pd.api.types.is_integer_dtype(column) and not pd.api.types.is_unsigned_integer_dtype(column):
        return column.astype("Int64"), np.zeros(len(column), bool)
    text = as_text(column)
    good = text.str.fullmatch(_INTEGRAL).to_numpy(dtype=bool, na_value=False)
    values = np.zeros(len(column), np.int64)
    digits = text[good].str.split(".", n=1).str[0]
    values[good] = digits.to_numpy(dtype=object).astype(np.int64)
    result = pd.Series(values, index=column.index).astype("Int64").mask(~good)
    return result, ~good & ~missing


def as_float(column: pd.Series) -> Converted:
    """Finite numbers as float64 with NaN for missing; text, NaN spelt out and infinities are bad."""
    missing = _missing(column)
    values = pd.to_numeric(column.astype(object).where(~missing, None), errors="coerce")
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    bad = ~np.isfinite(numbers) & ~missing
    return pd.Series(np.where(bad, np.nan, numbers), index=column.index), bad


def as_json_object(column: pd.Series) -> Converted:
    """JSON objects as compact text with sorted keys; missing and empty become `{}`; anything else is bad."""

    def compact(value: Any) -> Any:
        try:
            parsed = value if isinstance(value, dict) else json.loads(value)
            if not isinstance(parsed, dict):
                return None
            text = json.dumps(parsed, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            return text.encode("utf-8", "replace").decode()  # halves of characters fit no column of text
        except (TypeError, ValueError, RecursionError):
            return None

    filled = column.where(~_missing(column), "{}")
    if any(isinstance(v, dict) for v in filled.head(1)):
        result = pd.Series([compact(v) for v in filled], index=column.index)
    else:
        result = by_unique(filled.astype("str"), compact)
    bad = result.isna().to_numpy(dtype=bool)
    return result.astype("str"), bad


def as_category(column: pd.Series) -> pd.Series:
    """Category paths with " > " between levels, without empty levels or doubled space; missing becomes ""."""

    def path(value: Any) -> str:
        levels = (" ".join(level.split()) for level in str(value).split(">"))
        return " > ".join(level for level in levels if level)

    return by_unique(as_text(column).fillna(""), path).astype("str")


def as_language(column: pd.Series) -> Converted:
    """BCP 47 tags in their usual case (`en-GB`, `zh-Hant`); missing becomes `und`, undetermined."""

    def tag(value: str) -> str:
        first, *rest = value.replace("_", "-").split("-")
        cased = (p.upper() if len(p) == 2 else p.title() if len(p) == 4 and p.isalpha() else p.lower() for p in rest)
        return "-".join([first.lower(), *cased])

    text = as_text(column)
    text = text.mask(_missing(text), "und")
    good = text.str.replace("_", "-").str.fullmatch(_LANGUAGE).to_numpy(dtype=bool, na_value=False)
    return by_unique(text.where(good, "und"), tag).astype("str"), ~good


def _missing(column: pd.Series) -> NDArray[np.bool_]:
    missing: NDArray[np.bool_] = column.isna().to_numpy(dtype=bool)
    if pd.api.types.is_string_dtype(column) or column.dtype == object:
        missing = missing | (column.astype("str").str.strip() == "").to_numpy(dtype=bool, na_value=True)
    return missing
