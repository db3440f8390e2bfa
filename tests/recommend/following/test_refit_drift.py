"""Live answers against those of a refit, on lists counted by hand and on a simulated shop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopr.data.simulator import simulate
from shopr.errors import InputError
from shopr.recommend.contract.registry import make
from shopr.recommend.following.refit_drift import rank_biased_overlap, refit_drift


@pytest.fixture(scope="module")
def log():
    return simulate(preset="small", seed=5, images=False).interactions()


def test_rank_biased_overlap_by_hand():
    one, other = np.array([[1, 2, 3]]), np.array([[2, 1, 4]])
    shared = [0 / 1, 2 / 2, 2 / 3]
    expected = shared[2] * 0.8**3 + (0.2 / 0.8) * sum(x * 0.8 ** (d + 1) for d, x in enumerate(shared))
    assert rank_biased_overlap(one, other, 0.8)[0] == pytest.approx(expected, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(8)), st.permutations(range(8)), st.floats(0.1, 0.99))
def test_rank_biased_overlap_is_symmetric_and_within_bounds(first, second, persistence):
    a, b = np.array([first[:5]]), np.array([second[:5]])
    found = rank_biased_overlap(a, b, persistence)[0]
    assert found == pytest.approx(rank_biased_overlap(b, a, persistence)[0])
    assert -1e-9 <= found <= 1 + 1e-9
    assert rank_biased_overlap(a, a, persistence)[0] == pytest.approx(1.0)
    assert rank_biased_overlap(a, b + 100, persistence)[0] == pytest.approx(0.0)


def test_short_lists_that_are_the_same_agree():
    short = np.array([[3, 1, -1, -1]])
    assert rank_biased_overlap(short, short)[0] == pytest.approx(1.0)
    assert rank_biased_overlap(short, np.array([[1, -1, -1, -1]]))[0] < 1


def test_a_longer_live_span_drifts_further(log):
    short, long = (refit_drift(make("item_knn"), make("item_knn"), log, live_days=days) for days in (2.0, 14.0))
    near, far = (one.table().set_index("measure") for one in (short, long))
    assert len(long.users) > len(short.users) > 1
    for measure in ("overlap", "rbo", "correlation"):
        assert far.loc[measure, "mean"] < near.loc[measure, "mean"] <= 1
        assert far.loc[measure, "lo"] <= far.loc[measure, "mean"] <= far.loc[measure, "hi"]
    assert far.loc["live_gain", "mean"] == pytest.approx(far.loc["ndcg_live", "mean"] - far.loc["ndcg_stale", "mean"])


def test_popularity_without_decay_shows_everybody_the_same_order(log):
    found = refit_drift(make("popular", half_life_days=None), make("popular", half_life_days=None), log, live_days=3.0)
    np.testing.assert_allclose(found.values["ndcg_live"], found.values["ndcg_stale"])
    assert found.values["correlation"].min() > 0.99


def test_blocks_do_not_matter(log, monkeypatch):
    whole = refit_drift(make("ease"), make("ease"), log, live_days=3.0)
    monkeypatch.setattr("shopr.recommend.following.refit_drift.BLOCK_BYTES", 8 * log.n_items * 3)
    cut = refit_drift(make("ease"), make("ease"), log, live_days=3.0)
    for measure, values in whole.values.items():
        np.testing.assert_allclose(cut.values[measure], values, atol=1e-6)


def test_wrong_calls_are_refused(log):
    def run(log=log, **how):
        return refit_drift(make("popular"), make("popular"), log, **how)

    for how, words in (
        ({"live_days": 0.0}, "spans of 0"),
        ({"after_days": float("nan")}, "spans of"),
        ({"k": 0}, "k is 0"),
        ({"live_days": 9_999.0}, "leaves nothing to compare: 0 purchases before"),
        ({"after_days": 9_999.0}, "leaves nothing"),
        ({"log": replace(log, times=None)}, "needs a log with times"),
    ):
        with pytest.raises(InputError, match=words):
            run(**how)
    with pytest.raises(InputError, match="lists of shapes"):
        rank_biased_overlap(np.zeros((1, 2), int), np.zeros((1, 3), int))
    with pytest.raises(InputError, match="persistence 1"):
        rank_biased_overlap(np.zeros((1, 2), int), np.zeros((1, 2), int), 1.0)
