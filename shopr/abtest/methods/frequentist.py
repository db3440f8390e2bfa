"""Tests of a difference or a relative lift between two arms: t and z, one- and two-sided, non-inferiority, equivalence.

All functions take floats or arrays and work over them at once. P-values come from survival functions, so they stay
exact far out in the tails (1e-300), where 1 - cdf gives 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from shopr.abtest.checks import Alternative, alternative, share
from shopr.abtest.methods.arms import Arm

__all__ = [
    "Effect",
    "Estimate",
    "critical",
    "difference",
    "equivalence",
    "fieller",
    "interval",
    "judge",
    "lift",
    "log_lift",
]
__all__ += ["non_inferiority", "p_value", "welch_df"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """An effect with its error: what every test starts from.

    Attributes:
        estimate: treatment minus control, or the relative lift.
        se: standard error.
        df: degrees of freedom; infinite for the normal distribution.
        n: units of both arms.
    """

    estimate: Floats
    se: Floats
    df: Floats
    n: Floats


@dataclass(frozen=True)
class Estimate:
    """An effect with interval and p-value.

    Attributes:
        estimate: the effect.
        se: its standard error.
        df: degrees of freedom.
        lo: lower end of the interval; minus infinity for "less".
        hi: upper end; infinity for "greater".
        p: p-value.
        statistic: distance from the null in standard errors.
    """

    estimate: Floats
    se: Floats
    df: Floats
    lo: Floats
    hi: Floats
    p: Floats
    statistic: Floats


def welch_df(control: Arm, treatment: Arm) -> Floats:
    """Degrees of freedom of Welch and Satterthwaite (1946)."""
    one, other = control.variance / control.n, treatment.variance / treatment.n
    with np.errstate(invalid="ignore", divide="ignore"):
        below = one**2 / (control.n - 1) + other**2 / (treatment.n - 1)
        return np.asarray((one + other) ** 2 / below)


def difference(control: Arm, treatment: Arm, *, equal_variance: bool = False, normal: bool = False) -> Effect:
    """Treatment minus control.

    Args:
        control: the control.
        treatment: the treatment.
        equal_variance: pool the variances (Student's t) instead of Welch's.
        normal: use the normal distribution instead of t.
    """
    estimate = treatment.value - control.value
    variance, df = _spread(control, treatment, control.variance, treatment.variance, equal_variance)
    se = np.sqrt(np.where(variance >= 0, variance, np.nan))
    return Effect(estimate, se, np.full_like(df, np.inf) if normal else df, control.n + treatment.n)


def lift(control: Arm, treatment: Arm, *, normal: bool = False, plain_slope: bool = False) -> Effect:
    """The difference as a share of the control's size, by the delta method.

    The control occurs above and below the line; with covariates above the line only, its covariance enters. The share
    is of the control's absolute value: the sign of a lift is the sign of the difference. `plain_slope` linearises at
    the lift without covariates, as gbstats does for means; both agree where the covariates are balanced.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = treatment.value - control.value
        size = np.abs(control.base)
        turn = (treatment.base - control.base if plain_slope else gap) / control.base
        own = control.variance + 2 * turn * control.covariance + turn**2 * control.base_variance
        variance = (treatment.variance / treatment.n + own / control.n) / size**2
        df = welch_df(control, treatment)
        return Effect(
            gap / size, np.sqrt(variance), np.full_like(df, np.inf) if normal else df, control.n + treatment.n
        )


def p_value(statistic: ArrayLike, df: ArrayLike = np.inf, side: Alternative | str = "two-sided") -> Floats:
    """P-value of a t (or, with infinite `df`, z) statistic."""
    chosen = alternative(side)
    z = np.asarray(statistic, dtype=np.float64)
    if chosen == "two-sided":
        return np.asarray(np.minimum(2 * _upper_tail(np.abs(z), df), 1.0))
    return np.asarray(_upper_tail(z if chosen == "greater" else -z, df))


def critical(alpha: ArrayLike, df: ArrayLike = np.inf) -> Floats:
    """The value that a t (or z) variable exceeds with probability `alpha`."""
    level, freedom = np.asarray(alpha, dtype=np.float64), np.asarray(df, dtype=np.float64)
    normal, endless = -special.ndtri(level), np.isinf(freedom)
    if endless.all():
        return np.asarray(normal + np.zeros_like(freedom))
    with np.errstate(invalid="ignore"):
        student = -special.stdtrit(np.where(endless, 1.0, freedom), level)
    return np.asarray(np.where(endless, normal, student))


def judge(
    effect: Effect,
    *,
    null: ArrayLike = 0.0,
    side: Alternative | str = "two-sided",
    alpha: ArrayLike = 0.05,
) -> Estimate:
    """Test an effect against `null`, with its interval at 1 - alpha.

    A one-sided interval is open on the side of its alternative. An effect without error (no variance) has p NaN.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        statistic = np.where(effect.se > 0, (effect.estimate - np.asarray(null)) / effect.se, np.nan)
    lo, hi = interval(effect, side=side, alpha=alpha)
    return Estimate(effect.estimate, effect.se, effect.df, lo, hi, p_value(statistic, effect.df, side), statistic)


def interval(
    effect: Effect, *, side: Alternative | str = "two-sided", alpha: ArrayLike = 0.05
) -> tuple[Floats, Floats]:
    """Both ends of the interval at 1 - alpha."""
    chosen = alternative(side)
    level = np.asarray(alpha, dtype=np.float64)
    half = critical(level / 2 if chosen == "two-sided" else level, effect.df) * effect.se
    endless = np.full_like(half, np.inf)
    lo = -endless if chosen == "less" else effect.estimate - half
    hi = endless if chosen == "greater" else effect.estimate + half
    return np.asarray(lo), np.asarray(hi)


def fieller(
    control: Arm, treatment: Arm, *, side: Alternative | str = "two-sided", alpha: float = 0.05, normal: bool = False
) -> Estimate:
    """The relative lift with the interval of Fieller (1954): exact for normal means, skew as it should be.

    Where the control cannot be told from zero the interval is the whole line. The p-value is that of the difference: a
    lift is zero exactly where the difference is.
    """
    share("alpha", alpha)
    effect, gap = (
        lift(control, treatment, normal=normal),
        judge(difference(control, treatment, normal=normal), side=side),
    )
    chosen = alternative(side)
    t2 = critical(alpha / 2 if chosen == "two-sided" else alpha, effect.df) ** 2
    size = control.base
    below = control.base_variance / control.n
    above = control.variance / control.n + treatment.variance / treatment.n
    cross = -control.covariance / control.n
    with np.errstate(invalid="ignore", divide="ignore"):
        a = size**2 - t2 * below
        b = (treatment.value - control.value) * size - t2 * cross
        c = (treatment.value - control.value) ** 2 - t2 * above
        root = np.sqrt(np.maximum(b**2 - a * c, 0.0))
        ends = np.stack([(b - root) / a, (b + root) / a]) * np.sign(size)
        lo = np.where(a > 0, ends.min(axis=0), -np.inf)
        hi = np.where(a > 0, ends.max(axis=0), np.inf)
    lo = np.full_like(lo, -np.inf) if chosen == "less" else lo
    hi = np.full_like(hi, np.inf) if chosen == "greater" else hi
    return Estimate(effect.estimate, effect.se, effect.df, lo, hi, gap.p, gap.statistic)


def log_lift(
    control: Arm,
    treatment: Arm,
    *,
    side: Alternative | str = "two-sided",
    alpha: float = 0.05,
    equal_variance: bool = False,
    normal: bool = False,
) -> Estimate:
    """The relative lift with an interval from the log of the ratio: never below -100 %. For positive means.

    The p-value is that of the difference.
    """
    share("alpha", alpha)
    chosen = alternative(side)
    gap = judge(difference(control, treatment, equal_variance=equal_variance, normal=normal), side=side)
    with np.errstate(invalid="ignore", divide="ignore"):
        one = Arm(control.n, *[control.variance / control.value**2] * 5)
        other = Arm(treatment.n, *[treatment.variance / treatment.value**2] * 5)
        variance, df = _spread(one, other, one.variance, other.variance, equal_variance)
        ratio = treatment.value / control.value
        level = alpha / 2 if chosen == "two-sided" else alpha
        factor = np.exp(critical(level, np.full_like(df, np.inf) if normal else df) * np.sqrt(variance))
        lo = np.full_like(ratio, -np.inf) if chosen == "less" else ratio / factor - 1
        hi = np.full_like(ratio, np.inf) if chosen == "greater" else ratio * factor - 1
    effect = lift(control, treatment, normal=normal)
    return Estimate(ratio - 1, effect.se, gap.df, lo, hi, gap.p, gap.statistic)


def non_inferiority(
    effect: Effect, margin: ArrayLike, *, direction: Literal["increase", "decrease"] = "increase", alpha: float = 0.05
) -> Estimate:
    """Test that the effect is not worse than `margin` (a positive number, in the effect's unit).

    `direction` says which change is good. A small p shows that the loss, if any, is smaller than the margin.
    """
    share("alpha", alpha)
    loss = np.abs(np.asarray(margin, dtype=np.float64))
    if direction == "increase":
        return judge(effect, null=-loss, side="greater", alpha=alpha)
    return judge(effect, null=loss, side="less", alpha=alpha)


def equivalence(effect: Effect, lower: ArrayLike, upper: ArrayLike, *, alpha: float = 0.05) -> Estimate:
    """Two one-sided tests (Schuirmann 1987) that the effect lies between `lower` and `upper`.

    The interval is that at 1 - 2 alpha, which lies within the bounds exactly when p < alpha.
    """
    share("alpha", alpha)
    low = judge(effect, null=lower, side="greater", alpha=alpha)
    high = judge(effect, null=upper, side="less", alpha=alpha)
    worse = low.p >= high.p
    return Estimate(
        effect.estimate,
        effect.se,
        effect.df,
        low.lo,
        high.hi,
        np.maximum(low.p, high.p),
        np.where(worse, low.statistic, high.statistic),
    )


def _spread(one: Arm, other: Arm, first: Floats, second: Floats, equal: bool) -> tuple[Floats, Floats]:
    """Variance of a difference and its degrees of freedom."""
    with np.errstate(invalid="ignore", divide="ignore"):
        if not equal:
            return np.asarray(first / one.n + second / other.n), welch_df(one, other)
        df = one.n + other.n - 2
        pooled = ((one.n - 1) * first + (other.n - 1) * second) / df
        return np.asarray(pooled / one.n + pooled / other.n), np.asarray(df)


def _upper_tail(statistic: ArrayLike, df: ArrayLike) -> Floats:
    t, freedom = np.asarray(statistic, dtype=np.float64), np.asarray(df, dtype=np.float64)
    normal, endless = special.ndtr(-t), np.isinf(freedom)
    if endless.all():
        return np.asarray(normal + np.zeros_like(freedom))
    with np.errstate(invalid="ignore"):
        student = special.stdtr(np.where(endless, 1.0, freedom), -t)
    return np.asarray(np.where(endless, normal, student))
