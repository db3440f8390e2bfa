"""Moments: against numpy, merged in any way, and with their digits at large means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.abtest.methods.moments import Moments

RNG = np.random.default_rng(0)


def test_they_are_numpys() -> None:
    values = RNG.normal(size=(50, 3))
    found = Moments.of(values)
    assert found.n == 50
    np.testing.assert_allclose(found.mean, values.mean(axis=0))
    np.testing.assert_allclose(found.cov, np.cov(values.T))
    np.testing.assert_allclose(found.var, values.var(axis=0, ddof=1))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(0, 10_000))
def test_parts_merge_to_the_whole(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [rng.normal(5, 2, size=(n, 2)) for n in sizes]
    whole = np.concatenate(parts)
    merged = Moments.of(parts[0])
    for part in parts[1:]:
        merged = merged + Moments.of(part)
    direct = Moments.of(whole)
    assert merged.n == len(whole)
    if len(whole):
        np.testing.assert_allclose(merged.mean, direct.mean, atol=1e-12)
        np.testing.assert_allclose(merged.scatter, direct.scatter, atol=1e-9)


def test_strata_pool_along_an_axis() -> None:
    values = RNG.normal(size=(4, 7, 20, 2))
    pooled = Moments.of(values).pooled(axis=0)
    direct = Moments.of(values.transpose(1, 0, 2, 3).reshape(7, 80, 2))
    np.testing.assert_allclose(pooled.scatter, direct.scatter)
    np.testing.assert_allclose(pooled.mean, direct.mean)


def test_a_large_mean_costs_no_digits() -> None:
    spread = RNG.normal(size=1000)
    exact = Moments.of(spread).var[0]
    assert Moments.of(spread + 1e9).var[0] == pytest.approx(exact, rel=1e-6)
    shifted = Moments.from_sums(1000, [spread.sum()], [[(spread**2).sum()]], shift=[1e9])
    assert shifted.var[0] == pytest.approx(exact, rel=1e-12)
    assert shifted.mean[0] == pytest.approx(1e9 + spread.mean())


def test_a_constant_has_exactly_no_variance() -> None:
    assert Moments.from_sums(3, [0.3], [[0.03]]).var[0] == 0
    assert Moments.of(np.full(7, 0.1)).var[0] == pytest.approx(0, abs=1e-30)


def test_one_unit_has_no_variance_to_speak_of() -> None:
    assert np.isnan(Moments.of([4.0]).var[0])


def test_columns_and_parts_are_picked() -> None:
    found = Moments.of(RNG.normal(size=(3, 10, 4)))
    picked = found.columns([2, 0]).take(1)
    np.testing.assert_array_equal(picked.mean, found.mean[1, [2, 0]])
    np.testing.assert_array_equal(picked.scatter, found.scatter[1][np.ix_([2, 0], [2, 0])])
