"""Sample size, power and the smallest effect a test can find, for every kind of metric and every way of reading it.

Everything follows from the variance of the metric per unit in each arm: means and proportions bring their own, ratios
that of the delta method, quantiles q(1-q)/f**2, CUPED what the covariates leave. Lehr 1992 and textbooks for the fixed
test; Jennison and Turnbull 2000 for the inflation by planned looks; for confidence sequences the radius at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import nct
from scipy.stats import t as student

from shopr.abtest.checks import Alternative, floats, positive, share, sides
from shopr.abtest.methods.confseq import sequence_radius
from shopr.errors import InputError

__all__ = ["Baseline", "PowerDesign", "minimum_effect", "power", "sample_size", "whole_arms"]

Floats = NDArray[np.float64]
_HALVINGS = 200
_MOST_UNITS = 1e18


@dataclass(frozen=True)
class Baseline:
    """What is known of a metric before the test.

    Attributes:
        value: its value in the control; relative effects are shares of it.
        variance: per unit: the squared standard error of an arm of n units is variance / n.
        binary: a proportion, so the treatment's variance follows its own value.
    """

    value: float
    variance: float
    binary: bool = False

    def __post_init__(self) -> None:
        if not np.isfinite(self.value):
            raise InputError(f"baseline {self.value} is no number", hint="Give the control's value")
        if not (np.isfinite(self.variance) and self.variance >= 0):
            raise InputError(f"variance {self.variance} is negative or missing", hint="Give 0 or more")

    @classmethod
    def mean(cls, value: float, sd: float) -> Baseline:
        """A mean with the standard deviation over units."""
        return cls(value, positive("standard deviation", sd) ** 2)

    @classmethod
    def proportion(cls, value: float) -> Baseline:
        """A share of units, strictly between 0 and 1."""
        share("proportion", value)
        return cls(value, value * (1 - value), binary=True)

    @classmethod
    def ratio(cls, numerator: tuple[float, float], denominator: tuple[float, float], covariance: float) -> Baseline:
        """A ratio of means by the delta method: (mean, variance) of both over units, and their covariance."""
        (above, above_variance), (below, below_variance) = numerator, denominator
        if below == 0:
            raise InputError("the denominator's mean is 0", hint="Choose a denominator that happens")
        value = above / below
        spread = above_variance - 2 * value * covariance + value**2 * below_variance
        return cls(value, max(spread, 0.0) / below**2)

    @classmethod
    def quantile(cls, value: float, q: float, density: float) -> Baseline:
        """A quantile `q` at `value`, where the density of the metric is `density`."""
        return cls(value, share("q", q) * (1 - q) / positive("density", density) ** 2)

    def reduced(self, correlation: float) -> Baseline:
        """The same with CUPED by a covariate of that correlation: the variance shrinks by its square."""
        if not -1 < correlation < 1:
            raise InputError(f"correlation {correlation} is outside -1 … 1", hint="Give it strictly within")
        return replace(self, variance=self.variance * (1 - correlation**2))

    def treated(self, effect: Floats) -> Floats:
        """The treatment's variance per unit under an absolute effect."""
        if not self.binary:
            return np.full(np.shape(effect), self.variance)
        plain = self.value * (1 - self.value)
        shifted = np.clip(self.value + effect, 0.0, 1.0)
        return np.asarray(shifted * (1 - shifted) * (self.variance / plain), dtype=np.float64)


