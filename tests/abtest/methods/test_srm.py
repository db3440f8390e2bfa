from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shopr.abtest.methods.srm import sample_ratio, sequential_sample_ratio
from shopr.errors import InputError


def test_chi_square_by_hand_and_exact_in_the_tail() -> None:
    got = sample_ratio([599, 500])
    assert got.statistic == pytest.approx(99**2 / 1099)
    assert got.p == pytest.approx(stats.chi2.sf(99**2 / 1099, 1), rel=1e-12)
    assert sample_ratio([3001, 3000, 4000]).p == pytest.approx(4.152178361184058e-44, rel=1e-10)


@pytest.mark.parametrize(("wins", "n", "share"), [(3, 4, 0.5), (2, 9, 0.3), (0, 6, 0.5), (7, 8, 0.25)])
def test_tiny_counts_are_exact(wins: int, n: int, share: float) -> None:
    got = sample_ratio([wins, n - wins], [share, 1 - share])
    assert got.method == "exact"
    assert got.p == pytest.approx(stats.binomtest(wins, n, share).pvalue, rel=1e-9)


def test_the_exact_test_of_three_arms_by_enumeration() -> None:
    weights, seen = [0.5, 0.3, 0.2], [8, 0, 1]
    law = stats.multinomial(9, weights)
    chances = [law.pmf([i, j, 9 - i - j]) for i in range(10) for j in range(10 - i)]
    expected = sum(c for c in chances if c <= law.pmf(seen) * (1 + 1e-9))
    assert sample_ratio(seen, weights).p == pytest.approx(expected, rel=1e-9)


def test_empty_arms_are_named() -> None:
    got = sample_ratio([100, 0, 90])
    assert got.empty == (1,)
    assert got.p < 1e-10
    assert sample_ratio([100, 0], [1, 0]).p == 1.0
    assert sample_ratio([100, 1], [1, 0]).p == 0.0
    assert sample_ratio([0, 0]).p == 1.0


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=5))
def test_the_sequential_test_is_slower_than_a_single_look(counts: list[int]) -> None:
    assert sequential_sample_ratio(counts).p[-1] >= 0.2 * sample_ratio(counts, method="chi-square").p - 1e-12


def test_the_sequential_evidence_by_hand() -> None:
    # One unit in each of two arms under a Dirichlet(1, 1) prior: B(2, 2) / B(1, 1) over .5 * .5.
    got = sequential_sample_ratio([[1, 0], [1, 1]], concentration=2.0)
    assert np.exp(got.log_e) == pytest.approx([1.0, (1 / 6) / 0.25])
    assert got.p.tolist() == [1.0, 1.0]


def test_looking_daily_keeps_the_level_and_finds_a_mismatch() -> None:
    rng = np.random.default_rng(2)
    false = [
        sequential_sample_ratio(
            rng.multinomial(200, [0.5, 0.3, 0.2], 30).cumsum(axis=0), [5, 3, 2], concentration=100
        ).p[-1]
        for _ in range(500)
    ]
    assert np.mean(np.array(false) < 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 500)
    found = sequential_sample_ratio(rng.multinomial(5000, [0.53, 0.47], 30).cumsum(axis=0))
    assert found.p[-1] < 1e-6
    assert np.all(np.diff(found.p) <= 0)


@pytest.mark.parametrize(
    ("counts", "weights", "words"),
    [
        ([5], None, "fewer than two arms"),
        ([5, -1], None, "negative"),
        ([5, 1.5], None, "not whole"),
        ([5, 1], [1, -1], "negative"),
        ([5, 1], [0, 0], "negative or missing"),
        ([5, 1], [1, 1, 1], "3 weights for 2 arms"),
    ],
)
def test_bad_counts_are_refused(counts: list[float], weights: list[float] | None, words: str) -> None:
    for check in (sample_ratio, sequential_sample_ratio):
        with pytest.raises(InputError, match=words):
            check(counts, weights)


def test_other_bad_calls_are_refused() -> None:
    with pytest.raises(InputError, match="arm 0 falls at look 1"):
        sequential_sample_ratio([[5, 5], [4, 9]])
    with pytest.raises(InputError, match="outcomes are more than"):
        sample_ratio([500, 500, 500], method="exact")
    with pytest.raises(InputError, match="2 dimensions"):
        sample_ratio([[1, 2], [3, 4]])
