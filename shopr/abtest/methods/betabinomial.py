"""Proportions with Beta priors, any number of arms: exact posterior answers by quadrature on the log-odds scale.

On that scale the density of every Beta posterior is smooth and without edges, so panels of Gauss-Legendre points laid
over all arms give chance to be best, expected loss and intervals to about 1e-10, also for arms of millions of units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import betainc, betaincc, betaincinv, betaln, expit, logit, polygamma, psi

from shopr.abtest.checks import floats, positive, share
from shopr.errors import InputError

__all__ = ["BetaBinomial"]

Floats = NDArray[np.float64]
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_STEPS = np.concatenate((np.linspace(-12, 12, 33), [-60, -40, -25, -17, 17, 25, 40, 60]))


@dataclass(frozen=True)
class BetaBinomial:
    """The posterior of each arm's proportion.

    Args:
        successes, trials: of each arm, shape (arms,), 0 <= successes <= trials.
        prior: parameters of the Beta prior of every arm; (1, 1) is flat, (.5, .5) Jeffreys'.

    Raises:
        InputError: if the counts or the prior are outside their bounds.
    """

    successes: ArrayLike
    trials: ArrayLike
    prior: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        wins, trials = floats("successes", self.successes), floats("trials", self.trials)
        for value in self.prior:
            positive("prior parameter", value)
        if wins.ndim != 1 or wins.shape != trials.shape or not len(wins):
            raise InputError(f"successes {wins.shape} and trials {trials.shape} differ", hint="Give one of each an arm")
        if not np.all((wins >= 0) & (wins <= trials) & np.isfinite(trials)):
            raise InputError("an arm has fewer trials than successes, or negative ones", hint="Count units, then wins")

    @property
    def a(self) -> Floats:
        """First parameter of each arm's posterior."""
        return floats("successes", self.successes) + self.prior[0]

    @property
    def b(self) -> Floats:
        """Second parameter of each arm's posterior."""
        return floats("trials", self.trials) - floats("successes", self.successes) + self.prior[1]

    def mean(self) -> Floats:
        """Posterior mean of each arm."""
        return np.asarray(self.a / (self.a + self.b), dtype=np.float64)

    def interval(self, alpha: float = 0.05) -> tuple[Floats, Floats]:
        """Credible interval of each arm, half of `alpha` on each side."""
        tail = share("alpha", alpha) / 2
        return betaincinv(self.a, self.b, tail), betaincinv(self.a, self.b, 1 - tail)

    def chance_best(self) -> Floats:
        """The chance of each arm to have the highest proportion; they sum to 1."""
        at, weights = self._grid()
        density, below = self._density(at, weights), betainc(self.a[:, None], self.b[:, None], expit(at))
        return np.array(
            [np.sum(weights * density[i] * np.prod(np.delete(below, i, axis=0), axis=0)) for i in range(len(below))]
        )

    def expected_loss(self) -> Floats:
        """What each arm falls short of the best one by, on average, in proportion points."""
        at, weights = self._grid()
        density, below = self._density(at, weights), betainc(self.a[:, None], self.b[:, None], expit(at))
        best = 0.0
        for i in range(len(below)):
            best += np.sum(weights * expit(at) * density[i] * np.prod(np.delete(below, i, axis=0), axis=0))
        return np.asarray(best - self.mean(), dtype=np.float64)

    def chance_above(self, arm: int, control: int = 0, difference: float = 0.0) -> float:
        """The chance that `arm` has more than `control` by at least `difference` proportion points."""
        where = np.concatenate((expit(self._steps(arm)) - difference, [-difference, 1 - difference]))
        at, weights = self._grid(where)
        shifted = np.clip(expit(at) + difference, 0.0, 1.0)
        return float(
            np.sum(weights * self._density(at, weights)[control] * betaincc(self.a[arm], self.b[arm], shifted))
        )

    def difference(self, arm: int, control: int = 0, alpha: float = 0.05) -> tuple[float, float, float]:
        """Mean and credible interval of the difference `arm` - `control`: mean, lo, hi."""
        tail = share("alpha", alpha) / 2
        mean = float(self.mean()[arm] - self.mean()[control])
        lo, hi = (
            brentq(lambda d, level=level: self.chance_above(arm, control, d) - level, -1.0, 1.0, xtol=1e-13)
            for level in (1 - tail, tail)
        )
        return mean, float(lo), float(hi)

    def lift(self, arm: int, control: int = 0, alpha: float = 0.05) -> tuple[float, float, float]:
        """Median and credible interval of the relative lift `arm` / `control` - 1: median, lo, hi."""
        tail = share("alpha", alpha) / 2

        def above(log_ratio: float) -> float:
            ratio = np.exp(log_ratio)
            at, weights = self._grid(np.append(expit(self._steps(arm)), 1.0) / ratio)
            times = np.minimum(expit(at) * ratio, 1.0)
            mass = weights * self._density(at, weights)[control]
            return float(np.sum(mass * betaincc(self.a[arm], self.b[arm], times)))

        middle, lo, hi = (
            brentq(lambda r, level=level: above(r) - level, -60.0, 60.0, xtol=1e-13) for level in (0.5, 1 - tail, tail)
        )
        return float(np.expm1(middle)), float(np.expm1(lo)), float(np.expm1(hi))

    def _density(self, at: Floats, weights: Floats) -> Floats:
        """Of each arm on the log-odds scale, shape (arms, points)."""
        a, b = self.a[:, None], self.b[:, None]
        log_odds_density = -a * np.logaddexp(0, -at) - b * np.logaddexp(0, at) - betaln(a, b)
        density = np.exp(log_odds_density)
        # For millions of units the exponent is a small difference of large numbers: let the sum be 1 all the same.
        return np.asarray(density / (density @ weights)[:, None], dtype=np.float64)

    def _steps(self, arm: int | slice) -> Floats:
        """Places on the log-odds scale between which the density of an arm is smooth."""
        middle, sd = psi(self.a) - psi(self.b), np.sqrt(polygamma(1, self.a) + polygamma(1, self.b))
        return np.asarray(np.add.outer(middle, 0 * _STEPS)[arm] + np.multiply.outer(sd, _STEPS)[arm], dtype=np.float64)

    def _grid(self, where: Floats | None = None) -> tuple[Floats, Floats]:
        """Points close enough for every arm, and for what changes at the proportions `where`, with their weights."""
        edges = self._steps(slice(None)).ravel()
        if where is not None:
            edges = np.append(edges, logit(where[(where > 0) & (where < 1)]))
        edges = np.unique(edges[np.isfinite(edges)])
        half = np.diff(edges)[:, None] / 2
        at = (edges[:-1, None] + half * (1 + _POINTS)).ravel()
        return at, (half * _WEIGHTS).ravel()
