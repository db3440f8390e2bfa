"""The value of a metric in an arm, and what its error is made of: means, ratios by the delta method, CUPED.

A metric is a smooth function of column means: a mean is one column, a ratio two. Its value is linearised at the arm's
means (the delta method; for ratios Deng et al. 2018), so that the variance of every metric is a quadratic form of the
arm's covariance matrix, and covariates (Deng et al. 2013, CUPED) are subtracted in the same linear space: one,
several, or ratios of columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shopr.abtest.methods.moments import Moments

__all__ = ["Arm", "Term", "cuped", "plain", "scalar"]

Floats = NDArray[np.float64]
Term = int | tuple[int, int]
"""A column, or (numerator column, denominator column)."""
Pooling = Literal["total", "arms"]


@dataclass(frozen=True)
class Arm:
    """One arm's value of a metric.

    Attributes:
        n: units.
        value: the estimate, adjusted where covariates were given.
        variance: its variance per unit: the squared standard error times n.
        base: the estimate that a relative lift is a share of.
        base_variance: the same of `base`.
        covariance: of `value` and `base`, per unit.
    """

    n: Floats
    value: Floats
    variance: Floats
    base: Floats
    base_variance: Floats
    covariance: Floats


def scalar(n: ArrayLike, value: ArrayLike, variance: ArrayLike) -> Arm:
    """An arm whose value and variance per unit are known: a quantile, a mean from a report."""
    count, estimate, spread = (np.asarray(x, dtype=np.float64) for x in (n, value, variance))
    return Arm(count, estimate, spread, estimate, spread, spread)


def plain(moments: Moments, term: Term = 0, *, binary: bool = False) -> Arm:
    """A mean or ratio without covariates.

    Args:
        moments: of the arm.
        term: a column, or (numerator, denominator).
        binary: the columns hold 0 and 1: the variance is p(1 - p), without the factor n/(n - 1).
    """
    values, spread = _linear(moments, (term,), moments.mean, binary)
    value, variance = values[..., 0], spread[..., 0, 0]
    return Arm(moments.n, value, variance, value, variance, variance)


def cuped(
    control: Moments,
    treatment: Moments,
    terms: tuple[Term, ...],
    *,
    theta: ArrayLike | None = None,
    pooling: Pooling = "total",
    adjusted_base: bool = False,
    binary: bool = False,
) -> tuple[Arm, Arm, Floats]:
    """Both arms with the covariates' part taken out, and the coefficients theta, shape (…, covariates).

    Args:
        control: moments of the control.
        treatment: moments of the treatment.
        terms: what is measured, then its covariates; all columns or ratios of columns.
        theta: coefficients, if they are known already.
        pooling: where theta comes from: "total" regresses on both arms as one sample, linearised at the pooled means;
            "arms" adds the two arms' covariance matrices, each linearised at its own means.
        adjusted_base: a relative lift is a share of the control's adjusted value instead of its plain one.
        binary: as in `plain`.
    """
    total = control + treatment
    if theta is None:
        coefficients = _theta(control, treatment, total, terms, pooling=pooling, binary=binary)
    else:
        coefficients = np.asarray(theta, dtype=np.float64)
        coefficients = coefficients[..., None] if coefficients.ndim == control.n.ndim else coefficients
    centre = _values(total.mean, terms)[..., 1:]
    one = _adjust(control, terms, coefficients, centre, adjusted_base=adjusted_base, binary=binary)
    other = _adjust(treatment, terms, coefficients, centre, adjusted_base=adjusted_base, binary=binary)
    return one, other, coefficients


def _theta(
    control: Moments, treatment: Moments, total: Moments, terms: tuple[Term, ...], *, pooling: Pooling, binary: bool
) -> Floats:
    if pooling == "total":
        spread = _linear(total, terms, total.mean, binary)[1]
    else:
        spread = _linear(control, terms, control.mean, binary)[1] + _linear(treatment, terms, treatment.mean, binary)[1]
    cross, own = spread[..., 1:, 0], spread[..., 1:, 1:]
    if own.shape[-1] == 1:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(own[..., 0] > 0, cross / own[..., 0], 0.0)
    # Covariates are brought to one scale first, so that pinv's cut-off tells collinear columns, not small units.
    scale = np.sqrt(np.diagonal(own, axis1=-2, axis2=-1))
    scale = np.where(scale > 0, scale, 1.0)
    unit = own / (scale[..., :, None] * scale[..., None, :])
    finite = np.isfinite(unit).all(axis=(-2, -1), keepdims=True)
    inverse = np.linalg.pinv(np.where(finite, unit, 0.0), rcond=1e-10, hermitian=True)
    theta: Floats = (inverse @ (cross / scale)[..., None])[..., 0] / scale
    return theta


def _adjust(
    moments: Moments, terms: tuple[Term, ...], theta: Floats, centre: Floats, *, adjusted_base: bool, binary: bool
) -> Arm:
    values, spread = _linear(moments, terms, moments.mean, binary)
    value = values[..., 0] - ((values[..., 1:] - centre) * theta).sum(axis=-1)
    toward = (spread[..., 1:, 0] * theta).sum(axis=-1)
    own = (theta * (spread[..., 1:, 1:] @ theta[..., None])[..., 0]).sum(axis=-1)
    base_variance = spread[..., 0, 0]
    variance = base_variance - 2 * toward + own
    if adjusted_base:
        return Arm(moments.n, value, variance, value, variance, variance)
    return Arm(moments.n, value, variance, values[..., 0], base_variance, base_variance - toward)


def _values(mean: Floats, terms: tuple[Term, ...]) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        found = [mean[..., t] if isinstance(t, int) else mean[..., t[0]] / mean[..., t[1]] for t in terms]
    return np.stack(found, axis=-1)


def _linear(moments: Moments, terms: tuple[Term, ...], at: Floats, binary: bool) -> tuple[Floats, Floats]:
    """Values of the terms and the covariance matrix of their linearisations, both per unit."""
    covariance = moments.cov
    if binary:
        with np.errstate(invalid="ignore", divide="ignore"):
            covariance = moments.scatter / moments.n[..., None, None]
    if all(isinstance(term, int) for term in terms):
        index = [term for term in terms if isinstance(term, int)]
        return _values(moments.mean, terms), covariance[..., index, :][..., :, index]
    gradient = np.zeros((*at.shape, len(terms)))
    with np.errstate(invalid="ignore", divide="ignore"):
        for i, term in enumerate(terms):
            if isinstance(term, int):
                gradient[..., term, i] += 1.0
            else:
                above, below = term
                gradient[..., above, i] += 1 / at[..., below]
                gradient[..., below, i] -= at[..., above] / at[..., below] ** 2
        spread = np.swapaxes(gradient, -1, -2) @ covariance @ gradient
    return _values(moments.mean, terms), spread
