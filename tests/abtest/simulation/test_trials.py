"""Simulated tests: moments are those of the users drawn, effects are those asked for, seeds decide everything."""

from __future__ import annotations

import numpy as np
import pytest

from shopr.abtest.methods.moments import Moments
from shopr.abtest.simulation.trials import (
    CLICKS,
    COLUMNS,
    CONVERTED,
    PAST,
    REVENUE,
    SESSIONS,
    STRATA,
    draw_users,
    simulate,
)
from shopr.errors import InputError
from shopr.randomness import generator


def test_moments_are_those_of_the_users_drawn() -> None:
    trials = simulate(3, looks=4, units=25, shift=2.0, seed=5)
    assert (trials.tests, trials.looks) == (3, 4)
    values, strata = draw_users(generator(5, "trials", 0), (3, 2, 4, 25))
    values[:, 1, ..., REVENUE] += 2.0
    for look in range(4):
        for arm, found in enumerate((trials.control, trials.treatment)):
            direct = Moments.of(values[1, arm, : look + 1].reshape(-1, len(COLUMNS)))
            assert found.n[1, look] == direct.n == 25 * (look + 1)
            np.testing.assert_allclose(found.mean[1, look], direct.mean, rtol=1e-12)
            np.testing.assert_allclose(found.scatter[1, look], direct.scatter, rtol=1e-10)
    revenue, member = values[2, 1, ..., REVENUE].ravel(), strata[2, 1].ravel()
    for stratum in range(STRATA):
        part = revenue[member == stratum]
        assert trials.treatment_strata.n[2, stratum] == len(part)
        np.testing.assert_allclose(trials.treatment_strata.mean[2, stratum, 0], part.mean(), rtol=1e-12)
        np.testing.assert_allclose(trials.treatment_strata.var[2, stratum, 0], part.var(ddof=1), rtol=1e-10)


def test_users_have_what_the_methods_are_for() -> None:
    values, strata = draw_users(generator(1), (200_000,))
    revenue = values[:, REVENUE]
    assert ((values[:, CONVERTED] == 1) == (revenue > 0)).all()
    assert (values[:, SESSIONS] >= 1).all()
    assert (values[:, CLICKS] <= values[:, SESSIONS]).all()
    assert ((revenue - revenue.mean()) ** 4).mean() / revenue.var() ** 2 > 20  # a heavy tail
    assert np.corrcoef(revenue, values[:, PAST])[0, 1] > 0.3
    assert np.bincount(strata, minlength=STRATA).min() > 10_000


def test_the_lift_is_the_one_asked_for() -> None:
    trials = simulate(200, looks=2, units=400, lift=0.1, seed=3)
    control, treatment = (m.mean[:, -1].mean(axis=0) for m in (trials.control, trials.treatment))
    lifts = treatment / control - 1
    for column in (REVENUE, CONVERTED, CLICKS):
        assert lifts[column] == pytest.approx(0.1, abs=0.03)
    assert lifts[SESSIONS] == pytest.approx(0, abs=0.01)
    assert lifts[PAST] == pytest.approx(0, abs=0.02)


def test_the_seed_decides_and_more_tests_keep_the_first_ones() -> None:
    few, many = simulate(20, looks=2, units=10, seed=4), simulate(30, looks=2, units=10, seed=4)
    np.testing.assert_array_equal(few.control.mean, many.control.mean[:20])
    assert not np.array_equal(few.control.mean, simulate(20, looks=2, units=10, seed=5).control.mean)


@pytest.mark.parametrize("wrong", [{"tests": 0}, {"looks": 0}, {"units": 1}, {"lift": 0.5}, {"lift": -2}])
def test_sizes_and_lifts_out_of_bounds_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        simulate(**{"tests": 1, **wrong})  # type: ignore[arg-type]
