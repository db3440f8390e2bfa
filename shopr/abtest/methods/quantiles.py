"""Quantiles of independent or clustered rows, with the error of Deng, Knoblich & Lu (2018): no density is estimated.

The share of rows below the quantile has a known error; the two order statistics that far to both sides bound the
quantile, and their distance gives its standard error. Where rows are clustered in units (page loads of a user), the
share is a ratio metric, and its error by the delta method replaces the binomial one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from shopr.abtest.methods.arms import Arm, plain, scalar
from shopr.abtest.methods.moments import Moments

__all__ = ["Z95", "cluster_inflation", "quantile_arm", "ranks"]

Floats = NDArray[np.float64]
Z95 = float(special.ndtri(0.975))
"""The order statistics that are looked up are those of a 95 % interval, whatever alpha is."""


def ranks(n: ArrayLike, q: float) -> tuple[Floats, Floats]:
    """The two levels whose quantiles bound the quantile `q` of `n` rows at 95 %, within 0 … 1."""
    count = np.maximum(np.asarray(n, dtype=np.float64), 1.0)
    half = Z95 * np.sqrt(q * (1 - q) / count)
    return np.clip(q - half, 0.0, 1.0), np.clip(q + half, 0.0, 1.0)


def quantile_arm(
    n: ArrayLike,
    q: float,
    estimate: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    *,
    n_bounds: ArrayLike | None = None,
    inflation: ArrayLike = 1.0,
) -> Arm:
    """An arm's quantile with its variance per row.

    Args:
        n: rows.
        q: which quantile.
        estimate: the sample's quantile.
        lower: its quantile at the lower of `ranks(n_bounds, q)`.
        upper: the same at the upper.
        n_bounds: the number of rows for which the bounds were looked up (default n).
        inflation: variance of the share below over that of independent rows, from `cluster_inflation`.

    Where there are too few rows for the bounds to lie within the data, the variance is NaN.
    """
    count = np.asarray(n, dtype=np.float64)
    looked = count if n_bounds is None else np.asarray(n_bounds, dtype=np.float64)
    spread = (np.asarray(upper, dtype=np.float64) - np.asarray(lower, dtype=np.float64)) / (2 * Z95)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = looked / count * (count - 1) * spread**2 * np.asarray(inflation, dtype=np.float64)
    too_few = count <= Z95**2 * max(q / (1 - q), (1 - q) / q)
    return scalar(count, estimate, np.where(too_few, np.nan, variance))


def cluster_inflation(clusters: Moments, q: float) -> Floats:
    """How much clustering inflates the variance of the share of rows below the quantile.

    Args:
        clusters: moments over clusters of two columns: rows at or below the quantile, and rows.
        q: which quantile.
    """
    share = plain(clusters, (0, 1))
    rows = clusters.n * clusters.mean[..., 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(share.variance / clusters.n / (q * (1 - q) / rows))
