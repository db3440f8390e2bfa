"""Rejects are printable, counted once, and in the order of the file."""

from __future__ import annotations

import numpy as np
import pandas as pd

from shopr.data.rejects import MAX_VALUE_LENGTH, Rejects, Sieve


def test_values_are_short_and_printable():
    rejects = Rejects.of("f", [1, 2, 3, 4], "c", "r", ["x" * 10_000_000, "a\nb\x1b[31m", None, float("nan")])
    values = rejects.frame["value"].tolist()
    assert len(values[0]) == MAX_VALUE_LENGTH + 1
    assert values[1] == "a\\x0ab\\x1b[31m"
    assert values[2:] == ["", ""]


def test_a_row_fails_once_and_rows_keep_their_numbers():
    column = pd.Series(["a", "b", "c", "d"])
    sieve = Sieve(4, file="f", rows=np.array([10, 20, 30, 40]))
    sieve.reject(np.array([False, False, True, True]), "x", "late", column)
    sieve.reject(np.array([True, False, True, False]), "y", "early", column)
    checked = sieve.checked(pd.DataFrame({"v": column}))
    assert checked.good["v"].tolist() == ["b"]
    assert checked.rejects.frame[["row", "reason"]].to_numpy().tolist() == [[10, "early"], [30, "late"], [40, "late"]]
    assert checked.rejects.by_reason() == {"x: late": 2, "y: early": 1}
    assert checked.rejects.first() == "row 10, column 'y': early (a)"


def test_nothing_rejected():
    assert len(Rejects()) == len(Rejects.concat([])) == 0
    assert Rejects().first() == ""
    assert Rejects().by_reason() == {}
    assert Rejects.of("f", [], "c", "r", []).frame.dtypes.equals(Rejects().frame.dtypes)
