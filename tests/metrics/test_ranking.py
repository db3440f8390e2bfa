"""Ranking measures against scikit-learn and against definitions written out one user at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.metrics import average_precision_score, ndcg_score

from shopr.errors import InputError
from shopr.metrics.ranking import METRICS, evaluate, evaluate_at, summarise


def random_case(seed: int, n: int = 60, n_items: int = 40, k: int = 12, density: float = 0.1):
    rng = np.random.default_rng(seed)
    items = np.argsort(rng.random((n, n_items)), axis=1)[:, :k].astype(np.int32)
    truth = sparse.random(n, n_items, density, format="csr", random_state=seed)
    return items, truth


def one_user(ranked: list[int], relevant: set[int], k: int) -> dict[str, float]:
    """The textbook definitions, one user at a time."""
    if not relevant:
        return dict.fromkeys(METRICS, float("nan"))
    ranked = ranked[:k]
    gains = [1.0 if i in relevant else 0.0 for i in ranked]
    ideal = sum(1 / np.log2(r + 2) for r in range(min(k, len(relevant))))
    places = [r for r, g in enumerate(gains) if g]
    return {
        "ndcg": sum(g / np.log2(r + 2) for r, g in enumerate(gains)) / ideal,
        "recall": sum(gains) / len(relevant),
        "precision": sum(gains) / k,
        "map": sum(sum(gains[: r + 1]) / (r + 1) for r in places) / min(k, len(relevant)),
        "mrr": 1 / (places[0] + 1) if places else 0.0,
        "hit_rate": 1.0 if places else 0.0,
    }


@pytest.mark.parametrize("k", [1, 3, 10, 12])
def test_equals_a_loop_over_users(k):
    items, truth = random_case(1)
    got = evaluate(items, truth, k)
    expected = [one_user(list(items[u]), set(truth[u].indices), k) for u in range(len(items))]
    for name in METRICS:
        np.testing.assert_allclose(got[name], [e[name] for e in expected], rtol=0, atol=1e-12)


def test_ndcg_equals_scikit_learn():
    items, truth = random_case(2, k=10)
    got = evaluate(items, truth, 10)["ndcg"]
    for user in range(len(items)):
        relevance = (truth[user].toarray() > 0).astype(float)
        if not relevance.any():
            continue
        scores = np.zeros((1, truth.shape[1]))
        scores[0, items[user]] = np.arange(10, 0, -1)
        # The lists hold 10 distinct scores above the rest, so ties never reach the cut-off.
        assert got[user] == pytest.approx(ndcg_score(relevance, scores, k=10, ignore_ties=True), abs=1e-12)


def test_map_equals_scikit_learn_on_whole_rankings():
    items, truth = random_case(3, n_items=25, k=25)
    got = evaluate(items, truth, 25)["map"]
    for user in range(len(items)):
        relevance = truth[user].toarray()[0] > 0
        if relevance.any():
            scores = np.zeros(25)
            scores[items[user]] = np.arange(25, 0, -1)
            assert got[user] == pytest.approx(average_precision_score(relevance, scores), abs=1e-12)


def test_a_case_worked_by_hand():
    truth = sparse.csr_matrix(np.array([[0, 1, 0, 1, 1], [0, 0, 0, 0, 0], [1, 0, 0, 0, 0]], float))
    got = evaluate(np.array([[1, 0, 3], [1, 2, 3], [4, 3, -1]]), truth, 3)
    np.testing.assert_allclose(got["ndcg"][0], 1.5 / (1 + 1 / np.log2(3) + 0.5))
    np.testing.assert_allclose(got["map"][0], (1 + 2 / 3) / 3)
    assert got["recall"][0] == pytest.approx(2 / 3)
    assert all(np.isnan(got[m][1]) for m in METRICS)
    assert all(got[m][2] == 0 for m in METRICS)
    assert summarise(got)["hit_rate"] == 0.5


def test_several_cutoffs_equal_single_ones():
    items, truth = random_case(4)
    table = evaluate_at(items, truth, (1, 5, 12))
    for k, measures in table.items():
        for name, values in evaluate(items, truth, k).items():
            np.testing.assert_array_equal(measures[name], values)


def test_lists_narrower_than_the_cutoff_count_as_padded():
    items, truth = random_case(5, k=4)
    padded = np.pad(items, ((0, 0), (0, 6)), constant_values=-1)
    for name, values in evaluate(items, truth, 10).items():
        np.testing.assert_array_equal(values, evaluate(padded, truth, 10)[name])


def test_a_repeated_item_counts_once_at_its_first_place():
    truth = sparse.csr_matrix(np.array([[1.0, 0, 0, 1]]))
    got = evaluate(np.array([[0, 0, 0, 3]]), truth, 4)
    assert got["recall"][0] == 1
    assert got["ndcg"][0] == pytest.approx((1 + 1 / np.log2(5)) / (1 + 1 / np.log2(3)))


def test_unsorted_truth_duplicates_and_explicit_zeros():
    truth = sparse.csr_matrix((np.array([1.0, 0.0, 2.0]), np.array([3, 1, 0]), np.array([0, 3])), shape=(1, 4))
    assert evaluate(np.array([[1, 0, 3]]), truth, 3)["recall"][0] == 1
    assert evaluate(np.array([[1, 0, 3]]), truth, 1)["hit_rate"][0] == 0


@given(seed=st.integers(0, 10_000), k=st.integers(1, 15))
@settings(max_examples=40, deadline=None)
def test_measures_stay_within_zero_and_one_and_the_ideal_list_scores_one(seed, k):
    items, truth = random_case(seed, n=15, k=15)
    for values in evaluate(items, truth, k).values():
        known = values[~np.isnan(values)]
        assert ((known >= 0) & (known <= 1 + 1e-12)).all()
    best = np.full((15, 40), -1)
    for user in range(15):
        best[user, : truth[user].nnz] = truth[user].indices
    ideal = evaluate(best, truth, k)
    for name in ("ndcg", "map", "mrr", "hit_rate"):
        np.testing.assert_allclose(ideal[name][~np.isnan(ideal[name])], 1, atol=1e-12)


def test_nothing_at_all():
    got = evaluate(np.empty((0, 5), np.int32), sparse.csr_matrix((0, 7)), 5)
    assert all(len(v) == 0 for v in got.values())
    assert np.isnan(summarise(got)["ndcg"])
    no_truth = evaluate(np.zeros((2, 1), np.int32), sparse.csr_matrix((2, 3)), 1)
    assert np.isnan(no_truth["ndcg"]).all()


@pytest.mark.parametrize(
    ("items", "k", "words"),
    [
        (np.zeros((3, 2), int), 2, "3, 2"),
        (np.zeros(2, int), 2, "2,"),
        (np.full((2, 2), 9), 2, "span 9"),
        (np.full((2, 2), -2), 2, "span -2"),
        (np.zeros((2, 2), int), 0, "[0]"),
    ],
)
def test_wrong_calls_name_the_value(items, k, words):
    with pytest.raises(InputError, match=words.replace("[", r"\[").replace("]", r"\]")):
        evaluate(items, sparse.csr_matrix((2, 5)), k)
