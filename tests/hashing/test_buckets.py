from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.errors import InputError
from shopr.hashing import bucket_ranges, choose, equal_weights

WEIGHTS = st.lists(st.integers(1, 100), min_size=1, max_size=6).map(lambda w: [x / sum(w) for x in w])


def test_ranges_by_hand() -> None:
    assert bucket_ranges(2, 0.5).tolist() == [[0, 0.25], [0.5, 0.75]]
    assert np.allclose(bucket_ranges(3, 0.2, [0.2, 0.3, 0.5]), [[0, 0.04], [0.2, 0.26], [0.5, 0.6]], atol=1e-15)
    assert equal_weights(0) == []


def test_lenient_ranges_mend_as_the_sdks_do() -> None:
    assert bucket_ranges(2, 1.5, strict=False).tolist() == [[0, 0.5], [0.5, 1]]
    assert bucket_ranges(2, -1, strict=False).tolist() == [[0, 0], [0.5, 0.5]]
    assert bucket_ranges(2, 1, [0.2, 0.3], strict=False).tolist() == [[0, 0.5], [0.5, 1]]


@pytest.mark.parametrize(
    ("n", "coverage", "weights", "words"),
    [
        (0, 1, None, "0 arms"),
        (2, 1.1, None, "coverage 1.1 is outside"),
        (2, float("nan"), None, "coverage nan is outside"),
        (2, 1, [1.0], "1 weights for 2 arms"),
        (2, 1, [1.5, -0.5], "negative"),
        (2, 1, [0.5, 0.6], "sum to 1.1"),
    ],
)
def test_strict_ranges_refuse(n: int, coverage: float, weights: list[float] | None, words: str) -> None:
    with pytest.raises(InputError, match=words):
        bucket_ranges(n, coverage, weights)


def test_choose_takes_the_lower_end_and_leaves_the_upper() -> None:
    assert choose([0, 0.25, 0.5, 0.74, 0.75], [[0, 0.25], [0.5, 0.75]]).tolist() == [0, -1, 1, 1, -1]


@given(WEIGHTS, st.floats(0, 1), st.floats(0, 1), st.integers(0, 1000))
def test_more_coverage_moves_no_one(weights: list[float], one: float, other: float, seed: int) -> None:
    at = np.random.default_rng(seed).random(200)
    less, more = (choose(at, bucket_ranges(len(weights), c, weights)) for c in sorted((one, other)))
    assert np.array_equal(less[less >= 0], more[less >= 0])
