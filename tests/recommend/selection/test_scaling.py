"""Growth as it is measured: synthetic logs, child processes, slopes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from shopr.errors import RunError, UnknownNameError
from shopr.recommend.selection.scaling import measure, slopes, synthetic


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


ALONE = """
import subprocess, sys
import numpy as np
from shopr.recommend.selection.scaling import Peak

wait = [sys.executable, "-c", "held = bytearray(64 * 2**20); print(flush=True); input()"]
with subprocess.Popen(wait, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
    child.stdout.readline()
    with Peak() as peak:
        child.communicate(b"\\n")
        held = np.ones(40 * 2**17)
        peak._look()
        del held
print(peak.mb)
"""
"""40 MB, held while a child that had held more ends; in a process of its own, as other tests have children."""


def test_a_peak_is_what_was_held_above_the_beginning_whatever_children_gave_back():
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert 35 <= float(done.stdout) <= 60
