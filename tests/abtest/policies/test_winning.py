from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from shopr.abtest.policies.winning import beta_win, normal_win, normal_win_rows
from shopr.errors import InputError


def test_two_normals_have_a_closed_form() -> None:
    found = normal_win([0.0, 1.0], [1.0, 2.0])
    assert found[1] == pytest.approx(stats.norm.cdf(1 / np.sqrt(5)), abs=1e-13)


def test_betas_agree_with_adaptive_quadrature() -> None:
    a, b = np.array([3.0, 10.0, 50.0]), np.array([200.0, 300.0, 2000.0])
    arms = [stats.beta(*pair) for pair in zip(a, b, strict=True)]

    def density(x: float, i: int) -> float:
        return float(arms[i].pdf(x) * np.prod([arms[j].cdf(x) for j in range(3) if j != i]))

    wanted = [
        integrate.quad(density, 0, 0.2, args=(i,), epsabs=1e-13, limit=400, points=[0.02, 0.04])[0] for i in range(3)
    ]
    assert beta_win(a, b) == pytest.approx(wanted, abs=1e-11)


def test_uniform_against_beta_by_hand() -> None:
    # P(U < B) = E B = 2/3 for B ~ Beta(2, 1).
    assert beta_win([1, 2], [1, 1]) == pytest.approx([1 / 3, 2 / 3], abs=1e-12)


def test_spikes_at_the_ends_are_held() -> None:
    assert beta_win([0.5, 0.5], [0.5, 0.5]) == pytest.approx([0.5, 0.5], abs=1e-9)
    # P(B > U) = 1 - E B^.5-like: a Beta(.5, .5) beats a uniform draw half the time.
    assert beta_win([0.5, 1], [0.5, 1]) == pytest.approx([0.5, 0.5], abs=1e-7)


def test_hopeless_arms_keep_a_tiny_exact_chance() -> None:
    found = normal_win([0.0, 6.0], [1.0, 1.0])
    assert found[0] == pytest.approx(stats.norm.sf(6 / np.sqrt(2)), rel=1e-8)


@given(
    st.lists(st.tuples(st.floats(-3, 3), st.floats(0.3, 1.5)), min_size=2, max_size=6),
)
def test_chances_are_a_distribution_and_rows_agree(arms: list[tuple[float, float]]) -> None:
    means, sds = (np.array(part) for part in zip(*arms, strict=True))
    one = normal_win(means, sds)
    assert one.sum() == pytest.approx(1, abs=1e-12)
    assert (one >= 0).all()
    assert normal_win_rows(means[None], sds[None])[0] == pytest.approx(one, abs=1e-6)


@pytest.mark.parametrize(("a", "b"), [([1, 2], [1]), ([0, 1], [1, 1]), ([np.nan, 1], [1, 1]), ([], [])])
def test_bad_parameters_are_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(InputError):
        beta_win(a, b)
    with pytest.raises(InputError):
        normal_win(b, a)
