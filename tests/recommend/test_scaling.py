"""Growth as it is measured: synthetic logs, child processes, slopes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shopr.errors import RunError, UnknownNameError
from shopr.recommend.scaling import Peak, measure, slopes, synthetic


def test_synthetic_logs_repeat_and_follow_a_long_tail():
    log = synthetic(20_000, 300, 200, seed=5)
    again = synthetic(20_000, 300, 200, seed=5)
    assert (log.users == again.users).all()
    assert (log.items == again.items).all()
    counts = np.bincount(log.items, minlength=200)
    assert counts[:20].mean() > 4 * counts[-20:].mean() > 0
    assert len(log) == 20_000
    assert not np.array_equal(synthetic(20_000, 300, 200, seed=6).items, log.items)


def test_each_size_of_each_model_is_a_row():
    found = measure(["popular"], [2_000, 500], users=100, items=50, settings={})
    assert found["rows"].tolist() == [500, 2_000]
    assert (found[["fit_s", "all_s", "peak_mb", "told_mb"]].to_numpy(float) >= 0).all()
    assert found["pairs"].between(1, found["rows"]).all()
    assert found["refused"].tolist() == ["", ""]


def test_what_is_refused_is_told_and_what_fails_is_raised():
    found = measure(["ease"], [1_000], users=50, items=5_000, memory=100 * 2**20)
    assert "the memory budget is 100 MB" in found["refused"][0]
    assert np.isnan(found["fit_s"][0])
    with pytest.raises(UnknownNameError, match="ease"):
        measure(["easy"], [100], users=10, items=10)
    with pytest.raises(RunError, match="measuring ease failed"):
        measure(["ease"], [100], users=10, items=10, settings={"ease": {"lam": -1}})


def test_slopes_are_those_of_the_two_largest_sizes():
    rows = [100, 1_000, 10_000]
    cells = pd.DataFrame(
        {
            "model": ["a"] * 3 + ["b"] * 3 + ["c", "d"],
            "rows": [*rows, *rows, 100, 100],
            "fit_s": [5.0, 1.0, 10.0, 1.0, 2.0, 2.0, 1.0, np.nan],
            "refused": [""] * 7 + ["too large"],
        }
    )
    assert slopes(cells).round(6).to_dict() == {"a": 1.0, "b": 0.0}


def test_a_peak_is_what_was_held_above_the_beginning():
    with Peak() as peak:
        held = np.ones(40 * 2**17)  # 40 MB, written to
        peak._look()
        del held
    assert 35 <= peak.mb <= 60
