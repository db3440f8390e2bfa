"""Moments of an arm: how many units, the means of its columns and their scatter about the means.

Sums of squares about zero lose all digits when the mean is large beside the spread (Chan, Golub & LeVeque 1983), so
what is kept are sums about the mean, and two parts are merged by their formula. Every field may have leading axes: one
`Moments` then stands for many arms, strata or simulated tests, and all arithmetic runs over them at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Moments"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Count, means and scatter of d columns.

    Attributes:
        n: units, shape (…).
        mean: means, shape (…, d).
        scatter: sums of products of deviations from the means, shape (…, d, d).
    """

    n: Floats
    mean: Floats
    scatter: Floats

    @classmethod
    def of(cls, values: ArrayLike) -> Moments:
        """The moments of `values`, shape (…, units, columns); a plain vector is one column."""
        array = np.asarray(values, dtype=np.float64)
        array = array[:, None] if array.ndim == 1 else array
        n = np.full(array.shape[:-2], float(array.shape[-2]))
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = array.sum(axis=-2) / n[..., None]
        centred = array - mean[..., None, :]
        # What rounding left in the mean is taken out again (the corrected two-pass algorithm).
        left = centred.sum(axis=-2)
        scatter = np.swapaxes(centred, -1, -2) @ centred
        with np.errstate(invalid="ignore", divide="ignore"):
            scatter = scatter - left[..., :, None] * left[..., None, :] / n[..., None, None]
        return cls(n, mean, scatter)

    @classmethod
    def from_sums(cls, n: ArrayLike, sums: ArrayLike, products: ArrayLike, shift: ArrayLike = 0.0) -> Moments:
        """From sums of (x - shift) and of products (x - shift)(y - shift).

        Args:
            n: units, shape (…).
            sums: shape (…, d).
            products: shape (…, d, d).
            shift: what was taken off each column before summing, shape (d,) or (…, d).
        """
        count = np.asarray(n, dtype=np.float64)
        total = np.asarray(sums, dtype=np.float64)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            centre = total / count[..., None]
            scatter = np.asarray(products, dtype=np.float64) - total[..., :, None] * centre[..., None, :]
        # A sum of squares that rounding alone drove below zero is zero; one far below is left for its reader to refuse.
        diagonal = np.arange(total.shape[-1])
        own = scatter[..., diagonal, diagonal]
        rounding = 1e-12 * np.abs(np.asarray(products, dtype=np.float64)[..., diagonal, diagonal])
        scatter[..., diagonal, diagonal] = np.where(np.abs(own) <= rounding, 0.0, own)
        taken = np.broadcast_to(np.asarray(shift, dtype=np.float64), centre.shape)
        mean = centre + taken
        # A mean of zero comes back as the rounding of its shift, and a share of that would be nonsense.
        mean = np.where(np.abs(mean) <= 1e-12 * np.abs(taken), 0.0, mean)
        return cls(count, mean, scatter)

    @property
    def cov(self) -> Floats:
        """Sample covariance (n - 1 below the line), shape (…, d, d); NaN for fewer than two units."""
        freedom = np.where(self.n > 1, self.n - 1, np.nan)
        return self.scatter / freedom[..., None, None]

    @property
    def var(self) -> Floats:
        """Sample variances, shape (…, d)."""
        return np.diagonal(self.cov, axis1=-2, axis2=-1)

    def __add__(self, other: Moments) -> Moments:
        """Both parts together."""
        n = self.n + other.n
        step = other.mean - self.mean
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(n > 0, other.n / n, 0.0)
        mean = np.where(self.n[..., None] > 0, self.mean + step * share[..., None], other.mean)
        between = np.where(n > 0, self.n * share, 0.0)[..., None, None] * step[..., :, None] * step[..., None, :]
        empty_self, empty_other = (self.n == 0)[..., None, None], (other.n == 0)[..., None, None]
        scatter = self.scatter + other.scatter + between
        scatter = np.where(empty_self, other.scatter, np.where(empty_other, self.scatter, scatter))
        return Moments(n, np.where(other.n[..., None] > 0, mean, self.mean), scatter)

    def pooled(self, axis: int = 0) -> Moments:
        """All parts along one leading axis together, merged pairwise."""
        parts = [self.take(i, axis) for i in range(self.n.shape[axis])]
        while len(parts) > 1:
            merged = [a + b for a, b in zip(parts[::2], parts[1::2], strict=False)]
            parts = [*merged, *parts[2 * len(merged) :]]
        return parts[0]

    def take(self, index: int | NDArray[np.int64], axis: int = 0) -> Moments:
        """One part, or some, along a leading axis."""
        return Moments(
            np.take(self.n, index, axis), np.take(self.mean, index, axis), np.take(self.scatter, index, axis)
        )

    def columns(self, which: Sequence[int]) -> Moments:
        """Only these columns, in this order."""
        index = list(which)
        return Moments(self.n, self.mean[..., index], self.scatter[..., index, :][..., :, index])
