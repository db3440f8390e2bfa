"""The best k of each row equal to a full sort, ties by column included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shopr.recommend.topk import top_k

# Few distinct values, so that ties are the rule; -inf marks what must not be returned.
SCORES = hnp.arrays(
    np.float32,
    st.tuples(st.integers(0, 6), st.integers(0, 12)),
    elements=st.sampled_from([-np.inf, -1.5, 0.0, 0.5, 0.75, 2.0]),
)


def brute(scores: np.ndarray, k: int) -> tuple[list[list[int]], list[list[float]]]:
    codes, best = [], []
    for row in scores.tolist():
        ranked = sorted((c for c in range(len(row)) if row[c] > -np.inf), key=lambda c: (-row[c], c))[:k]
        codes.append(ranked + [-1] * (k - len(ranked)))
        best.append([row[c] for c in ranked] + [-np.inf] * (k - len(ranked)))
    return codes, best


@settings(max_examples=300)
@given(SCORES, st.integers(1, 14))
def test_it_equals_a_full_sort(scores: np.ndarray, k: int) -> None:
    before = scores.copy()
    codes, best = top_k(scores, k)
    expected_codes, expected_best = brute(scores, k)
    assert codes.tolist() == expected_codes
    assert best.tolist() == expected_best
    assert (codes.shape, codes.dtype, best.dtype) == ((len(scores), k), np.int32, np.float32)
    assert np.array_equal(scores, before), "the scores given must not be changed"


def test_it_is_deterministic_where_all_scores_are_equal() -> None:
    codes, _ = top_k(np.zeros((3, 1000), np.float32), 5)
    assert codes.tolist() == [[0, 1, 2, 3, 4]] * 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_rows(dtype: type) -> None:
    scores = np.random.default_rng(0).integers(0, 50, (20, 500)).astype(dtype)
    codes, _ = top_k(scores, 20)
    assert codes.tolist() == brute(scores, 20)[0]


@pytest.mark.parametrize("width", [7, 400])
def test_what_is_no_number_is_never_among_the_best(width: int) -> None:
    scores = np.random.default_rng(1).normal(size=(6, width)).astype(np.float32)
    scores[:, ::2] = np.nan
    clean = np.where(np.isnan(scores), -np.inf, scores)
    assert top_k(scores, 5)[0].tolist() == brute(clean, 5)[0]
