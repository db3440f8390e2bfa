from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shopr.errors import InputError
from shopr.hashing import bucket, hash64, uniform

MASK = 2**64 - 1


def plain(text: str, salt: str) -> int:
    """The hash as its description says it, one character at a time, in Python's own whole numbers."""
    key = blake2b(salt.encode(), digest_size=16).digest()
    state, last = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    data = text.encode("utf-8", "surrogatepass")
    ends = range(len(data), 0, -8) if data else [0]
    for end in ends:
        word = data[max(end - 8, 0) : end].rjust(8, b"\0")
        state = (state ^ int.from_bytes(word, "little")) * 0x9FB21C651E98DF25 & MASK
        state ^= state >> 32
    state ^= len(data) * 0x94D049BB133111EB & MASK
    state = state + last & MASK
    state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & MASK
    state = (state ^ state >> 27) * 0x94D049BB133111EB & MASK
    return state ^ state >> 31


def test_the_hash_never_changes() -> None:
    # Stored assignments depend on these numbers: a change here would move people between arms.
    assert hash64(["ann", "", "user-1234567890", "zoë", "7"], "salt").tolist() == [
        plain(t, "salt") for t in ("ann", "", "user-1234567890", "zoë", "7")
    ]
    assert hash64(["ann"], "salt").tolist() == [15797948896224398567]


@given(st.lists(st.text(max_size=40), max_size=20), st.text(max_size=10))
def test_arrays_agree_with_the_plain_description(texts: list[str], salt: str) -> None:
    salt = salt.encode("utf-8", "replace").decode()
    assert hash64(texts, salt).tolist() == [plain(t, salt) for t in texts]


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 10**9), max_size=30))
def test_a_whole_number_is_its_decimal_text(numbers: list[int]) -> None:
    array = np.array(numbers, dtype=np.uint64)
    assert hash64(array, "s").tolist() == hash64([str(n) for n in numbers], "s").tolist()
    assert hash64(list(numbers), "s").tolist() == hash64(array, "s").tolist()


def test_the_edges_of_the_eight_digit_words() -> None:
    numbers = [0, 9, 10**7, 10**8 - 1, 10**8, 10**8 + 1, 10**16 - 1, 10**16, 2**64 - 1]
    assert hash64(np.array(numbers, dtype=np.uint64), "s").tolist() == [plain(str(n), "s") for n in numbers]
    assert hash64(np.array([-3, 4]), "s").tolist() == [plain("-3", "s"), plain("4", "s")]


@pytest.mark.parametrize(
    "make", [list, tuple, np.array, pd.Series, pd.Index, lambda x: np.array(x, dtype=object), iter]
)
def test_every_kind_of_column_gives_the_same(make) -> None:  # type: ignore[no-untyped-def]
    texts = ["a", "bb", "ünï", "a much longer id than one word"]
    assert hash64(make(texts), "s").tolist() == [plain(t, "s") for t in texts]


def test_bytes_columns_and_long_lists_agree() -> None:
    texts = [f"user-{i}" for i in range(40_000)]
    whole = hash64(texts, "s")
    assert whole[[0, 20_000, -1]].tolist() == [plain(texts[i], "s") for i in (0, 20_000, -1)]
    assert np.array_equal(hash64(np.array(texts, dtype="S"), "s"), whole)


def test_the_callers_list_is_left_alone() -> None:
    ids = [1, "b"]
    hash64(ids, "s")
    assert ids == [1, "b"]


@pytest.mark.parametrize(
    "bad", [[None], [1.5], [True], [float("nan")], ["a", None], "ann", np.zeros((2, 2), int), [pd.NA]]
)
def test_what_is_no_id_is_refused(bad: object) -> None:
    with pytest.raises(InputError):
        hash64(bad, "s")  # type: ignore[arg-type]


def test_no_ids_give_no_hashes() -> None:
    assert hash64([], "s").shape == (0,)
    assert uniform(np.array([], dtype=int), "s").shape == (0,)


@pytest.mark.parametrize("salt", ["", "homepage", "homepage2"])
def test_uniform_over_sequential_ids(salt: str) -> None:
    counts = np.bincount(bucket(np.arange(200_000), salt, 1000), minlength=1000)
    assert stats.chisquare(counts).pvalue > 1e-4
    texts = np.bincount(bucket([f"u{i:07d}" for i in range(200_000)], salt, 100), minlength=100)
    assert stats.chisquare(texts).pvalue > 1e-4


def test_two_salts_are_independent() -> None:
    ids = np.arange(100_000)
    first, second = bucket(ids, "test-1", 10), bucket(ids, "test-2", 10)
    table = np.bincount(first * 10 + second, minlength=100).reshape(10, 10)
    assert stats.chi2_contingency(table).pvalue > 1e-4


def test_one_changed_bit_changes_half_the_hash() -> None:
    texts = [f"{i:08d}" for i in range(2_000)]
    base = hash64(texts, "s")
    for position in range(8):
        other = hash64([t[:position] + chr(ord(t[position]) ^ 1) + t[position + 1 :] for t in texts], "s")
        flips = np.unpackbits((base ^ other).view(np.uint8)).reshape(-1, 64).mean(axis=0)
        assert flips.min() > 0.44
        assert flips.max() < 0.56


def test_buckets_stay_within_their_number() -> None:
    assert set(bucket(np.arange(1000), "s", 1)) == {0}
    assert bucket(np.arange(1000), "s", 2**31).max() < 2**31
    with pytest.raises(InputError, match="0 buckets is outside"):
        bucket([1], "s", 0)
