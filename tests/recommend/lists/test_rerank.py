"""Reranking: hand-calculated choices, and invariants over random candidate lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from shopr.errors import InputError
from shopr.recommend.lists.rerank import Calibration, Cap, calibrated, capped, category_shares, mmr, rerank

ITEMS = np.array([[0, 1, 2, 3]])
SCORES = np.array([[1.0, 0.9, 0.5, 0.0]])


def test_mmr_takes_the_dissimilar_item_first_by_hand():
    # 0 and 1 are the same product; 2 is orthogonal: .5 * .9 - .5 * 1 = -.05 against .5 * .5 - 0 = .25.
    vectors = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    items, scores = mmr(ITEMS, SCORES, vectors, 3, 0.5)
    assert items.tolist() == [[0, 2, 1]]
    assert scores[0] == pytest.approx([1.0, 0.5, 0.9])
    same, _ = mmr(ITEMS, SCORES, sparse.csr_matrix(vectors), 3, 0.5)
    assert same.tolist() == items.tolist()


def test_calibration_restores_the_history_s_mix():
    categories = np.array([0, 0, 0, 1])
    target = np.array([[0.5, 0.5]])
    items, _ = calibrated(ITEMS, SCORES, 2, Calibration(categories, target, 0.9))
    assert sorted(categories[items[0]]) == [0, 1]
    untouched, _ = calibrated(ITEMS, SCORES, 2, Calibration(categories, target, 0.0))
    assert untouched.tolist() == [[0, 1]]


def test_a_step_of_calibration_minimises_the_divergence_as_written():
    rng = np.random.default_rng(3)
    categories, target = rng.integers(0, 4, 12), rng.dirichlet(np.ones(4), 1)
    items, scores = np.arange(12)[None], -np.arange(12.0)[None]
    found, _ = calibrated(items, scores, 5, Calibration(categories, target, 1.0))
    chosen: list[int] = []
    for item in found[0]:

        def divergence(one: int) -> float:
            counts = np.bincount(categories[[*chosen, one]], minlength=4) / (len(chosen) + 1)
            mixed = 0.99 * counts + 0.01 * target[0]
            return float((target[0] * np.log(target[0] / mixed)).sum())

        rest = [i for i in range(12) if i not in chosen]
        assert divergence(int(item)) == pytest.approx(min(divergence(i) for i in rest))
        chosen.append(int(item))


def test_shares_of_a_history_sum_to_one_and_an_empty_one_wants_nothing():
    histories = sparse.csr_matrix(np.array([[2.0, 1, 1], [0, 0, 0]]))
    shares = category_shares(histories, np.array([0, 1, -1]), 2)
    assert shares[0] == pytest.approx([2 / 3, 1 / 3])
    assert shares[1].tolist() == [0, 0]
    items, _ = calibrated(np.array([[0, 1]]), np.array([[2.0, 1]]), 2, Calibration(np.array([0, 1]), shares[1:], 0.5))
    assert items.tolist() == [[0, 1]]


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 5),
    c=st.integers(1, 25),
    k=st.integers(1, 12),
    diversity=st.sampled_from([0.0, 0.3, 0.5]),
    strength=st.sampled_from([0.0, 0.4]),
    most=st.integers(1, 4),
)
def test_a_list_is_a_subset_without_repeats_that_keeps_its_caps(seed, n, c, k, diversity, strength, most):
    rng = np.random.default_rng(seed)
    items = np.stack([rng.permutation(30)[:c] for _ in range(n)])
    scores = -np.sort(-rng.normal(size=(n, c)), axis=1)
    groups = rng.integers(-1, 4, 30)
    vectors = rng.normal(size=(30, 6))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    calibration = Calibration(rng.integers(0, 3, 30), rng.dirichlet(np.ones(3), n), strength)
    chosen, kept = rerank(
        items, scores, k, vectors=vectors, diversity=diversity, calibration=calibration, caps=[Cap(groups, most)]
    )
    for row in range(n):
        got = chosen[row][chosen[row] >= 0]
        assert len(set(got)) == len(got)
        assert set(got) <= set(items[row])
        capped_groups = groups[got][groups[got] >= 0]
        assert np.bincount(capped_groups, minlength=1).max() <= most
        where = [int(np.flatnonzero(items[row] == item)[0]) for item in got]
        assert kept[row][: len(got)] == pytest.approx(scores[row][where], rel=1e-6)
        if not diversity and not strength:
            assert where == sorted(where)
        # Nothing may be added that the caps would allow.
        if len(got) < min(k, c):
            rest = np.setdiff1d(items[row], got)
            full = [(groups[got] == groups[item]).sum() >= most and groups[item] >= 0 for item in rest]
            assert all(full)


@given(seed=st.integers(0, 1000), c=st.integers(1, 30), k=st.integers(1, 30))
def test_without_criteria_the_order_stays(seed, c, k):
    scores = -np.sort(-np.random.default_rng(seed).normal(size=(2, c)), axis=1)
    items = np.tile(np.arange(c), (2, 1))
    chosen, _ = rerank(items, scores, k)
    assert chosen[:, : min(c, k)].tolist() == items[:, : min(c, k)].tolist()


def test_padding_is_never_chosen():
    items, scores = capped(np.array([[4, -1, -1]]), np.array([[1.0, -np.inf, -np.inf]]), 3)
    assert items.tolist() == [[4, -1, -1]]
    assert scores[0, 1:].tolist() == [-np.inf, -np.inf]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rerank(ITEMS, SCORES, 0), "k is 0"),
        (lambda: rerank(ITEMS, SCORES[:, :2], 2), "not aligned"),
        (lambda: rerank(ITEMS, SCORES, 2, diversity=0.2), "needs item vectors"),
        (lambda: mmr(ITEMS, SCORES, np.eye(4), 2, 1.5), r"diversity is 1.5, outside 0 … 1"),
        (lambda: capped(ITEMS, SCORES, 2, Cap(np.zeros(4, int), 0)), "a cap of 0"),
        (lambda: calibrated(ITEMS, SCORES, 2, Calibration(np.zeros(4, int), np.ones((2, 1)), 0.1)), "2 target rows"),
    ],
)
def test_bad_calls_are_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
