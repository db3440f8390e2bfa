from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from shopr.abtest.methods.bayesian import GaussianPrior, gaussian_posterior, truncated_mean
from shopr.errors import InputError


def test_the_posterior_by_hand() -> None:
    got = gaussian_posterior(0.1, 0.1, GaussianPrior(mean=0.02, variance=0.04))
    precision = 1 / 0.01 + 1 / 0.04
    assert got.mean == pytest.approx((0.1 / 0.01 + 0.02 / 0.04) / precision)
    assert got.sd == pytest.approx(precision**-0.5)
    lo, hi = got.interval(0.1)
    assert (lo, hi) == pytest.approx((got.mean - 1.6448536269514722 * got.sd, got.mean + 1.6448536269514722 * got.sd))


def test_a_flat_prior_leaves_the_data_alone() -> None:
    for prior in (None, GaussianPrior(5.0, 0.001, proper=False), GaussianPrior(1.0, 1.0).scaled(0.0)):
        got = gaussian_posterior([0.1, 0.2], 0.1, prior)
        assert got.mean.tolist() == [0.1, 0.2]
        assert got.sd.tolist() == [0.1, 0.1]


def test_a_relative_prior_scales_with_the_baseline() -> None:
    scaled = GaussianPrior(1.0, 1.0).scaled(10.0)
    assert (scaled.mean, scaled.variance, scaled.proper) == (10.0, 100.0, True)


@given(st.floats(-3, 3), st.floats(0.1, 3))
def test_risk_is_the_integral_of_the_loss(mean: float, sd: float) -> None:
    got = gaussian_posterior(mean, sd)
    law = stats.norm(mean, sd)
    control, _ = quad(lambda x: x * law.pdf(x), 0, mean + 12 * sd if mean + 12 * sd > 0 else 1, epsabs=1e-12)
    treatment, _ = quad(lambda x: -x * law.pdf(x), min(mean - 12 * sd, -1), 0, epsabs=1e-12)
    assert got.risk() == pytest.approx((control, treatment), abs=1e-9)
    assert got.risk(inverse=True) == got.risk()[::-1]
    assert got.chance_to_win() + got.chance_to_win(inverse=True) == pytest.approx(1.0)
    assert got.chance_above(0.5) == pytest.approx(law.sf(0.5))


@pytest.mark.parametrize("x", [-5.0, 0.0, 3.0, 9.99, 10.01, 30.0])
def test_truncated_means_agree_with_scipy(x: float) -> None:
    assert truncated_mean(1.0, 2.0, lower=1 + 2 * x) == pytest.approx(stats.truncnorm.mean(x, np.inf, 1, 2), rel=1e-10)
    assert truncated_mean(-1.0, 2.0, upper=-1 - 2 * x) == pytest.approx(-truncated_mean(1.0, 2.0, lower=1 + 2 * x))


def test_truncated_means_far_out() -> None:
    # sigma**2 / distance to first order, where a difference of two nearly equal numbers would be noise
    assert truncated_mean(4.5, 4.5e-9, upper=0.0) == pytest.approx(-4.5e-18, rel=1e-12)
    with pytest.raises(ValueError, match="either"):
        truncated_mean(0, 1)


def test_what_is_missing_stays_missing() -> None:
    got = gaussian_posterior([np.nan, 1.0, 1.0], [1.0, 0.0, np.nan], GaussianPrior())
    assert np.isnan(got.mean).all()
    assert np.isnan(got.chance_to_win()).all()
    with pytest.raises(InputError, match="prior variance 0"):
        GaussianPrior(0.0, 0.0)
