"""Keyed draws: right distributions, and never dependent on the batch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shopr.data.simulator.draws import Draws, logistic
from shopr.errors import InputError

N = 100_000


def test_uniform_numbers_are_uniform() -> None:
    assert stats.kstest(Draws(1).uniform("a", np.arange(N)), "uniform").pvalue > 0.001


def test_bell_has_mean_0_and_variance_1() -> None:
    x = Draws(1).bell("a", np.arange(N))
    assert abs(x.mean()) < 4 / N**0.5
    assert x.var() == pytest.approx(1.0, abs=0.02)
    assert np.abs(x).max() <= 2 * 3**0.5


def test_streams_keys_seeds_and_branches_are_unrelated() -> None:
    key = np.arange(20_000)
    base = Draws(1).uniform("a", key)
    others = [
        Draws(1).uniform("b", key),
        Draws(2).uniform("a", key),
        Draws(1, "x").uniform("a", key),
        Draws(1).uniform("a", key + 1),
        Draws(1).uniform("a", key, 0),
    ]
    for other in others:
        assert abs(np.corrcoef(base, other)[0, 1]) < 0.03


@given(st.lists(st.tuples(st.integers(-5, 10**6), st.integers(0, 10**6)), min_size=1, max_size=20), st.integers(0, 19))
def test_a_draw_does_not_depend_on_its_batch(keys: list[tuple[int, int]], pick: int) -> None:
    first, second = np.array(keys).T
    i = pick % len(keys)
    assert Draws(7).uniform("s", first, second)[i] == Draws(7).uniform("s", *keys[i])[0]


def test_keys_broadcast() -> None:
    grid = Draws(3).uniform("g", np.arange(4)[:, None], np.arange(5)[None, :])
    assert grid.shape == (4, 5)
    assert grid[2, 3] == Draws(3).uniform("g", 2, 3)[0]


def test_choice_follows_its_weights_and_never_takes_weight_zero() -> None:
    weights = np.array([0.0, 1.0, 3.0, 0.0, 4.0, 0.0])
    counts = np.bincount(Draws(1).choice("c", weights, np.arange(N)), minlength=6) / N
    assert counts == pytest.approx(weights / 8, abs=0.01)
    assert counts[[0, 3, 5]].sum() == 0
    rows = Draws(1).choice("c", np.tile(weights, (N, 1)), np.arange(N))
    assert (rows == Draws(1).choice("c", weights, np.arange(N))).all()


def test_logistic_is_rounded_and_bounded() -> None:
    x = np.array([-1e9, 0.0, 1.0, 1e9])
    assert logistic(x) == pytest.approx([0, 0.5, 0.731059, 1], abs=1e-9)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(InputError, match="seed -1 is negative"):
        Draws(-1)