@dataclass(frozen=True)
class PowerDesign:
    """How the test is split and read.

    Attributes:
        alpha: error of the whole test; `comparisons` divides it (Bonferroni over metrics and arms).
        alternative: "two-sided", "greater" or "less".
        shares: of the arms, control first, in any unit; the smallest treatment arm is the one that counts.
        margin: a loss that would be accepted (non-inferiority): the null is an effect of -margin against "greater", of
            +margin against "less". Absolute, 0 or more.
        inflation: what planned looks cost in units at the end (`GroupSequential.inflation`).
        tuning: read by confidence sequences with this tuning instead, at any time.
        student: t distribution instead of the normal (pooled degrees of freedom).
        both_tails: count rejections on the wrong side as power too, as some programs do.
    """

    alpha: float = 0.05
    alternative: Alternative = "two-sided"
    shares: tuple[float, ...] = (0.5, 0.5)
    comparisons: int = 1
    margin: float = 0.0
    inflation: float = 1.0
    tuning: float | None = None
    student: bool = False
    both_tails: bool = False

    def __post_init__(self) -> None:
        share("alpha", self.alpha)
        sides(self.alternative)
        if len(self.shares) < 2 or not all(np.isfinite(s) and s > 0 for s in self.shares):
            raise InputError(f"shares {list(self.shares)} are not two or more above 0", hint="Give one an arm")
        if self.comparisons < 1 or not np.isfinite(self.inflation) or self.inflation < 1:
            raise InputError(
                f"comparisons {self.comparisons} or inflation {self.inflation} is below 1", hint="Give 1 or more"
            )
        if self.margin < 0 or (self.margin > 0 and self.alternative == "two-sided"):
            raise InputError(
                f"margin {self.margin} does not suit {self.alternative}", hint="Give 0 or more, and one side"
            )

    @property
    def level(self) -> float:
        """The error of one comparison."""
        return self.alpha / self.comparisons

    @property
    def split(self) -> tuple[float, float]:
        """The control's and the smallest treatment's share of all units."""
        total = sum(self.shares)
        return self.shares[0] / total, min(self.shares[1:]) / total

    def shift(self, effect: Floats) -> Floats:
        """How far an effect lies on the side that is looked for."""
        toward = {"two-sided": np.abs(effect), "greater": effect, "less": -effect}[self.alternative]
        return np.asarray(toward + self.margin, dtype=np.float64)


def power(
    effect: ArrayLike, n: ArrayLike, baseline: Baseline, design: PowerDesign | None = None, *, relative: bool = False
) -> Floats:
    """The chance to find an effect with `n` units, all arms together.

    Args:
        effect: absolute, or a share of the baseline if `relative`; broadcasts with `n`.
        n: units, all arms together, above 0.
    """
    plan = design or PowerDesign()
    effects, units = np.broadcast_arrays(_absolute(effect, baseline, relative), floats("n", n))
    if not np.all((units > 0) | np.isnan(units)):
        raise InputError(f"n {np.min(units)} is not above 0", hint="Give the units of all arms together")
    control, treatment = plan.split
    counted = units / plan.inflation
    error = np.sqrt(baseline.variance / (control * counted) + baseline.treated(effects) / (treatment * counted))
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(error > 0, plan.shift(effects) / error, np.inf * np.sign(plan.shift(effects)))
    return _beyond(distance, counted * (control + treatment), plan)


def _beyond(distance: Floats, pair: Floats, plan: PowerDesign) -> Floats:
    two = sides(plan.alternative)
    if plan.tuning is not None:
        limit = sequence_radius(pair, plan.level, tuning=plan.tuning, two_sided=two == 2)
    elif plan.student:
        freedom = np.where(pair > 2, pair - 2, np.nan)
        limit = student.isf(plan.level / two, freedom)
        found = nct.sf(limit, freedom, distance)
        # Far out the noncentral t cannot be summed; the answer is then 1 or 0.
        found = np.where(np.isnan(found) & (np.abs(distance) > 30), distance > limit, found)
        wrong = np.nan_to_num(nct.cdf(-limit, freedom, distance)) if two == 2 and plan.both_tails else 0.0
        return np.asarray(found + wrong, dtype=np.float64)
    else:
        limit = np.asarray(-ndtri(plan.level / two))
    found = ndtr(distance - limit)
    return np.asarray(found + ndtr(-limit - distance) if two == 2 and plan.both_tails else found, dtype=np.float64)


