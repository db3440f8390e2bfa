"""Post-stratification: compare within strata known before exposure, then weigh the strata by their size.

What strata explain of a metric no longer counts as noise (Miratrix, Sekhon & Yu 2013; Xie & Aurisset 2016 for online
tests). Within a stratum the arms are compared by their means, or by a regression on covariates with one slope for both
arms. Ratios carry numerator and denominator through the strata and are divided at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shopr.abtest.methods.frequentist import Effect
from shopr.abtest.methods.moments import Moments
from shopr.errors import InputError

__all__ = ["merge_thin_strata", "poststratify"]

Floats = NDArray[np.float64]
Weights = Literal["fixed", "multinomial"]


@dataclass(frozen=True)
class _Strata:
    """Control means and effects of each stratum, interleaved, with their covariance times n.

    coefficients (strata, 2 x outcomes): control mean and effect of the first outcome, then of the second.
    """

    n: Floats
    coefficients: Floats
    covariance: Floats


def merge_thin_strata(control: Moments, treatment: Moments, *, least: int = 2) -> tuple[Moments, Moments]:
    """Strata with fewer than `least` units or no variance in an arm are added to the largest stratum."""
    size = control.n + treatment.n
    order = np.argsort(-size, kind="stable")
    one, other = control.take(order), treatment.take(order)
    enough = (one.n >= least) & (other.n >= least)
    spread = np.minimum(one.var[..., 0], other.var[..., 0])
    viable = enough & (np.nan_to_num(spread) > 0)
    viable[0] = True
    kept, thin = np.flatnonzero(viable), np.flatnonzero(~viable)
    pair = []
    for part in (one, other):
        first = part.take(0)
        for index in thin:
            first = first + part.take(int(index))
        rest = part.take(kept[1:])
        pair.append(
            Moments(
                np.concatenate([first.n[None], rest.n]),
                np.concatenate([first.mean[None], rest.mean]),
                np.concatenate([first.scatter[None], rest.scatter]),
            )
        )
    return pair[0], pair[1]


def poststratify(
    control: Moments,
    treatment: Moments,
    *,
    outcomes: int = 1,
    relative: bool = False,
    weights: Weights = "multinomial",
) -> Effect:
    """The effect over strata.

    Args:
        control: moments of the control's strata, shape (strata,). The first `outcomes` columns are what is measured,
            the others are covariates, which enter by regression within the stratum.
        treatment: the same of the treatment.
        outcomes: 1 for a mean, 2 for a ratio (numerator, denominator).
        relative: the lift as a share of the control instead of the difference.
        weights: how the strata's shares enter the error: "fixed" takes them as known; "multinomial" as estimated from
            this sample, which is the error about the population.

    Raises:
        InputError: if a stratum has too few units for its regression.
    """
    covariates = control.mean.shape[-1] - outcomes
    strata = _regressed(control, treatment, outcomes) if covariates else _compared(control, treatment, outcomes)
    total = strata.n.sum()
    share = strata.n / total
    mean = share @ strata.coefficients
    covariance = np.einsum("kij,k->ij", strata.covariance, share) / total
    if weights != "fixed":
        multinomial = np.diag(share) - np.outer(share, share)
        covariance = covariance + strata.coefficients.T @ multinomial @ strata.coefficients / total
    estimate, gradient = _contrast(mean, outcomes, relative)
    variance = gradient @ covariance @ gradient
    whole_control, whole_treatment = control.pooled(), treatment.pooled()
    df = np.asarray(whole_control.n + whole_treatment.n - 2.0)
    return Effect(np.asarray(estimate), np.sqrt(np.maximum(variance, 0.0)), df, np.asarray(total))


def _compared(control: Moments, treatment: Moments, outcomes: int) -> _Strata:
    n = control.n + treatment.n
    one, other = control.cov / control.n[:, None, None], treatment.cov / treatment.n[:, None, None]
    coefficients = np.stack([control.mean, treatment.mean - control.mean], axis=-1).reshape(len(n), -1)
    covariance = np.zeros((len(n), 2 * outcomes, 2 * outcomes))
    for i in range(outcomes):
        for j in range(outcomes):
            block = np.empty((len(n), 2, 2))
            block[:, 0, 0] = one[:, i, j]
            block[:, 0, 1] = block[:, 1, 0] = -one[:, i, j]
            block[:, 1, 1] = one[:, i, j] + other[:, i, j]
            covariance[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = block
    return _Strata(n, coefficients, covariance * n[:, None, None])


def _regressed(control: Moments, treatment: Moments, outcomes: int) -> _Strata:
    """Least squares on (1, treated, covariates - their mean) within each stratum, errors alike in both arms."""
    total = control + treatment
    n, d = total.n, total.mean.shape[-1]
    covariates = d - outcomes
    freedom = n - 3 * outcomes
    if (freedom <= 0).any():
        raise InputError(
            f"a stratum has {int(n.min())} units; a regression within strata needs more than {3 * outcomes}",
            hint="Merge thin strata (merge_thin_strata) or leave the covariates out",
        )
    design = np.zeros((len(n), 2 + covariates, 2 + covariates))
    design[:, 0, 0] = n
    design[:, 0, 1] = design[:, 1, 0] = design[:, 1, 1] = treatment.n
    design[:, 2:, 2:] = total.scatter[:, outcomes:, outcomes:]
    offset = treatment.mean - total.mean
    treated = treatment.n[:, None] * offset
    design[:, 1, 2:] = design[:, 2:, 1] = treated[:, outcomes:]
    right = np.zeros((len(n), 2 + covariates, outcomes))
    right[:, 0] = n[:, None] * total.mean[:, :outcomes]
    right[:, 1] = treatment.n[:, None] * treatment.mean[:, :outcomes]
    right[:, 2:] = total.scatter[:, outcomes:, :outcomes]
    inverse = np.linalg.inv(design)
    slopes = inverse @ right
    # Residuals from centred sums: what is left of the scatter after treatment and covariates.
    centred = np.concatenate([treated[:, None, :outcomes], right[:, 2:]], axis=1)
    fitted = np.einsum("kpo,kpq->koq", centred, slopes[:, 1:])
    sigma = (total.scatter[:, :outcomes, :outcomes] - fitted) / freedom[:, None, None]
    coefficients = np.swapaxes(slopes[:, :2], 1, 2).reshape(len(n), -1)
    spread = np.einsum("koq,kij->koiqj", sigma, inverse[:, :2, :2])
    covariance = spread.reshape(len(n), 2 * outcomes, 2 * outcomes) * n[:, None, None]
    # The covariates' means are estimated, too: that adds to the error of the control's mean.
    own = total.cov[:, outcomes:, outcomes:] / n[:, None, None]
    slope = slopes[:, 2:]
    moved = np.einsum("kpo,kpq,kqr->kor", slope, own, slope)
    moved = moved + sigma * np.einsum("kpq,kqp->k", inverse[:, 2:, 2:], own)[:, None, None]
    covariance[:, ::2, ::2] += moved * n[:, None, None]
    return _Strata(n, coefficients, covariance)


def _contrast(mean: Floats, outcomes: int, relative: bool) -> tuple[float, Floats]:
    """The estimate and its gradient in (control, effect) of one outcome or two."""
    if outcomes == 1:
        base, effect = mean
        if not relative:
            return float(effect), np.array([0.0, 1.0])
        size = abs(base)
        return float(effect / size), np.array([-effect / (base * size), 1 / size])
    base, effect, below, extra = mean
    treated, under = base + effect, below + extra
    if not relative:
        slope = np.array([1 / under - 1 / below, 1 / under, 0.0, -treated / under**2])
        slope[2] = slope[3] + base / below**2
        return float(treated / under - base / below), slope
    ratio = treated * below / (base * under)
    sign = np.sign(base / below)
    slope = np.array([1 / treated - 1 / base, 1 / treated, 1 / below - 1 / under, -1 / under]) * ratio
    return float(sign * (ratio - 1)), sign * slope
