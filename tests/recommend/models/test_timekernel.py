"""The time kernel and pair products against loops, and how histories fade."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shopr.data.interactions import Interactions
from shopr.recommend.arithmetic import pairs as pairs_module
from shopr.recommend.arithmetic.pairs import dense_pairs, order_within, recent_only, sparse_pairs
from shopr.recommend.models.itemweights import history_rows
from shopr.recommend.models.linear import EDLAE, user_weights
from shopr.recommend.models.timekernel import EaseTime

DAY = 86_400


def timed(seed: int = 0, users: int = 15, items: int = 9, rows: int = 80) -> Interactions:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"user": rng.integers(0, users, rows), "item": rng.integers(0, items, rows)})
    return Interactions.from_frame(frame.assign(timestamp=rng.integers(0, 60, rows) * DAY))


def by_loops(log: Interactions, tau_days: float, weights: np.ndarray) -> np.ndarray:
    matrix, times = log.binary, log.last_times
    total = np.zeros((log.n_items, log.n_items))
    for u in range(log.n_users):
        row = range(matrix.indptr[u], matrix.indptr[u + 1])
        for a in row:
            for b in row:
                near = np.exp(-abs(times[a] - times[b]) / (tau_days * DAY))
                total[matrix.indices[a], matrix.indices[b]] += weights[u] * near
    return total


@pytest.mark.parametrize("block", [1, 37, 2**20])
def test_time_kernel_against_loops(monkeypatch, block):
    monkeypatch.setattr(pairs_module, "_BLOCK_PAIRS", block)
    log = timed()
    weights = np.random.default_rng(1).random(log.n_users)
    position = log.last_times.astype(float)
    kernel = lambda a, b: np.exp(-np.abs(a - b) / (5 * DAY))  # noqa: E731
    expected = by_loops(log, 5, weights)
    np.testing.assert_allclose(dense_pairs(log.binary, position, weights, kernel), expected, rtol=1e-5)
    np.testing.assert_allclose(sparse_pairs(log.binary, position, weights, kernel).toarray(), expected, rtol=1e-5)


def test_the_gram_matrix_mixes_kernel_and_counts():
    log = timed(2)
    model = EaseTime(tau_days=3, share=0.25, user_power=0.6)
    weights = user_weights(np.diff(log.binary.indptr).astype(float), 0.6)
    x = log.binary.toarray()
    expected = 0.25 * by_loops(log, 3, weights) + 0.75 * (x.T * weights) @ x
    np.testing.assert_allclose(model._gram(log.binary, log.last_times), expected, rtol=1e-4, atol=1e-5)


def test_without_times_or_kernel_it_is_edlae():
    log = timed(3)
    untimed = Interactions(log.user_ids, log.item_ids, log.users, log.items, None, log.weights)
    plain = EDLAE(lam=30).fit(untimed).weights
    np.testing.assert_allclose(EaseTime(lam=30).fit(untimed).weights, plain)
    np.testing.assert_allclose(EaseTime(lam=30, share=0.0).fit(log).weights, plain)


def test_a_long_tau_is_the_plain_gram_matrix():
    log = timed(4)
    np.testing.assert_allclose(
        EaseTime(share=1.0, tau_days=1e9)._gram(log.binary, log.last_times),
        EDLAE()._gram(log.binary, None),
        rtol=1e-4,
        atol=1e-5,
    )


def test_histories_fade_from_each_users_own_last_entry():
    frame = pd.DataFrame(
        {"user": ["a", "a", "a", "b"], "item": ["x", "y", "z", "x"], "timestamp": [0, 10 * DAY, 20 * DAY, 5 * DAY]}
    )
    histories = Interactions.from_frame(frame).histories()
    faded = history_rows(histories, half_life_days=5, floor=0.1).toarray()
    np.testing.assert_allclose(faded, [[0.1, 0.25, 1.0], [1.0, 0.0, 0.0]])
    assert history_rows(histories).toarray().tolist() == [[1, 1, 1], [1, 0, 0]]


def test_ranks_share_their_mean_under_ties():
    frame = pd.DataFrame({"user": list("aaaab"), "item": list("wxyzw"), "timestamp": [30, 10, 10, 20, 5]})
    log = Interactions.from_frame(frame)
    assert order_within(log.binary, log.last_times).tolist() == [3.0, 0.5, 0.5, 2.0, 0.0]


def test_only_the_latest_entries_of_a_long_history():
    frame = pd.DataFrame({"user": list("aaab"), "item": list("xyzx"), "timestamp": [3, 1, 2, 9]})
    log = Interactions.from_frame(frame)
    matrix, times = recent_only(log.binary, log.last_times, 2)
    assert matrix.toarray().tolist() == [[1, 0, 1], [1, 0, 0]]
    assert times.tolist() == [3, 2, 9]
    assert recent_only(log.binary, log.last_times, 3)[0] is log.binary
