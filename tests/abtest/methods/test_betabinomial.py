from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.abtest.methods.betabinomial import BetaBinomial
from shopr.errors import InputError


def closed_form(a1: int, b1: int, a0: int, b0: int) -> float:
    """P(arm above control) for whole parameters: Evan Miller's sum, by exact binomials."""
    from scipy.special import betaln

    return sum(np.exp(betaln(a0 + i, b0 + b1) - np.log(b1 + i) - betaln(1 + i, b1) - betaln(a0, b0)) for i in range(a1))


@pytest.mark.parametrize(("wins", "trials"), [((12, 20), (100, 110)), ((0, 3), (5, 5)), ((300, 330), (1000, 1000))])
def test_chance_above_agrees_with_the_closed_form(wins: tuple[int, int], trials: tuple[int, int]) -> None:
    arms = BetaBinomial(wins, trials)
    a, b = [w + 1 for w in wins], [n - w + 1 for w, n in zip(wins, trials, strict=True)]
    expected = closed_form(a[1], b[1], a[0], b[0])
    assert arms.chance_above(1) == pytest.approx(expected, abs=1e-11)
    assert arms.chance_best() == pytest.approx([1 - expected, expected], abs=1e-11)


def test_flat_posteriors_by_hand() -> None:
    arms = BetaBinomial([0, 0, 0], [0, 0, 0])
    assert arms.chance_best() == pytest.approx([1 / 3] * 3, abs=1e-12)
    assert arms.expected_loss() == pytest.approx([3 / 4 - 1 / 2] * 3, abs=1e-12)  # the mean of the largest of three
    assert arms.chance_above(1, difference=0.5) == pytest.approx(0.125, abs=1e-9)
    mean, lo, hi = BetaBinomial([0, 0], [0, 0]).difference(1)
    assert mean == pytest.approx(0)
    assert (lo, hi) == pytest.approx((-(1 - 0.05**0.5), 1 - 0.05**0.5), abs=1e-9)  # of a triangular density


def test_draws_agree() -> None:
    arms = BetaBinomial([120, 135, 90], [1000, 1000, 800])
    draws = np.random.default_rng(0).beta(arms.a, arms.b, (400_000, 3))
    assert arms.chance_best() == pytest.approx([(draws.argmax(axis=1) == i).mean() for i in range(3)], abs=0.003)
    assert arms.expected_loss() == pytest.approx(draws.max(axis=1).mean() - draws.mean(axis=0), abs=2e-4)
    _, lo, hi = arms.difference(1)
    assert (lo, hi) == pytest.approx(np.quantile(draws[:, 1] - draws[:, 0], [0.025, 0.975]), abs=3e-4)
    median, low, high = arms.lift(1)
    assert (median, low, high) == pytest.approx(
        np.quantile(draws[:, 1] / draws[:, 0] - 1, [0.5, 0.025, 0.975]), abs=3e-3
    )
    assert arms.interval()[0] == pytest.approx(np.quantile(draws, 0.025, axis=0), abs=3e-4)


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 1)), min_size=2, max_size=4),
    st.sampled_from([(1.0, 1.0), (0.5, 0.5), (3.0, 20.0)]),
)
def test_chances_sum_to_one_whatever_the_size(arms: list[tuple[int, float]], prior: tuple[float, float]) -> None:
    trials = [n for n, _ in arms]
    posterior = BetaBinomial([int(n * share) for n, share in arms], trials, prior)
    assert posterior.chance_best().sum() == pytest.approx(1.0, abs=1e-7)
    assert np.all(posterior.expected_loss() > -1e-9)


def test_bad_counts_are_refused() -> None:
    with pytest.raises(InputError, match="fewer trials"):
        BetaBinomial([3], [2])
    with pytest.raises(InputError, match="differ"):
        BetaBinomial([3, 4], [5])
    with pytest.raises(InputError, match="prior parameter 0"):
        BetaBinomial([3], [5], (0, 1))
