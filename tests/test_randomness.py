"""Seeded streams: the same everywhere, independent of each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.errors import InputError
from shopr.randomness import generator

NAMES = st.lists(st.one_of(st.text(max_size=8), st.integers(0, 100)), max_size=3)


@given(st.integers(0, 2**63 - 1), NAMES)
def test_the_same_seed_and_names_give_the_same_numbers(seed: int, names: list[str | int]) -> None:
    assert np.array_equal(generator(seed, *names).integers(0, 2**62, 8), generator(seed, *names).integers(0, 2**62, 8))


def test_the_numbers_are_pinned_across_platforms_and_versions() -> None:
    assert generator(42, "users", 3).integers(0, 1000, 5).tolist() == [293, 334, 387, 293, 768]


def test_different_streams_are_uncorrelated() -> None:
    draws = [generator(1, *name).standard_normal(20_000) for name in (("a",), ("b",), ("a", "b"), ("a", 1), ())]
    correlation = np.corrcoef([*draws, generator(2, "a").standard_normal(20_000)])
    assert np.abs(correlation - np.eye(6)).max() < 0.03  # over four standard errors


def test_a_draw_elsewhere_never_shifts_a_stream() -> None:
    before = generator(5, "prices").random(3)
    generator(5, "names").random(100)
    assert np.array_equal(before, generator(5, "prices").random(3))


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(InputError, match="seed -1 is negative"):
        generator(-1)
