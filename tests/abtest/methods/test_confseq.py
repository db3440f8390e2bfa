from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.abtest.methods.confseq import confidence_sequence, mixture_variance, sequence_radius
from shopr.errors import InputError


def test_the_interval_is_narrowest_near_the_tuned_number_of_units() -> None:
    n = np.arange(1000, 20_000, 10)
    width = sequence_radius(n, tuning=5000) / np.sqrt(n)
    assert np.all(np.diff(width) < 0)  # it shrinks with the standard error
    radii = [sequence_radius(5000, tuning=t) for t in (1250, 2500, 5000, 10_000, 20_000)]
    assert np.argmin(radii) == 2


def test_the_mixture_by_hand() -> None:
    rho = (-2 * np.log(0.05) + np.log(-2 * np.log(0.05) + 1)) / 5000
    assert mixture_variance(0.05) == pytest.approx(rho, rel=1e-15)
    mixed = 1000 * rho
    by_hand = np.sqrt(2 * (mixed + 1) / mixed * np.log(np.sqrt(mixed + 1) / 0.05))
    got = confidence_sequence(0.5, 0.1, 1000)
    assert got.hi - 0.5 == pytest.approx(0.1 * by_hand, rel=1e-12)
    assert got.p == pytest.approx(np.sqrt(mixed + 1) * np.exp(-25 * mixed / (2 * (mixed + 1))), rel=1e-12)


@pytest.mark.parametrize(("alternative", "sign"), [("two-sided", 1), ("greater", 1), ("less", -1)])
@pytest.mark.parametrize("boundary", ["mixture", "stitched"])
@given(z=st.floats(0.1, 12), n=st.floats(100, 1e6), alpha=st.floats(0.001, 0.2))
def test_interval_and_p_value_agree(
    alternative: str, sign: int, boundary: str, z: float, n: float, alpha: float
) -> None:
    got = confidence_sequence(sign * z, 1.0, n, alpha=alpha, alternative=alternative, boundary=boundary)  # type: ignore[arg-type]
    if abs(got.p - alpha) > 1e-9:
        assert (got.p < alpha) == bool(got.lo > 0 or got.hi < 0)


@pytest.mark.parametrize("boundary", ["mixture", "stitched"])
@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_looking_at_every_unit_keeps_the_level(boundary: str, alternative: str) -> None:
    rng, n = np.random.default_rng(5), np.arange(1, 3001)
    walks = rng.normal(size=(1000, 3000)).cumsum(axis=1)
    got = confidence_sequence(
        walks[:, 19:] / n[19:],
        1 / np.sqrt(n[19:]),
        n[19:],
        tuning=500,
        boundary=boundary,
        alternative=alternative,  # type: ignore[arg-type]
    )
    assert ((got.lo > 0) | (got.hi < 0)).any(axis=1).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)
    assert (got.p < 0.05).any(axis=1).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)


def test_running_intersects_and_keeps_the_smallest_p_value() -> None:
    got = confidence_sequence([0.5, 0.1, 0.3], [0.1, 0.1, 0.1], [1000, 2000, 3000], running=True)
    assert np.all(np.diff(got.lo) >= 0)
    assert np.all(np.diff(got.hi) <= 0)
    assert got.p[1] == got.p[0]


def test_what_is_missing_stays_missing() -> None:
    got = confidence_sequence([np.nan, 1.0, 1.0], [1.0, 0.0, np.nan], 100, alternative="greater")
    assert np.isnan(got.lo).all()
    assert np.isnan(got.hi).all()
    assert np.isnan(got.p).all()


def test_the_far_tail_is_exact() -> None:
    p = confidence_sequence(np.array([30.0, 36.0]), 1.0, 1e6).p
    assert 0 < p[1] < p[0] < 1e-150
    assert confidence_sequence(-5.0, 1.0, 1e4, alternative="greater").p == 1.0


def test_bad_calls_are_refused() -> None:
    with pytest.raises(InputError, match="n 0.0 is not above 0"):
        sequence_radius([10, 0])
    with pytest.raises(InputError, match="tuning -1"):
        confidence_sequence(1, 1, 10, tuning=-1)
    with pytest.raises(InputError, match="unknown boundary"):
        sequence_radius(10, boundary="lil")
