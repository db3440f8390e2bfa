"""The house's own hash: 64 bits from a salt and an id, the same on every platform and in every version.

An id is its UTF-8 text; a whole number is its decimal text, so that 7 and "7" are one person whichever way a table was
read. The text is cut into 8-byte words from its end, each word is folded in by a multiplication, and the finaliser of
MurmurHash3 (Appleby 2011, constants "mix 13" of Stafford 2011) scrambles the sum. The salt enters at both ends, so that
two salts are two independent hashes. Not for secrets: it is fast, not cryptographic.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopr.errors import InputError
from shopr.hashing.texts import Ids, as_integers, as_list, pack

__all__ = ["bucket", "hash64", "uniform"]

U64 = NDArray[np.uint64]
_BLOCK = 1 << 14  # ids in work at a time: their words stay in the second-level cache
_FOLD = np.uint64(0x9FB21C651E98DF25)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_DIGITS = np.uint64(0x3030303030303030)
_MAX_BUCKETS = 2**31


def hash64(ids: Ids, salt: str) -> U64:
    """64 bits for each id under `salt`, shape (n,).

    Raises:
        InputError: if an id is missing or neither text nor a whole number.
    """
    first, last = _keys(salt)
    numbers = as_integers(ids)
    if numbers is not None:
        out = np.empty(len(numbers), dtype=np.uint64)
        for start in range(0, len(numbers), _BLOCK):
            part = slice(start, start + _BLOCK)
            out[part] = _finish(*_fold_numbers(numbers[part], first), last)
        return out
    values = as_list(ids)
    out = np.empty(len(values), dtype=np.uint64)
    for start in range(0, len(values), _BLOCK):
        part = slice(start, start + _BLOCK)
        out[part] = _finish(*_fold_texts(values[part], first), last)
    return out


def uniform(ids: Ids, salt: str) -> NDArray[np.float64]:
    """A number in [0, 1) for each id under `salt`: the upper 53 bits of `hash64`."""
    bits = hash64(ids, salt)
    np.right_shift(bits, np.uint64(11), out=bits)
    return bits.astype(np.float64) * 2.0**-53


def bucket(ids: Ids, salt: str, n: int) -> NDArray[np.int64]:
    """A bucket 0 … n-1 for each id under `salt`: `uniform` times `n`, rounded down.

    Raises:
        InputError: if `n` is not within 1 … 2**31.
    """
    if not 1 <= n <= _MAX_BUCKETS:
        raise InputError(f"{n} buckets is outside 1 … {_MAX_BUCKETS}", hint="Give a number of buckets within it")
    return (uniform(ids, salt) * n).astype(np.int64)


def _keys(salt: str) -> tuple[np.uint64, np.uint64]:
    words = np.frombuffer(blake2b(salt.encode("utf-8", "surrogatepass"), digest_size=16).digest(), dtype="<u8")
    return np.uint64(words[0]), np.uint64(words[1])


def _fold(state: U64, words: U64) -> U64:
    """One word into the state: one to one in either."""
    state = (state ^ words) * _FOLD
    state ^= state >> np.uint64(32)
    return state


def _finish(state: U64, lengths: U64, key: np.uint64) -> U64:
    state ^= lengths * _MIX_2
    state += key
    state ^= state >> np.uint64(30)
    state *= _MIX_1
    state ^= state >> np.uint64(27)
    state *= _MIX_2
    state ^= state >> np.uint64(31)
    return state


def _fold_texts(values: list[Any], key: np.uint64) -> tuple[U64, U64]:
    data, ends = pack(values)
    lengths = ends - np.concatenate(([0], ends[:-1] + 1))
    # Words are read at any byte, two at a time: each position of the padded bytes is seen as the pair beginning there.
    padded = np.concatenate((np.zeros(16, np.uint8), data))
    pairs = np.lib.stride_tricks.as_strided(padded, (len(data) + 1, 16), (1, 1)).view("V16")[:, 0]
    state = np.full(len(values), key, dtype=np.uint64)
    shortest, longest = int(lengths.min()), int(lengths.max())
    for done in range(0, max(longest, 1), 16):
        rows = slice(None) if shortest > done or not done else np.flatnonzero(lengths > done)
        left = lengths[rows] - done
        words = pairs[ends[rows] - done].view("<u8").reshape(-1, 2)
        whole = shortest >= done + 8
        now = _fold(state[rows], words[:, 1] if whole else _last_word(words[:, 1], left))
        if longest > done + 8:
            further = _fold(now, _last_word(words[:, 0], left - 8))
            now = further if shortest > done + 8 else np.where(left > 8, further, now)
        state[rows] = now
    return state, lengths.astype(np.uint64)


def _last_word(words: U64, left: NDArray[np.int64]) -> U64:
    """The words without the bytes before their texts began, where fewer than eight are left."""
    # A shift by all 64 bits is undefined, so it is made in two steps of half its bits.
    half: U64 = np.clip(8 - left, 0, 8).astype(np.uint64) << np.uint64(2)
    return words >> half >> half << half << half


def _fold_numbers(numbers: U64, key: np.uint64) -> tuple[U64, U64]:
    if len(numbers) and numbers.max() < 10**8:
        word = _leading(_eight_digits(numbers), numbers == 0)
        return _fold(np.full(len(numbers), key, dtype=np.uint64), word), _count(word)
    state, lengths = np.full(len(numbers), key, dtype=np.uint64), np.zeros(len(numbers), dtype=np.uint64)
    rest, rows = numbers, np.arange(len(numbers))
    first = True
    while len(rows):
        upper = rest // np.uint64(10**8)
        digits = _eight_digits(rest - upper * np.uint64(10**8))
        more = upper > 0
        zero = (rest == 0) if first else np.zeros(len(rest), dtype=bool)
        word = np.where(more, digits | _DIGITS, _leading(digits, zero))
        state[rows] = _fold(state[rows], word)
        lengths[rows] += _count(word)
        rest, rows, first = upper[more], rows[more], False
    return state, lengths


def _eight_digits(numbers: U64) -> U64:
    """The eight decimal digits of numbers below 10**8, one a byte, the first digit in the lowest byte."""
    upper = numbers // np.uint64(10_000)
    lanes = upper | ((numbers - upper * np.uint64(10_000)) << np.uint64(32))
    tens = ((lanes * np.uint64(10_486)) >> np.uint64(20)) & np.uint64(0x7F0000007F)
    lanes = tens | ((lanes - tens * np.uint64(100)) << np.uint64(16))
    tens = ((lanes * np.uint64(103)) >> np.uint64(10)) & np.uint64(0x000F000F000F000F)
    digits: U64 = tens | ((lanes - tens * np.uint64(10)) << np.uint64(8))
    return digits


def _leading(digits: U64, zero: NDArray[np.bool_]) -> U64:
    """The digits as text without leading zeros; the number 0 is "0"."""
    lowest = digits & (np.uint64(0) - digits)
    word: U64 = (digits | _DIGITS) & (np.uint64(0) - lowest)
    word[zero] = np.uint64(0x30 << 56)
    return word


def _count(words: U64) -> U64:
    ones: U64 = np.bitwise_count(words & np.uint64(0x1010101010101010)).astype(np.uint64)
    return ones
