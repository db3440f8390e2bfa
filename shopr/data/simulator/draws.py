"""Random draws that are functions of a key, so that no draw depends on how many were made before it.

A number for (stream, user, day, item) is the same whatever batch it is drawn in, whatever was shown before, and
whichever policy is being played: two policies that show a shopper the same product on the same day meet the same luck.
That is what makes paired comparisons tight (common random numbers). The mix is the finaliser of SplitMix64 (Steele, Lea
and Flood 2014); sums of uniforms stand in for normal draws, so that no logarithm of one platform decides an event.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shopr.errors import InputError

__all__ = ["Draws", "logistic", "settle"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = (np.uint64(s) for s in (30, 27, 31, 11))
_UNIT = 1.0 / (1 << 53)


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> _S30)) * _FIRST
    z = (z ^ (z >> _S27)) * _SECOND
    mixed: NDArray[np.uint64] = z ^ (z >> _S31)
    return mixed


class Draws:
    """Keyed draws of one seed.

    Args:
        seed: a whole number of 0 or more.
        branch: tells apart several courses of events that start from the same seed.

    Raises:
        InputError: if the seed is negative.
    """

    def __init__(self, seed: int, branch: str = "") -> None:
        if seed < 0:
            raise InputError(f"seed {seed} is negative", hint="Give a whole number of 0 or more")
        self.seed, self.branch = seed, branch

    def _state(self, stream: str, keys: tuple[ArrayLike, ...]) -> NDArray[np.uint64]:
        name = blake2b(f"{self.seed}/{self.branch}/{stream}".encode(), digest_size=8).digest()
        state = np.array([int.from_bytes(name, "little")], np.uint64)
        for key in keys:
            state = _mix((state + _GOLDEN) ^ np.atleast_1d(np.asarray(key)).astype(np.int64).astype(np.uint64))
        return state

    def uniform(self, stream: str, *keys: ArrayLike) -> NDArray[np.float64]:
        """Uniform on [0, 1), one number for each row of the broadcast whole-number `keys`."""
        return np.asarray((_mix(self._state(stream, keys)) >> _S11).astype(np.float64) * _UNIT)

    def bell(self, stream: str, *keys: ArrayLike) -> NDArray[np.float64]:
        """Mean 0, variance 1, within +-3.5: four uniforms of 16 bits summed (Irwin-Hall)."""
        bits = _mix(self._state(stream, keys))
        total = np.zeros(bits.shape)
        for shift in (0, 16, 32, 48):
            total += ((bits >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.float64)
        return np.asarray((total / 65536.0 - 2.0 + 2.0 / 65536.0) * 3.0**0.5)

    def choice(self, stream: str, weights: NDArray[np.float64], *keys: ArrayLike) -> NDArray[np.int64]:
        """One index for each key: by `weights` of shape (m,), or row by row where the shape is (n, m)."""
        u = self.uniform(stream, *keys)
        edges = np.cumsum(settle(weights), axis=-1)
        if edges.ndim == 1:
            found = np.searchsorted(edges, u * edges[-1], side="right")
            return np.asarray(np.minimum(found, len(edges) - 1), dtype=np.int64)
        found = (edges <= (u * edges[:, -1])[:, None]).sum(axis=1)
        return np.asarray(np.minimum(found, edges.shape[1] - 1), dtype=np.int64)


def settle(values: ArrayLike) -> NDArray[np.float64]:
    """Rounded to 6 decimals: the last bits, in which libraries differ, decide nothing."""
    return np.asarray(np.round(np.asarray(values, dtype=np.float64), 6))


def logistic(values: ArrayLike) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)), rounded to 6 decimals."""
    return settle(1.0 / (1.0 + np.exp(-np.clip(values, -30.0, 30.0))))
