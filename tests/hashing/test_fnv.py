from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.errors import InputError
from shopr.hashing import fnv1a32, growthbook, in_namespace


def plain(text: str) -> int:
    state = 0x811C9DC5
    for character in text:
        state = (state ^ ord(character)) * 0x01000193 % 2**32
    return state


@pytest.mark.parametrize(("text", "known"), [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968)])
def test_the_published_values(text: str, known: int) -> None:
    assert fnv1a32([text]).tolist() == [known]


@given(st.lists(st.text(max_size=30), max_size=20), st.text(max_size=8))
def test_both_versions_agree_with_the_plain_description(texts: list[str], seed: str) -> None:
    assert fnv1a32(texts).tolist() == [plain(t) for t in texts]
    assert growthbook(texts, seed, 1).tolist() == [plain(t + seed) % 1000 / 1000 for t in texts]
    assert growthbook(texts, seed, 2).tolist() == [plain(str(plain(seed + t))) % 10_000 / 10_000 for t in texts]


def test_whole_numbers_are_their_text_and_empty_lists_are_empty() -> None:
    assert growthbook(np.array([1, 22]), "s").tolist() == growthbook(["1", "22"], "s").tolist()
    assert growthbook([], "s").shape == (0,)


def test_namespaces_are_half_open() -> None:
    at = growthbook(["1"], "__ns", 1)[0]
    assert in_namespace(["1"], "ns", at, 1).tolist() == [True]
    assert in_namespace(["1"], "ns", 0, at).tolist() == [False]


def test_other_versions_are_refused() -> None:
    with pytest.raises(InputError, match="hash version 99 is not 1 or 2"):
        growthbook(["a"], "s", 99)