def sample_size(
    effect: ArrayLike,
    baseline: Baseline,
    design: PowerDesign | None = None,
    *,
    power: float = 0.8,
    relative: bool = False,
) -> Floats:
    """The units, all arms together, at which an effect is found with chance `power`; not rounded (see `whole_arms`).

    Infinite where no number of units is enough (no effect, or one on the other side).
    """
    plan, wanted = design or PowerDesign(), share("power", power)
    effects = _absolute(effect, baseline, relative)
    control, treatment = plan.split
    shift = plan.shift(effects)
    spread = baseline.variance / control + baseline.treated(effects) / treatment
    if plan.tuning is None and not plan.student and not plan.both_tails:
        z = float(-ndtri(plan.level / sides(plan.alternative)) + ndtri(wanted))
        with np.errstate(divide="ignore", invalid="ignore"):
            n = np.square(max(z, 0.0) / shift) * spread * plan.inflation
        return np.asarray(np.where(shift > 0, n, np.inf), dtype=np.float64)

    def enough(log_n: Floats) -> NDArray[np.bool_]:
        return np.asarray(_power(effects, np.exp(log_n), baseline, plan) >= wanted, dtype=np.bool_)

    fewest = 3 / (control + treatment) if plan.student else 1e-3  # a degree of freedom must be left
    top = np.full(effects.shape, np.log(_MOST_UNITS))
    least = _first(enough, np.full(effects.shape, np.log(fewest)), top)
    return np.asarray(np.where(enough(top) & (shift > 0), np.exp(least), np.inf), dtype=np.float64)


_power = power


def minimum_effect(
    n: ArrayLike,
    baseline: Baseline,
    design: PowerDesign | None = None,
    *,
    power: float = 0.8,
    relative: bool = False,
) -> Floats:
    """The smallest effect that `n` units, all arms together, find with chance `power` (the MDE).

    Its sign is that of the alternative (above 0 for two sides). With a margin it may be on the harmless side of 0.
    Infinite where even the largest possible effect is missed (a proportion cannot pass 1).
    """
    plan, wanted = design or PowerDesign(), share("power", power)
    units = floats("n", n)
    sign = -1.0 if plan.alternative == "less" else 1.0
    room = (
        (1 - baseline.value if sign > 0 else baseline.value)
        if baseline.binary
        else 1e6 * (abs(baseline.value) + np.sqrt(baseline.variance) + plan.margin + 1e-300)
    )

    def enough(size: Floats) -> NDArray[np.bool_]:
        return np.asarray(_power(sign * size, units, baseline, plan) >= wanted, dtype=np.bool_)

    low, high = np.full(units.shape, -plan.margin), np.full(units.shape, room)
    size = np.where(enough(high), _first(enough, low, high), np.inf)
    found = sign * size
    return np.asarray(found / baseline.value if relative else found, dtype=np.float64)


def whole_arms(n: float, design: PowerDesign | None = None) -> tuple[int, ...]:
    """Units of each arm, rounded up so that every arm has its share of at least `n` units."""
    plan = design or PowerDesign()
    if not np.isfinite(n):
        raise InputError(f"{n} units cannot be had", hint="Look for a larger effect, or accept less power")
    total, smallest = sum(plan.shares), min(plan.shares[1:])
    least = ceil(n * smallest / total - 1e-9)
    return tuple(ceil(round(least * s / smallest, 9)) for s in plan.shares)


def _absolute(effect: ArrayLike, baseline: Baseline, relative: bool) -> Floats:
    effects = floats("effect", effect)
    return effects * baseline.value if relative else effects


def _first(enough: Callable[[Floats], NDArray[np.bool_]], low: Floats, high: Floats) -> Floats:
    """Where a condition that once begins to hold goes on holding begins, by halving."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        there = enough(middle)
        low, high = np.where(there, low, middle), np.where(there, middle, high)
        if np.all(high - low <= 1e-15 * np.maximum(np.abs(high), 1e-300)):
            break
    return high
