"""Columns of every spelling, brought to their types."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.data.schema import as_category, as_float, as_id, as_int, as_json_object, as_language, as_text
from shopr.data.sources.money_columns import as_minor
from shopr.errors import InputError
from shopr.money import to_minor


def texts(column: pd.Series) -> list[object]:
    return [None if pd.isna(v) else v for v in column]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series(["007", " 8 ", None]), ["007", "8", None]),
        (pd.Series([12345.0, np.nan, 0.5]), ["12345", None, "0.5"]),
        (pd.Series([7, 8], dtype="int32"), ["7", "8"]),
        (pd.Series([2**62 + 1, None], dtype="Int64"), [str(2**62 + 1), None]),
        (pd.Series(pd.Categorical([7.0, None, 8.0])), ["7", None, "8"]),
        (pd.Series(pd.Categorical(["a", None, "b"])), ["a", None, "b"]),
        (pd.Series([1.0, "a", None, True, 2], dtype=object), ["1", "a", None, "True", "2"]),
        (pd.Series([np.nan, pd.NA, pd.NaT], dtype=object), [None, None, None]),
        (pd.Series([True, False]), ["True", "False"]),
        (pd.Series([1e300, np.inf]), ["1e+300", "inf"]),
    ],
)
def test_text(column, expected):
    assert texts(as_text(column)) == expected


def test_ids_are_text_without_surprises():
    ids, bad = as_id(pd.Series(["a", "", "x" * 256, "x" * 257, "a\tb", None]))
    assert bad.tolist() == [False, False, False, True, True, False]
    assert texts(ids)[1] is None


def test_whole_numbers():
    values = ["1", " -2 ", "3.0", "1.5", "x", "", None, "1e3", "9" * 19, "9" * 18, "inf", "+4"]
    numbers, bad = as_int(pd.Series(values))
    assert [None if pd.isna(v) else int(v) for v in numbers] == [
        1, -2, 3, None, None, None, None, None, None, int("9" * 18), None, 4,
    ]  # fmt: skip
    assert np.flatnonzero(bad).tolist() == [3, 4, 7, 8, 10]
    floats, bad = as_int(pd.Series([1.0, np.nan, np.inf, 2.5]))
    assert bad.tolist() == [False, False, True, True]
    assert floats[0] == 1


def test_floats():
    numbers, bad = as_float(pd.Series(["1.5", "nan", "inf", "", None, "1e400", "x", "-2"]))
    assert bad.tolist() == [False, True, True, False, False, True, True, False]
    assert numbers[0] == 1.5
    assert numbers[7] == -2


def test_json_objects_are_compact_and_sorted():
    values = ['{"b": 1, "a": "é"}', "", None, "[1]", "{", "nul", '{"a": NaN}']
    compact, bad = as_json_object(pd.Series(values))
    assert compact[0] == '{"a":"é","b":1}'
    assert compact[1] == compact[2] == "{}"
    assert bad.tolist() == [False, False, False, True, True, True, True]
    assert as_json_object(pd.Series([{"a": 1}]))[0][0] == '{"a":1}'
    assert as_json_object(pd.Series(["[" * 100_000]))[1].tolist() == [True]


def test_categories_and_languages():
    assert as_category(pd.Series(["A>B > C", " > ", None, "A  x"])).tolist() == ["A > B > C", "", "", "A x"]
    tags, bad = as_language(pd.Series(["EN", "pt_br", "zh-hant-TW", "", None, "x", "en us"]))
    assert tags.tolist()[:5] == ["en", "pt-BR", "zh-Hant-TW", "und", "und"]
    assert bad.tolist() == [False] * 5 + [True, True]


@given(st.lists(st.decimals(0, 10**6, places=3), min_size=1, max_size=10), st.sampled_from(["GBP", "JPY", "KWD"]))
def test_prices_agree_with_money(amounts, currency):
    minor, bad = as_minor(pd.Series([str(a) for a in amounts]), currency)
    assert not bad.any()
    assert minor.tolist() == [to_minor(a, currency) for a in amounts]


def test_prices_that_are_none():
    minor, bad = as_minor(pd.Series(["2.55", "£2", "2,50", "nan", "inf", "1e50", "", None]), "GBP")
    assert minor[0] == 255
    assert bad.tolist() == [False, True, True, True, True, True, False, False]
    assert as_minor(pd.Series([2.675, np.nan]), "GBP")[0][0] == 268
    with pytest.raises(InputError, match="'pounds'"):
        as_minor(pd.Series(["1"]), "pounds")
