"""Bayesian reading of a test: a Gaussian prior on the effect.

The model is that of GrowthBook's engine: prior and effect are relative or absolute, the posterior is the mean weighted
by precision, chance to win and expected loss (risk) follow in closed form. Proportions with Beta priors are in
`betabinomial`, exact by quadrature. Neither corrects for repeated looks: a chance to win read daily crosses 95 % by
luck too (see `sequential` for that).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr, ndtr, ndtri

from shopr.abtest.checks import floats, positive, share

__all__ = ["GaussianPrior", "Posterior", "gaussian_posterior", "truncated_mean"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GaussianPrior:
    """What is believed of the effect beforehand.

    Attributes:
        mean, variance: of the effect, in the unit of the effect (relative effects: .1 is 10 %).
        proper: whether the prior is used at all; an improper one is flat, so that the data speak alone.
    """

    mean: float = 0.0
    variance: float = 1.0
    proper: bool = True

    def __post_init__(self) -> None:
        positive("prior variance", self.variance)

    def scaled(self, baseline: float) -> GaussianPrior:
        """The prior of the absolute effect, from this one of the effect relative to `baseline`, the control's mean."""
        if baseline == 0:
            return GaussianPrior(0.0, self.variance, proper=False)
        return GaussianPrior(self.mean * baseline, self.variance * baseline**2, self.proper)


@dataclass(frozen=True)
class Posterior:
    """A normal posterior of the effect (treatment less control), arrays of any one shape.

    Attributes:
        mean, sd: NaN where the effect was missing or had no standard error.
    """

    mean: Floats
    sd: Floats

    def interval(self, alpha: float = 0.05) -> tuple[Floats, Floats]:
        """The credible interval with `alpha` outside, half on each side."""
        radius = -ndtri(share("alpha", alpha) / 2) * self.sd
        return self.mean - radius, self.mean + radius

    def chance_above(self, threshold: float = 0.0) -> Floats:
        """The chance that the effect is above `threshold`: the chance to win where more is better."""
        return np.asarray(ndtr((self.mean - threshold) / self.sd), dtype=np.float64)

    def chance_to_win(self, *, inverse: bool = False) -> Floats:
        """The chance that the treatment is better; `inverse` where less is better."""
        return np.asarray(ndtr((-self.mean if inverse else self.mean) / self.sd), dtype=np.float64)

    def risk(self, *, inverse: bool = False) -> tuple[Floats, Floats]:
        """Expected loss of choosing the control, and of choosing the treatment, in the unit of the effect."""
        gain, loss = self._beyond(self.mean), self._beyond(-self.mean)
        return (loss, gain) if inverse else (gain, loss)

    def _beyond(self, mean: Floats) -> Floats:
        """E max(X, 0), without cancellation in the far tail: the chance above 0 times the mean above 0."""
        z = mean / self.sd
        return np.asarray(ndtr(z) * truncated_mean(mean, self.sd, lower=0.0), dtype=np.float64)


def gaussian_posterior(effect: ArrayLike, standard_error: ArrayLike, prior: GaussianPrior | None = None) -> Posterior:
    """The posterior of the effect.

    Args:
        effect, standard_error: arrays that broadcast together.
        prior: in the same unit; None or an improper one leaves effect and standard error as they are.
    """
    effects, errors = np.broadcast_arrays(floats("effect", effect), floats("standard error", standard_error))
    errors = np.where(errors > 0, errors, np.nan)
    effects = np.where(np.isnan(errors), np.nan, effects)
    if prior is None or not prior.proper:
        return Posterior(effects, errors)
    precision = 1 / np.square(errors) + 1 / prior.variance
    mean = (effects / np.square(errors) + prior.mean / prior.variance) / precision
    return Posterior(mean, np.sqrt(1 / precision))


def truncated_mean(mean: ArrayLike, sd: ArrayLike, *, lower: float | None = None, upper: float | None = None) -> Floats:
    """The mean of a normal variable given that it is above `lower` or below `upper`; exact far in the tail.

    Exactly one bound must be given.
    """
    if (lower is None) == (upper is None):
        raise ValueError("give either lower or upper")
    means, sds = floats("mean", mean), floats("sd", sd)
    if upper is not None:
        return -truncated_mean(-means, sds, lower=-upper)
    assert lower is not None
    distance = (lower - means) / sds
    return np.asarray(lower + sds * _excess(distance), dtype=np.float64)


def _excess(x: Floats) -> Floats:
    """E(Z - x | Z > x): the inverse Mills ratio less x, by its continued fraction where the two nearly cancel."""
    x = np.asarray(x, dtype=np.float64)
    near = np.exp(-0.5 * x * x - 0.5 * np.log(2 * np.pi) - log_ndtr(-x)) - x
    far = np.maximum(x, 10.0)
    fraction = np.zeros_like(far)
    for level in range(60, 1, -1):
        fraction = level / (far + fraction)
    return np.where(x > 10, 1 / (far + fraction), near)
