"""The hash of GrowthBook's SDKs, for tests that began there: FNV-1a in 32 bits (Fowler, Noll, Vo), versions 1 and 2.

As in the Python SDK, a text is its code points; for characters above U+FFFF the JavaScript SDK sees two units instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shopr.errors import InputError
from shopr.hashing.texts import Ids, as_texts, code_points

__all__ = ["fnv1a32", "growthbook", "in_namespace"]

U32 = NDArray[np.uint32]
_BASIS, _PRIME = 0x811C9DC5, 0x01000193
_POWERS = 10 ** np.arange(9, -1, -1, dtype=np.int64)


def fnv1a32(texts: Ids, *, prefix: str = "", suffix: str = "") -> U32:
    """FNV-1a of `prefix + text + suffix` for each text, shape (n,), 32 bits."""
    values = as_texts(texts)
    state = _common(np.full(len(values), _BASIS, dtype=np.uint32), prefix)
    codes, lengths = code_points(values)
    starts = np.cumsum(lengths) - lengths
    rows = np.argsort(-lengths, kind="stable")  # longest first: those still running are always the first ones
    running, begins = state[rows], starts[rows]
    alive = np.searchsorted(-lengths[rows], -np.arange(lengths.max(initial=0)), side="left")
    for position, count in enumerate(alive):
        head = running[:count]
        head ^= codes[begins[:count] + position]
        head *= np.uint32(_PRIME)
    state[rows] = running
    return _common(state, suffix)


def growthbook(values: Ids, seed: str, version: int = 2) -> NDArray[np.float64]:
    """GrowthBook's hash of each value, a number in [0, 1), shape (n,).

    Version 1 has 1,000 steps and mixes neighbouring values badly; version 2 has 10,000 and is theirs by default.

    Raises:
        InputError: if the version is neither 1 nor 2.
    """
    if version == 1:
        return (fnv1a32(values, suffix=seed) % np.uint32(1000)) / 1000
    if version == 2:
        return (_of_decimal(fnv1a32(values, prefix=seed)) % np.uint32(10_000)) / 10_000
    raise InputError(f"hash version {version!r} is not 1 or 2", hint="Use version 2 unless the test began with 1")


def in_namespace(values: Ids, namespace: str, low: float, high: float) -> NDArray[np.bool_]:
    """Whether each value falls within the half-open range [low, high) of a GrowthBook namespace."""
    at = growthbook(values, f"__{namespace}", version=1)
    return (at >= low) & (at < high)


def _common(state: U32, text: str) -> U32:
    """One text folded into every state."""
    for character in text:
        state = (state ^ np.uint32(ord(character))) * np.uint32(_PRIME)
    return state


def _of_decimal(numbers: U32) -> U32:
    """FNV-1a of the decimal text of each number."""
    state = np.full(len(numbers), _BASIS, dtype=np.uint32)
    wide = numbers.astype(np.int64)
    for power in _POWERS:
        folded = (state ^ (wide // power % 10 + ord("0")).astype(np.uint32)) * np.uint32(_PRIME)
        state = np.where((wide >= power) | (power == 1), folded, state)
    return state
