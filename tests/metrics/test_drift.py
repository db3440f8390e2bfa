"""Drift measures against scipy and hand calculation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from shopr.errors import InputError
from shopr.metrics.drift import drift_table, jensen_shannon, ks, psi, shares


def test_ks_equals_scipy_and_leaves_out_nan():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=300), rng.normal(0.2, 1, 400)
    statistic, p_value = ks(np.append(x, np.nan), y)
    reference = stats.ks_2samp(x, y, method="asymp")
    assert statistic == pytest.approx(reference.statistic, abs=1e-12)
    assert p_value == pytest.approx(reference.pvalue, abs=1e-12)
    assert np.isnan(ks(np.array([np.nan]), y)[0])


def test_jensen_shannon_equals_scipy():
    before, after = pd.Series(list("aaabbc")), pd.Series(list("abbbcd"))
    p, q = np.array([3, 2, 1, 0]) / 6, np.array([1, 3, 1, 1]) / 6
    assert jensen_shannon(before, after) == pytest.approx(jensenshannon(p, q, base=2), abs=1e-12)
    assert jensen_shannon(before, before) == 0
    assert jensen_shannon(pd.Series(["x"]), pd.Series(["y"])) == pytest.approx(1)


def test_psi_by_hand():
    before, after = pd.Series(["a"] * 50 + ["b"] * 50), pd.Series(["a"] * 80 + ["b"] * 20)
    expected = (0.8 - 0.5) * np.log(0.8 / 0.5) + (0.2 - 0.5) * np.log(0.2 / 0.5)
    assert psi(before, after) == pytest.approx(expected, abs=1e-12)
    assert psi(before, before) == 0


def test_psi_grows_with_the_shift():
    rng = np.random.default_rng(1)
    base = rng.normal(size=5000)
    found = [psi(base, rng.normal(shift, 1, 5000)) for shift in (0, 0.3, 0.6, 1.2)]
    assert found == sorted(found)
    assert found[0] < 0.02
    assert found[3] > 0.25


def test_missing_values_have_a_bin_of_their_own():
    p, q = shares(pd.Series([1.0, 2.0, np.nan, np.nan]), pd.Series([1.0, 2.0, 1.0, 2.0]), bins=2)
    assert p[-1] == 0.5
    assert q[-1] == 0
    assert p.sum() == pytest.approx(1)
    p, q = shares(pd.Series(["a", None]), pd.Series(["a", "b"]))
    assert p[-1] == 0.5
    assert q[-1] == 0


def test_constant_and_integer_columns():
    assert psi(np.ones(10), np.ones(20)) == 0
    assert psi(np.ones(10), np.full(20, 2.0)) > 0.25
    assert psi(pd.Series([1, None, 3], dtype="Int64"), pd.Series([1, None, 3], dtype="Int64")) == 0


def test_table_names_what_moved():
    rng = np.random.default_rng(2)
    n = 2000
    before = pd.DataFrame(
        {
            "price": rng.integers(100, 900, n),
            "colour": rng.choice(["red", "blue"], n),
            "time": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 1000, n), unit="s"),
            "gone": 1,
        }
    )
    after = before.drop(columns="gone").assign(price=before["price"] * 2)
    table = drift_table(before, after).set_index("column")
    assert table.index[0] == "price"
    assert table.loc["price", "verdict"] == "major"
    assert table.loc["colour", "kind"] == "categorical"
    assert table.loc["time", "kind"] == "numeric"
    assert table.loc["colour", "verdict"] == "stable"
    assert np.isnan(table.loc["colour", "ks"])
    assert "gone" not in table.index


def test_wrong_calls():
    with pytest.raises(InputError, match="share no column"):
        drift_table(pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}))
    with pytest.raises(InputError, match="0 current"):
        psi(np.ones(3), np.array([]))
    with pytest.raises(InputError, match="1 bins"):
        psi(np.ones(3), np.ones(3), bins=1)
